"""CPU seconds of each stage of a conversion, and × real time per core.

    python benchmarks/stages.py                      # four minutes, the model "generic"
    python benchmarks/stages.py --seconds 60 --model models/generic

Every stage runs alone on a track of real music; CPU seconds count this process and its ffmpeg, so
they hold on a machine that does other things too. One thread computes the network, as in a run.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from material import cpu_seconds, write_wave

from libsep.config import Config
from libsep.library.survey import track_of_file
from libsep.media.decode import Decoder, hash_audio
from libsep.media.encode import AacCoder, Codec, StemEncoder
from libsep.media.ffmpeg import find_ffmpeg, version
from libsep.media.loudness import StemMeter
from libsep.media.stems import finalise
from libsep.media.tags import read_tags, write_tags
from libsep.media.verify import verify_stems
from libsep.pipeline import Assigner, Settings, process
from libsep.separation.cpu import processor_name, tune_allocator, use_one_thread
from libsep.separation.grid import segment_grid
from libsep.separation.registry import Model, find_model
from libsep.separation.separator import Separator
from libsep.separation.stream import separate_blocks
from libsep.track import TARGETS

CODECS = (
    ("AAC", "aac", "fast"),
    ("AAC, twoloop", "aac", "twoloop"),
    ("ALAC", "alac", "fast"),
)
Stretch = tuple[np.ndarray, np.ndarray]
"""Block of the mixture ``(2, T)`` and its stems ``(4, 2, T)``."""

Row = dict[str, float]
"""CPU seconds by stage."""


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=240.0, help="length of the track")
    parser.add_argument("--model", default="generic")
    arguments = parser.parse_args()
    tune_allocator()
    use_one_thread()
    model = find_model(arguments.model)
    separator = Separator(model)
    ffmpeg = find_ffmpeg()
    print(f"{separator.describe()}; {processor_name()}; {version(ffmpeg).splitlines()[0]}\n")
    with tempfile.TemporaryDirectory() as folder:
        source = write_wave(Path(folder) / "track.wav", arguments.seconds)
        shared, stretches = separate(source, separator, ffmpeg)
        rows = [
            shared | write(source, stretches, ffmpeg, codec=codec, coder=coder)
            for _, codec, coder in CODECS
        ]
        whole = [
            convert(source, model, separator, codec=codec, coder=coder)
            for _, codec, coder in CODECS
        ]
    print_table(rows, whole, arguments.seconds)


def separate(source: Path, separator: Separator, ffmpeg: Path) -> tuple[Row, list[Stretch]]:
    """Return the CPU seconds of all that comes before the encoder, and the stems."""
    grid = segment_grid(Config().separation, separator.model)
    row: Row = {}
    with counted(row, "hash and read tags"):
        hash_audio(source, ffmpeg=ffmpeg)
        read_tags(source)
    with (
        counted(row, "decode"),
        Decoder(source, ffmpeg=ffmpeg, block_samples=grid.hop_samples) as decoder,
    ):
        blocks = list(decoder)
    with counted(row, "separate"):
        stretches = list(separate_blocks(blocks, separator, grid, path=source))
    with counted(row, "loudness, peak, null"):
        meter = StemMeter(TARGETS, separator.model.sample_rate)
        for mixture, stems in stretches:
            meter.add(mixture, stems)
        meter.loudness_lufs()
    return row, stretches


def write(
    source: Path, stretches: list[Stretch], ffmpeg: Path, *, codec: Codec, coder: AacCoder
) -> Row:
    """Return the CPU seconds of all that comes after the separator."""
    encoded, final = source.with_name("encoded.mp4"), source.with_name("written.stem.mp4")
    row: Row = {}
    with (
        counted(row, "encode"),
        StemEncoder(encoded, ffmpeg=ffmpeg, codec=codec, aac_coder=coder) as encoder,
    ):
        for mixture, stems in stretches:
            encoder.write(mixture, stems)
        encoder.close()
    with counted(row, "tag and assemble"):
        write_tags(encoded, read_tags(source))
        finalise(encoded, final)
    with counted(row, "verify"):
        verify_stems(final).raise_if_broken()
    return row


def convert(
    source: Path, model: Model, separator: Separator, *, codec: Codec, coder: AacCoder
) -> float:
    """Return the CPU seconds of a whole conversion."""
    config = Config().replaced(encode={"codec": codec, "aac_coder": coder})
    goal = source.with_name("whole.stem.mp4")
    goal.unlink(missing_ok=True)
    settings = Settings(
        config=config, models={model.name: model}, output_root=goal.parent, run="benchmark"
    )
    track, _ = track_of_file(source, goal)
    to_model = {"separation": {"model": str(model.folder)}, "routing": {"listen": False}}
    assignment = Assigner(config.replaced(**to_model)).assign(track, None)
    if assignment is None:
        raise SystemExit("this benchmark listens to no track")
    row: Row = {}
    with counted(row, "whole"):
        outcome = process(track, None, separator, settings, assignment)
    if outcome.status != "done":
        raise SystemExit(outcome.message)
    return row["whole"]


@contextlib.contextmanager
def counted(row: Row, stage: str) -> Iterator[None]:
    """Put the CPU seconds of the block into ``row``."""
    before_s = cpu_seconds()
    yield
    row[stage] = cpu_seconds() - before_s


def print_table(rows: list[Row], whole_s: list[float], duration_s: float) -> None:
    """Print the stages as a Markdown table, CPU seconds for each codec."""
    sums_s = [sum(row.values()) for row in rows]
    print_row(f"CPU seconds for {duration_s:.0f} s of music", [name for name, *_ in CODECS])
    print("| --- |" + " ---: |" * len(CODECS))
    for stage in rows[0]:
        print_row(stage, [f"{row[stage]:.2f}" for row in rows])
    print_row("sum of the stages", [f"{total:.2f}" for total in sums_s])
    print_row("whole conversion", [f"{total:.2f}" for total in whole_s])
    ratios = (whole / total for whole, total in zip(whole_s, sums_s, strict=True))
    print_row("whole ÷ sum", [f"{ratio:.2f}" for ratio in ratios])
    print_row("× real time per core", [f"{duration_s / whole:.1f}" for whole in whole_s])


def print_row(name: str, cells: list[str]) -> None:
    """Print one line of a Markdown table."""
    print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
