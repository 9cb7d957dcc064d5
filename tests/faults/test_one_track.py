"""ffmpeg and disks go wrong under one track: its row says so, and another try converts it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from libsep.config import Config, load
from libsep.ledger import FOLDER, Ledger
from libsep.library.audit import audit
from libsep.library.naming import Namer
from libsep.library.scan import named, scan
from libsep.media.ffmpeg import find_ffmpeg
from libsep.pipeline import Settings, process
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.track import Outcome, Track

from ..conftest import assignment
from ..processes import wait_until
from .causes import (
    Order,
    Place,
    can_mount,
    contents,
    running,
    small_disk,
    write_faulty_ffmpeg,
)

Convert = Callable[..., Outcome]

SOURCE, OUTPUT = "a/one.wav", "a/one.stem.mp4"

ENCODE = ("pipe:0", ".one.stem.mp4")
"""Words that stand in the command line of the encoder of the track only."""

HASH, DECODE = ("-f data", "one.wav"), ("-f f32le", "one.wav")


@pytest.fixture
def track(place: Place) -> Track:
    """Return ``a/one.wav``; the library holds no other track."""
    (place.library / "a").mkdir()
    (place.library / "one.wav").rename(place.library / SOURCE)
    for name in ("b/two.flac", "b/three.mp3", "c/four.ogg"):
        (place.library / name).unlink()
    config = Config().scan
    (found,) = named(scan(place.library, place.stems, extensions=config.extensions), Namer())
    return found


@pytest.fixture
def convert(place: Place, track: Track, tiny_model: Model) -> Convert:
    """Return a function that converts the track with an ffmpeg, and appends the row."""
    config = load(Config, place.config)
    separator = Separator(tiny_model, device="cpu", precision="float32")
    n_runs = 0

    def run(ffmpeg: Path | None = None, stall_timeout_s: float = 60.0) -> Outcome:
        nonlocal n_runs
        n_runs += 1
        settings = Settings(
            config=config.replaced(decode={"ffmpeg": ffmpeg, "stall_timeout_s": stall_timeout_s}),
            models={tiny_model.name: tiny_model},
            output_root=place.stems,
            run=f"run{n_runs}",
        )
        ledger = Ledger(place.stems / FOLDER)
        previous = ledger.latest().get(SOURCE)
        outcome = process(track, previous, separator, settings, assignment(tiny_model))
        ledger.begin(settings.run)
        ledger.append(outcome)
        ledger.end()
        return outcome

    return run


def errors(place: Place) -> list[str]:
    """Return the errors of an audit."""
    found = audit(place.library, place.stems, Config().scan, ffmpeg=find_ffmpeg())
    return [f"{f.path}: {f.message}" for f in found.findings if f.severity == "error"]


@pytest.mark.parametrize(
    ("words", "n_bytes", "message"),
    [
        (HASH, 1000, "killed by SIGKILL"),
        (DECODE, 300_000, "killed by SIGKILL"),
        (ENCODE, 2_000_000, "killed by SIGKILL"),
        (("-f f32le", ".one.stem.mp4"), 1000, "killed by SIGKILL"),
    ],
    ids=["hash", "decode", "encode", "verify"],
)
def test_a_killed_ffmpeg_costs_no_more_than_another_try(
    place: Place, convert: Convert, words: tuple[str, ...], n_bytes: int, message: str
) -> None:
    before = contents(place.library)
    order = Order(do="kill", words=words, n_bytes=n_bytes)
    first = convert(write_faulty_ffmpeg(place.folder / "bin", [order]))
    assert (first.status, first.kind) == ("failed", "fault"), first
    assert message in first.message
    assert errors(place) == []
    second = convert()
    assert (second.status, second.action) == ("done", "convert"), second.message
    assert errors(place) == []
    assert contents(place.library) == before


@pytest.mark.parametrize("words", [HASH, DECODE, ENCODE], ids=["hash", "decode", "encode"])
def test_an_ffmpeg_that_stands_still_is_given_up_and_leaves_no_process(
    place: Place, convert: Convert, words: tuple[str, ...]
) -> None:
    order = Order(do="hang", words=words, n_bytes=1000)
    first = convert(write_faulty_ffmpeg(place.folder / "bin", [order]), stall_timeout_s=2.0)
    assert (first.status, first.kind) == ("failed", "fault"), first
    assert "moved no byte for 2 s" in first.message
    wait_until(lambda: not running(str(place.folder)))
    assert errors(place) == []
    assert convert().status == "done"
    assert errors(place) == []


def test_an_ffmpeg_that_writes_short_and_says_all_is_well_is_found_out(
    place: Place, convert: Convert
) -> None:
    order = Order(do="short", words=ENCODE, n_bytes=2_000_000)
    first = convert(write_faulty_ffmpeg(place.folder / "bin", [order]))
    assert (first.status, first.error, first.kind) == ("failed", "VerifyError", "fault"), first
    assert not (place.stems / OUTPUT).exists()
    assert errors(place) == []
    assert convert().status == "done"
    assert errors(place) == []


@pytest.mark.parametrize("n_bytes", [60_000, 400_000, 700_000])
def test_a_full_disk_leaves_nothing_half(place: Place, convert: Convert, n_bytes: int) -> None:
    """The stem file has half a megabyte, and is there twice before it gets its name."""
    goal = place.stems / OUTPUT
    with small_disk(goal.parent, n_bytes):
        first = convert()
        assert (first.status, first.kind) == ("failed", "fault"), first
        assert list(goal.parent.iterdir()) == []
    assert errors(place) == []
    assert convert().status == "done"
    assert errors(place) == []


def test_a_disk_that_became_read_only_is_no_fault_of_the_track(
    place: Place, convert: Convert
) -> None:
    if not can_mount():
        pytest.skip("root may write everywhere, and nothing can be mounted here")
    goal = place.stems / OUTPUT
    with small_disk(goal.parent, 10_000_000):
        subprocess.run(["mount", "-o", "remount,ro", goal.parent], check=True)
        first = convert()
        assert (first.status, first.kind) == ("failed", "fault"), first
        assert "Read-only file system" in first.message
    assert errors(place) == []
    assert convert().status == "done"
