"""A tagged stem file, and how it is to be extracted."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from libsep.extraction.extract import Job
from libsep.extraction.selection import Selection
from libsep.media.tags import Picture, Tags, write_tags

from ..media.conftest import sources, write_stem_file

__all__ = ["sources"]


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(buffer, "PNG")
    return buffer.getvalue()


PNG = _png()

TAGS = Tags(
    fields={
        "title": ("Größen & <b>",),
        "artist": ("One", "Two"),
        "genre": ("Techno",),
        "bpm": ("127.5",),
        "track": ("3",),
        "track_total": ("12",),
        "comment": ("line one\nline two",),
        "musicbrainz_recording": ("0b2d3b5f-0000-4000-8000-000000000000",),
        "website": ("https://example.org/",),
    },
    extras={"MYKEY": ("mine",)},
    pictures=(Picture(data=PNG),),
    rating=80,
)


@pytest.fixture(scope="session")
def stem_file(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> Path:
    """Return a tagged stem file of 1.1 s, lossless, at a length that fits no frame."""
    rng = np.random.default_rng(20261128)
    stems = 0.02 * rng.standard_normal((4, 2, 48_123))
    stems[..., 1:] += 0.9 * stems[..., :-1]
    sources = np.concatenate([stems.sum(axis=0)[None], stems]).astype(np.float32)
    path: Path = tmp_path_factory.mktemp("library") / "Track.stem.mp4"
    write_stem_file(path, sources, ffmpeg, codec="alac")
    assert write_tags(path, TAGS) == ()
    return path


@pytest.fixture
def job(tmp_path: Path, ffmpeg: Path) -> Job:
    return Job(selection=Selection(), format_name="wav", output=tmp_path / "out", ffmpeg=ffmpeg)
