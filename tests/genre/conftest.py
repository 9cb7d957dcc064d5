"""Tracks with tags, as the scan of a library gives them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from libsep.track import Track

MakeTrack = Callable[..., Track]


@pytest.fixture
def make_track(tmp_path: Path) -> MakeTrack:
    """Return a function that makes a track of a library in ``tmp_path``; no file is written."""

    def make(*genres: str, source: str = "a/track.flac") -> Track:
        return Track(
            path_name=str(tmp_path / source),
            source_name=source,
            output_name=str(Path(source).with_suffix(".stem.mp4")),
            size_bytes=1,
            mtime_ns=1,
            genres=genres,
        )

    return make
