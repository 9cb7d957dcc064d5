"""Names of tracks as text, and what a track is in memory."""

import dataclasses
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsep.track import Outcome, Track, path_to_text, text_to_path

from .conftest import track_called

names = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"\0" not in name and b"/" not in name and name not in (b".", b"..")
)


@given(names)
def test_any_name_of_a_file_survives_as_text(name: bytes) -> None:
    path = Path(os.fsdecode(name))
    text = path_to_text(path)
    assert path_to_text(os.fsdecode(name)) == text, "a name is the same text as a path"
    text.encode("utf-8")  # valid Unicode, or this raises
    assert os.fsencode(text_to_path(text)) == name


@given(names, names)
def test_different_names_have_different_texts(one: bytes, other: bytes) -> None:
    texts = {path_to_text(Path(os.fsdecode(name))) for name in (one, other)}
    assert len(texts) == len({one, other})


def test_usual_names_stay_as_they_are() -> None:
    assert path_to_text(Path("Größe/三 [live].flac")) == "Größe/三 [live].flac"


def test_an_outcome_becomes_a_row_of_plain_values() -> None:
    outcome = Outcome(source="a", output="b", status="done", warnings=("odd",))
    row = outcome.as_row()
    assert row["warnings"] == ["odd"]
    assert set(row) == {field.name for field in dataclasses.fields(Outcome)}


def track(number: int) -> Track:
    """Return a track of an album of ten, with names as long as real ones."""
    name = f"Artist {number // 100:05d}/Album {number // 10:06d}/{number:07d} Title"
    return Track(
        path_name=f"/music/{name}.flac",
        source_name=f"{name}.flac",
        output_name=f"{name}.stem.mp4",
        size_bytes=30_000_000 + number,
        mtime_ns=1_700_000_000_000_000_000 + number,
        duration_s=240.0 + number,
    )


@pytest.mark.parametrize(
    ("name", "size_bytes", "seconds"),
    [
        ("broken.mp3", 5, 0.0),
        ("empty.wav", 0, 0.0),
        ("hour.MP3 ", 86_400_000, 3600.0),
        ("no extension", 240_000, 10.0),
        ("album.wav", 176_400 * 60, 60.0),
        ("album.flac", 120_000 * 60, 60.0),
        ("disc.dsf", 705_600 * 60, 60.0),
        ("clip.avi", 250_000 * 60, 60.0),
    ],
)
def test_a_length_that_no_header_tells_is_guessed_by_size_and_kind(
    name: str, size_bytes: int, seconds: float
) -> None:
    untold = track_called(name, size_bytes=size_bytes)
    assert untold.expected_s == pytest.approx(seconds, abs=1e-3)
    assert dataclasses.replace(untold, duration_s=7.0).expected_s == 7.0


def test_a_million_tracks_fit_into_a_laptop() -> None:
    tracemalloc.start()
    try:
        tracks = [track(number) for number in range(1000)]
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes / len(tracks) < 650  # with `Path` objects in place of its names, 870
    assert tracks[1].output == Path("Artist 00000/Album 000000/0000001 Title.stem.mp4")
    assert tracks[1].path == Path("/music") / tracks[1].source
