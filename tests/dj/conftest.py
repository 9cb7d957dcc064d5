"""Stem files as far as lists look at them: tags, fingerprint and Serato's atoms."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.media.tags import Fingerprint, Tags, write_tags
from libsep.media.tags.serato import from_id3

from ..media.conftest import write_stem_file
from ..serato_data import GRID, cue, markers2

MakeStem = Callable[..., Path]
MakeMp3 = Callable[[str, Path], None]


@pytest.fixture
def make_stem(ffmpeg: Path, tmp_path: Path) -> MakeStem:
    """Return a function that writes a stem file of a source into ``STEMS`` below ``tmp_path``."""

    def make(
        source: str,
        *,
        codec: str = "aac",
        is_ours: bool = True,
        serato: dict[str, bytes] | None = None,
        **fields: str,
    ) -> Path:
        path = (tmp_path / "STEMS" / source).with_suffix(".stem.mp4")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_stem_file(path, np.zeros((5, 2, 4410), np.float32), ffmpeg, codec=codec)
        fingerprint = Fingerprint(
            source=source, audio_sha256="a", tags_sha256="b", model="fast", model_sha256="c",
            config_sha256="d", size_bytes=1, mtime_ns=1, duration_s=200.5, genre="rock", run="r",
        )  # fmt: skip
        tags = Tags(fields={name: (text,) for name, text in fields.items()}, serato=serato or {})
        assert write_tags(path, tags, fingerprint=fingerprint if is_ours else None) == ()
        return path

    return make


@pytest.fixture
def mp3(ffmpeg: Path) -> MakeMp3:
    """Return a function that writes an MP3 with a header of the kind that is named.

    ffmpeg writes its own, reduced one. Those of LAME are made of it: with its name, and with its
    checksum (CRC-16/ARC), right or wrong.
    """

    def make(header: str, path: Path) -> None:
        path.parent.mkdir(parents=True)
        command = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", "sine=d=0.1", "-id3v2_version", "0",
                   *(("-write_xing", "0") if header == "none" else ()), "-y", path]  # fmt: skip
        subprocess.run(command, check=True)
        data = bytearray(path.read_bytes())
        place = data.find(b"Lavc")
        if header in ("unverified", "lame"):
            data[place : place + 9] = b"LAME3.100"
            value = 0
            for bit in (byte >> n & 1 for byte in data[: place + 34] for n in range(8)):
                value = (value >> 1) ^ (0xA001 if (value ^ bit) & 1 else 0)
            value ^= header == "unverified"
            data[place + 34 : place + 36] = value.to_bytes(2, "big")
        path.write_bytes(data)

    return make


@pytest.fixture
def stems(make_stem: MakeStem) -> Path:
    serato, _ = from_id3(
        {"Serato Markers2": markers2(cue(2, 1500, b"Intro")), "Serato BeatGrid": GRID},
        mp3=None,
    )
    make_stem("Music/two.flac", title="Two", artist="B", serato=serato, bpm="115", key="Am")
    return make_stem("a/one.mp3", title="One <1>", artist="Ä").parents[1]
