"""What a process of the pool does with a hostile file: the whole pipeline, in bounded memory."""

import contextlib
import dataclasses
import functools
import resource
import time
from pathlib import Path

import torch

from libsep.config import Config
from libsep.library.survey import track_of_file
from libsep.pipeline import Settings, process
from libsep.separation.registry import Model, read_model
from libsep.separation.separator import Separator
from libsep.track import Assignment, Outcome

FFMPEG_MEMORY_KB = 2_000_000
"""Address space of an ffmpeg; it takes a few hundred megabytes, most of it for its threads."""

SPARE_BYTES = 1 << 30
"""Address space that a process may take beyond what it has when it is ready."""

CONFIG = Config().replaced(
    separation={"segment_s": 2.0, "overlap_s": 0.1, "precision": "float32", "device": "cpu"},
    decode={"stall_timeout_s": 300.0},
)
"""Little to compute, and more patience than by default: a busy machine is no hostile file."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What became of a file, and what it took.

    ``wall_s`` is in seconds. ``grown_bytes`` is how much memory the process had at
    most, above what it had before. ``children`` are the programs that still run.
    """

    path: Path
    outcome: Outcome
    wall_s: float
    grown_bytes: int
    children: tuple[int, ...]


def convert(path: Path, model_folder: Path, output_root: Path) -> Result:
    """Take a file through the scan's reader and the pipeline, as a run does."""
    model, separator = _ready(model_folder)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before_bytes = _status_bytes("VmRSS")
    start = time.perf_counter()
    track, _ = track_of_file(path)
    assignment = Assignment(
        model=model.name,
        model_sha256=model.sha256,
        genre="generic",
        genre_reason="no routing",
        genre_source="option",
    )
    settings = Settings(
        config=CONFIG, models={model.name: model}, output_root=output_root, run="hostile"
    )
    outcome = process(track, None, separator, settings, assignment)
    return Result(
        path=path,
        outcome=outcome,
        wall_s=time.perf_counter() - start,
        grown_bytes=_status_bytes("VmHWM") - before_bytes,
        children=running_children(),
    )


@functools.cache
def _ready(model_folder: Path) -> tuple[Model, Separator]:
    """Load the model, work once with it, and take no more memory than a little from then on."""
    torch.set_num_threads(1)
    model = read_model(model_folder)
    separator = Separator(model, device="cpu", precision="float32")
    list(separator.map(iter([torch.randn(2, 88200).numpy()])))
    limit_memory()
    return model, separator


def limit_memory() -> None:
    """Let this process have no more address space than it has and a little."""
    limit_bytes = _status_bytes("VmSize") + SPARE_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))


def _status_bytes(field: str) -> int:
    """Return a size that the kernel tells of this process."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    size_kb = next(line.split()[1] for line in status.splitlines() if line.startswith(field))
    return 1024 * int(size_kb)


def running_children() -> tuple[int, ...]:
    """Return the programs that this process has started and that have not ended."""
    children: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        # A thread that has been joined may still be there, and be gone a moment later.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            children += map(int, (thread / "children").read_text(encoding="ascii").split())
    return tuple(children)
