"""Covers of every kind that libraries hold; what plays as a cover afterwards is JPEG or PNG."""

import base64
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
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


def test_what_is_no_picture_is_dropped_and_listed(
    encoded: Path, picture: Callable[..., bytes]
) -> None:
    good = picture("PNG")
    found, losses = covers(
        encoded,
        Picture(data=b"just text, no picture"),
        Picture(data=b"", kind=0),
        Picture(data=b"\xff\xd8\xff" + bytes(400), kind=4),
        Picture(data=good, kind=0),
    )
    assert found == [(good, 14)]
    assert losses == (
        "cover of 21 bytes dropped: it is no picture",
        "picture of 0 bytes dropped: it is no picture",
        "picture of 403 bytes dropped: it is no picture",
    )


def _chunk(kind: bytes, body: bytes, *, is_right: bool = True) -> bytes:
    checksum = zlib.crc32(kind + body) ^ (not is_right)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)


@pytest.mark.parametrize("kind", [b"zTXt\0XML\0\0", b"iTXt\0XML\0\1\0\0\0"])
def test_a_text_that_unpacks_to_megabytes_costs_only_itself(
    encoded: Path, picture: Callable[..., bytes], kind: bytes
) -> None:
    plain = picture("PNG", "red")
    name, _, head = kind.partition(b"\0")
    text = _chunk(name, head + zlib.compress(bytes(3_000_000)), is_right=True)
    found, losses = covers(encoded, Picture(data=plain[:33] + text + plain[33:]))
    assert ([data for data, _ in found], losses) == ([plain], ())


def _damaged(rng: np.random.Generator) -> dict[str, tuple[bytes, int]]:
    """Return pictures with the defects that libraries have, each with its format in MP4."""
    jpeg, png = noise_image(64, rng, "JPEG"), noise_image(64, rng, "PNG")
    text, wrong = _chunk(b"tEXt", b"a\0b", is_right=False), _chunk(b"eXIf", b"MM", is_right=False)
    gif = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)).save(gif, "GIF")
    return {
        "JPEG without its end": (jpeg[:-2], 13), "half a JPEG": (jpeg[: len(jpeg) // 2], 13),
        "JPEG behind its name": (b"cover.jpg\0" + jpeg, 13),
        "JPEG behind zeros": (bytes(9) + jpeg, 13), "JPEG with a tail": (jpeg + bytes(500), 13),
        "JPEG in base64": (base64.b64encode(jpeg), 13), "PNG behind a space": (b" \n" + png, 14),
        "PNG with bad text": (png[:33] + text + png[33:], 14),
        "PNG with bad text at the end": (png[:-12] + wrong + png[-12:], 14),
        "PNG without its end": (png[:-12], 14), "half a PNG": (png[: len(png) // 2], 14),
        "PNG with a bad checksum": (png[:-16] + bytes(4) + png[-12:], 14),
        "half a GIF": (gif.getvalue()[:-1500], 14),
        "BMP without its end": (noise_image(64, rng, "BMP")[:-600], 13),
    }  # fmt: skip


@pytest.mark.parametrize("defect", _damaged(np.random.default_rng(0)))
def test_a_picture_with_a_small_defect_is_kept(
    defect: str, encoded: Path, rng: np.random.Generator
) -> None:
    data, code = _damaged(rng)[defect]
    [(kept, found)], _ = covers(encoded, Picture(data=data, mime="image/gif"))
    assert found == code
    if not defect.startswith("half a PNG"):  # which no reader shows whole
        with Image.open(io.BytesIO(kept)) as image:
            image.load()
            assert image.size == (64, 64)
    with av.open(str(encoded)) as container:
        [stream] = container.streams.video
        assert (stream.codec_context.width, stream.codec_context.height) == (64, 64)


@pytest.mark.parametrize(
    ("mode", "kind", "code"),
    [("CMYK", "JPEG", 13), ("L", "JPEG", 13), ("I;16", "PNG", 14), ("I;16", "TIFF", 14),
     ("CMYK", "TIFF", 13), ("F", "TIFF", 14), ("RGBA", "TIFF", 14), ("LA", "PNG", 14),
     ("1", "BMP", 14), ("RGB", "WEBP", 13)],
)  # fmt: skip
def test_every_kind_of_colour_keeps_its_look(
    mode: str, kind: str, code: int, encoded: Path
) -> None:
    grey = {"CMYK": (0, 0, 0, 128), "I;16": 128 << 8, "F": 0.5, "RGBA": (127, 127, 127, 255),
            "LA": (127, 255), "RGB": (127, 127, 127), "1": 1}.get(mode, 127)  # fmt: skip
    buffer = io.BytesIO()
    Image.new(mode, (16, 16), grey).save(buffer, kind)
    [(data, found)], losses = covers(encoded, Picture(data=buffer.getvalue()))
    assert (found, losses) == (code, ())
    with Image.open(io.BytesIO(data)) as image:
        pixel = image.convert("RGB").getpixel((8, 8)) if image.mode[0] != "I" else None
    assert pixel is None or all(abs(level - (255 if mode == "1" else 127)) < 3 for level in pixel)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "side"), [("JPEG", 10_000), ("PNG", 6_400)])
def test_a_cover_of_many_megapixels_is_scaled_down(kind: str, side: int, encoded: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (side, side), 200).convert("RGB").save(buffer, kind, compress_level=1)
    [(data, code)], losses = covers(encoded, Picture(data=buffer.getvalue()))
    with Image.open(io.BytesIO(data)) as image:
        assert (code, image.size) == (13, (3000, 3000))
        assert abs(image.convert("RGB").getpixel((5, 5))[0] - 200) < 3
    n_bytes = len(buffer.getvalue())
    size = f"{side}x{side} pixels"
    assert losses == (f"cover of {n_bytes} bytes and {size} scaled down to 3000x3000",)


def test_a_cover_of_many_bytes_is_scaled_down(encoded: Path, rng: np.random.Generator) -> None:
    buffer = io.BytesIO()
    pixels = rng.integers(0, 256, (2500, 2500, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=0)
    data = buffer.getvalue()
    assert len(data) > MAX_PICTURE_BYTES
    [(kept, code)], losses = covers(encoded, Picture(data=data))
    assert (code, len(kept) < MAX_PICTURE_BYTES) == (13, True)
    assert "2500x2500 pixels scaled down to 2500x2500" in losses[0]


def test_pictures_beyond_the_limits_are_dropped(
    encoded: Path, picture: Callable[..., bytes]
) -> None:
    small = picture("PNG")
    size = struct.pack(">II", 20_000, 20_000)
    bomb = small[:8] + _chunk(b"IHDR", size + small[24:29]) + small[33:]
    too_large = b"\x89PNG\r\n\x1a\n" + bytes(MAX_PICTURE_BYTES)
    found, losses = covers(encoded, Picture(data=bomb), Picture(data=too_large))
    assert found == []
    assert "decompression bomb" in losses[0]
    assert losses[1].endswith("dropped: it is no picture")
