"""The ``libsep`` command on a small real library, in this process or one of its own."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import mutagen
import numpy as np
import pytest
import yaml

from libsep.ledger import FOLDER
from libsep.separation.registry import Model

from ..conftest import write_songs
from ..processes import COMMAND, Ended, ended_here

GOOD = {
    "One.stem.mp4",
    "nested/deeper/Zwei Größen.stem.mp4",
    "三.stem.mp4",
    "nested/deeper/Four [live].stem.mp4",
}
BAD = {"empty.mp3", "letter.mp3", "broken.flac"}
"""What becomes of the tracks of `library`: stem files, or failures."""


def stems_in(folder: Path) -> set[str]:
    """Return the finished files of an output folder, without libsep's own."""
    found = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    return {str(path) for path in found if path.parts[0] != FOLDER}


@pytest.fixture
def config_file(tmp_path: Path, tiny_model: Model) -> Path:
    """Return a configuration that makes short tracks quick to convert."""
    values = {
        "separation": {"model": str(tiny_model.folder), "segment_s": 2.0, "overlap_s": 0.5},
        "routing": {"listen": False},  # another process, which these tests are not about
        "run": {"separators": 1, "tracks_in_flight": 2, "min_free_bytes": 0},
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def environment() -> dict[str, str]:
    """Return the environment of a command: ours, without what pytest sets for itself."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}


@pytest.fixture
def libsep() -> Callable[..., Ended]:
    """Return a function that runs the command to its end and returns how it ended.

    In a process of its own if it may start Ray; what else it does is the same in this one.
    """

    def run(*arguments: object) -> Ended:
        if arguments[0] not in ("run", "doctor") or "--dry-run" in arguments:
            return ended_here(*arguments)
        command = [*COMMAND, *(os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments)]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=1500, env=environment()
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def start_libsep(tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Yield a function that starts the command and leaves it running, until the test ends.

    Its working folder, and that of all its children, is ``tmp_path``.
    """
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object) -> "subprocess.Popen[str]":
        # Tests in the background of a script ignore Ctrl-C; what they start must not.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen(
            [*COMMAND, *(str(argument) for argument in arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            cwd=tmp_path,
        )
        signal.signal(signal.SIGINT, before)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def songs_folder(tmp_path: Path) -> Path:
    """Return a folder of two songs, as short as all measures can be taken of."""
    return write_songs(tmp_path / "songs", 1.5)


@pytest.fixture
def library(tmp_path: Path, encode: Callable[..., Path], rng: np.random.Generator) -> Path:
    """Return a library of four good tracks in nested folders and three bad ones."""
    folder = tmp_path / "music"
    names = ("One.mp3", "Zwei Größen.flac", "三.ogg", "Four [live].m4a")
    for index, name in enumerate(names):
        noise = rng.standard_normal((2, 3 * 44100)).astype(np.float32)
        noise[:, 1:] += 0.9 * noise[:, :-1]
        made = encode(name, 0.05 * noise * (index + 1))
        file = mutagen.File(made, easy=True)
        file["title"] = Path(name).stem
        file["genre"] = "Techno"
        file.save()
        place = folder / ("nested/deeper" if index % 2 else ".") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, place)
    (folder / "empty.mp3").write_bytes(b"")
    (folder / "letter.mp3").write_text("Dear reader, this is no song.\n" * 40)
    broken = (folder / "One.mp3").read_bytes()
    (folder / "broken.flac").write_bytes(broken[:200])
    return folder
