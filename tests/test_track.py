"""What a track is in memory."""

import tracemalloc
from pathlib import Path

from libsep.track import Track


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
