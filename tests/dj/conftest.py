"""Stem files as far as lists look at them: tags, fingerprint and Serato's atoms."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from libsep.media.tags import Fingerprint, Tags, write_tags

MakeStem = Callable[..., Path]


@pytest.fixture
def make_stem(ffmpeg: Path, tmp_path: Path) -> MakeStem:
    """Return a function that writes a stem file of a source into ``STEMS`` below ``tmp_path``."""

    def make(source: str, *, serato: dict[str, bytes] | None = None, **fields: str) -> Path:
        path = (tmp_path / "STEMS" / source).with_suffix(".stem.mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        command = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", "anullsrc=d=0.1", "-y", path]
        subprocess.run(command, check=True)
        fingerprint = Fingerprint(
            source=source, audio_sha256="a", tags_sha256="b", model="fast", model_sha256="c",
            config_sha256="d", size_bytes=1, mtime_ns=1, duration_s=200.5, genre="rock", run="r",
        )  # fmt: skip
        tags = Tags(fields={name: (text,) for name, text in fields.items()}, serato=serato or {})
        assert write_tags(path, tags, fingerprint=fingerprint) == ()
        return path

    return make
