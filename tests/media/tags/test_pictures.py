"""Covers of every kind that libraries hold; what plays as a cover afterwards is JPEG or PNG."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mutagen.mp4 import MP4
from PIL import Image

from libsep.media.tags import Picture, Tags, write_tags
from libsep.media.tags.pictures import MAX_PICTURE_BYTES


def covers(path: Path, *pictures: Picture) -> tuple[list[tuple[bytes, int]], tuple[str, ...]]:
    """Return bytes and format code of the covers in a file after writing, and what was lost."""
    losses = write_tags(path, Tags(pictures=pictures, fields={"title": ("t",)}))
    tags = MP4(path).tags
    assert tags["©nam"] == ["t"]
    return [(bytes(cover), int(cover.imageformat)) for cover in tags.get("covr", [])], losses


def noise_image(size: int, rng: np.random.Generator, kind: str) -> bytes:
    buffer = io.BytesIO()
    pixels = rng.integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


def test_the_front_cover_comes_first_and_bytes_stay(
    encoded: Path, picture: Callable[..., bytes]
) -> None:
    icon, back = picture("PNG", "green"), picture("JPEG", "blue")
    front = picture("PNG", "red")
    found, losses = covers(
        encoded, Picture(data=icon, kind=1), Picture(data=back, kind=4), Picture(data=front, kind=3)
    )
    assert found == [(front, 14), (back, 13), (icon, 14)]
    assert losses == ()


@pytest.mark.parametrize(("kind", "code"), [("WEBP", 13), ("BMP", 13), ("GIF", 14), ("TIFF", 13)])
def test_other_formats_are_encoded_again(
    kind: str, code: int, encoded: Path, picture: Callable[..., bytes]
) -> None:
    [(data, found)], losses = covers(encoded, Picture(data=picture(kind, "red"), mime="image/jpeg"))
    assert (found, losses) == (code, ())
    with Image.open(io.BytesIO(data)) as image:
        red, green, blue = image.convert("RGB").getpixel((4, 4))
    assert red > 240
    assert max(green, blue) < 15


def test_transparency_survives(encoded: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 10)).save(buffer, "WEBP", lossless=True)
    [(data, code)], _ = covers(encoded, Picture(data=buffer.getvalue()))
    with Image.open(io.BytesIO(data)) as image:
        assert (code, image.getpixel((0, 0))) == (14, (255, 0, 0, 10))


def test_the_bytes_decide_not_the_claim(encoded: Path, picture: Callable[..., bytes]) -> None:
    data = picture("PNG")
    assert covers(encoded, Picture(data=data, mime="image/jpeg")) == ([(data, 14)], ())


def test_a_cover_of_megabytes_is_carried(encoded: Path, rng: np.random.Generator) -> None:
    data = noise_image(1024, rng, "PNG")
    assert len(data) > 3_000_000
    assert covers(encoded, Picture(data=data)) == ([(data, 14)], ())


def test_broken_pictures_are_dropped_and_listed(
    encoded: Path, rng: np.random.Generator, picture: Callable[..., bytes]
) -> None:
    whole = noise_image(64, rng, "JPEG")
    good = picture("PNG")
    found, losses = covers(
        encoded,
        Picture(data=whole[: len(whole) // 2]),
        Picture(data=b"just text, no picture"),
        Picture(data=noise_image(64, rng, "PNG")[:-400], kind=4),
        Picture(data=b"", kind=0),
        Picture(data=good, kind=0),
    )
    assert found == [(good, 14)]
    assert len(losses) == 4
    assert losses[0].startswith(f"cover of {len(whole) // 2} bytes dropped: ")
    assert losses[1] == "cover of 21 bytes dropped: it is no picture"
    assert losses[2].startswith("picture of ")


def test_pictures_beyond_the_limits_are_dropped(
    encoded: Path, picture: Callable[..., bytes]
) -> None:
    small = picture("PNG")
    size = struct.pack(">II", 20_000, 20_000)
    header = b"IHDR" + size + small[24:29]
    bomb = small[:12] + header + struct.pack(">I", zlib.crc32(header)) + small[33:]
    too_large = b"\x89PNG\r\n\x1a\n" + bytes(MAX_PICTURE_BYTES)
    found, losses = covers(encoded, Picture(data=bomb), Picture(data=too_large))
    assert found == []
    assert "decompression bomb" in losses[0]
    assert f"the limit is {MAX_PICTURE_BYTES} bytes" in losses[1]
