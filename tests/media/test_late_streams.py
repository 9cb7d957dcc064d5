"""Streams that begin after 0: nothing of them is lost, and nothing is missed."""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from libsep.media.decode import Decoder

from ..conftest import Encode

RATE = 44100


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("x.webm", "libopus"),
        ("x.mka", "flac"),
        ("x.mkv", "libvorbis"),
        ("x.ogg", "libvorbis"),
        ("x.opus", "libopus"),
        ("x.ts", "mp2"),
        ("x.wma", "wmav2"),
        ("x.m4a", "alac"),
    ],
)
def test_a_stream_that_begins_late_is_whole(
    encode: Encode,
    ffmpeg: Path,
    noise: np.ndarray,
    tmp_path: Path,
    name: str,
    codec: str,
) -> None:
    plain = encode("plain.wav", noise)
    path = tmp_path / name
    late = ["-itsoffset", "3", "-i", plain, "-c:a", codec]
    subprocess.run([ffmpeg, "-v", "error", *late, path], check=True)
    with Decoder(path, ffmpeg=ffmpeg, block_samples=RATE) as decoder:
        list(decoder)
    assert decoder.warnings == []
    assert abs(decoder.n_samples - 2 * RATE) < 2500


def pages(data: bytes) -> list[bytes]:
    """Return the pages of an Ogg file."""
    found, position = [], 0
    while position < len(data):
        n_bytes = 27 + data[position + 26]
        n_bytes += sum(data[position + 27 : position + n_bytes])
        found.append(data[position : position + n_bytes])
        position += n_bytes
    return found


@pytest.mark.parametrize("codec", ["libvorbis", "libopus", "flac"])
def test_an_ogg_that_lost_its_beginning_is_whole(
    encode: Encode, ffmpeg: Path, noise: np.ndarray, codec: str
) -> None:
    path = encode("x.ogg", np.tile(noise, 6), "-c:a", codec, "-f", "ogg")
    all_pages = pages(path.read_bytes())
    heads = [page for page in all_pages if page[6:14] == bytes(8)]
    rest = all_pages[len(heads) :]
    path.write_bytes(b"".join(heads + rest[len(rest) // 2 :]))
    with Decoder(path, ffmpeg=ffmpeg, block_samples=RATE) as decoder:
        list(decoder)
    assert not any("missing" in warning for warning in decoder.warnings)
    assert 4 * RATE < decoder.n_samples < 8 * RATE
