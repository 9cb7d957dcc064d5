"""Pictures for an MP4 file, which takes JPEG and PNG only."""

import base64
import binascii
import contextlib
import io
import warnings
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from libsep.errors import reason_of
from libsep.media.tags.png_chunks import mend_png
from libsep.media.tags.record import FRONT_COVER, Picture

MAX_PICTURE_BYTES = 16 << 20
"""Largest picture that is carried over as it is: the limit that FLAC has for its own."""

MAX_PIXELS = 40_000_000
"""Most pixels of a picture that is carried over as it is; a player needs four bytes for each."""

MAX_DECODED_PIXELS = 128_000_000
"""Most pixels of a picture that is scaled down, which takes four bytes for each at the worst."""

MAX_ALL_PICTURES_BYTES = 64 << 20
"""Most that the pictures of a file have in all; players read them before they play."""

SCALED_SIDE = 3000
"""Longest side, in pixels, of a picture that was scaled down: what shops ask of a cover."""

_MAGIC = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}
_HIDDEN_MAGIC = (*_MAGIC, b"GIF87a", b"GIF89a", b"RIFF")
_MAX_JUNK_BYTES = 1 << 12
_BASE64 = (b"/9j/", b"iVBORw0KGgo")
_JPEG_QUALITY = 95
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError)
_FILE_ICONS = (1, 2)


def prepare_pictures(
    pictures: tuple[Picture, ...],
) -> tuple[list[tuple[bytes, str]], list[str]]:
    """Return the pictures as bytes with ``JPEG`` or ``PNG``, and sentences about what was lost.

    The front cover comes first and file icons last, as most programs show the first. JPEG and PNG
    keep their bytes, damaged ones too as long as their header says what they are; every other
    format that Pillow reads is encoded again, as PNG if it has a palette or transparency, else as
    JPEG. A picture larger than `MAX_PICTURE_BYTES` or `MAX_PIXELS` is scaled down.
    """
    prepared: list[tuple[bytes, str]] = []
    sentences: list[str] = []
    for picture in sorted(pictures, key=_rank):
        what = "cover" if picture.kind == FRONT_COVER else "picture"
        subject = f"{what} of {len(picture.data)} bytes"
        try:
            data, name, note = _prepare(picture.data)
            if len(data) > MAX_ALL_PICTURES_BYTES - sum(len(other) for other, _ in prepared):
                limit = f"{MAX_ALL_PICTURES_BYTES} bytes"
                raise ValueError(f"with it the pictures have more than {limit}")
        except _BROKEN as exc:
            sentences.append(f"{subject} dropped: {_reason(exc)}")
            continue
        prepared.append((data, name))
        if note:
            sentences.append(f"{subject} {note}")
    return prepared, sentences


def _rank(picture: Picture) -> int:
    return 0 if picture.kind == FRONT_COVER else 2 if picture.kind in _FILE_ICONS else 1


def _reason(exc: Exception) -> str:
    return "it is no picture" if isinstance(exc, UnidentifiedImageError) else str(exc)


def _prepare(data: bytes) -> tuple[bytes, str, str]:
    """Return bytes, format, and what had to be done that the owner should know."""
    data = _identified(data)
    known = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)
    with _open(data) as image:
        n_pixels = image.width * image.height
        size = f"{image.width}x{image.height} pixels"
        if n_pixels > MAX_DECODED_PIXELS:
            raise ValueError(f"it has {size}, the limit is {MAX_DECODED_PIXELS} in all")
    if known is not None and n_pixels <= MAX_PIXELS and len(data) <= MAX_PICTURE_BYTES:
        return _mended(data, known)
    loaded, note = _load(data, SCALED_SIDE)
    if n_pixels > MAX_PIXELS or len(data) > MAX_PICTURE_BYTES:
        loaded = _eight_bit(loaded)
        loaded.thumbnail((SCALED_SIDE, SCALED_SIDE))
        note = f"and {size} scaled down to {loaded.width}x{loaded.height}"
    return *_encode(loaded), note


def _open(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        # Pillow warns of a picture of 90 million pixels; what is too much is said above.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data))


def _identified(data: bytes) -> bytes:
    """Return the bytes from where the picture begins, mended as far as its header needs it.

    Raises
    ------
    UnidentifiedImageError
        There is no picture that Pillow knows.
    """
    if data.startswith(_BASE64):
        with contextlib.suppress(binascii.Error, ValueError):
            data = base64.b64decode(data)
    beginning = data[:_MAX_JUNK_BYTES]
    starts = [0, *(beginning.find(magic) for magic in _HIDDEN_MAGIC)]
    for start in dict.fromkeys(start for start in starts if start >= 0):
        candidate = mend_png(data[start:])
        try:
            with _open(candidate):
                return candidate
        except (UnidentifiedImageError, SyntaxError):
            continue
    raise UnidentifiedImageError("no picture")


def _mended(data: bytes, name: str) -> tuple[bytes, str, str]:
    """Return a JPEG or PNG as it is; one that has no end gets one."""
    try:
        _load(data, 1, is_strict=True)
    except _BROKEN as exc:
        end = b"\xff\xd9" if name == "JPEG" else b""
        return data + end, name, f"is damaged, and kept: {reason_of(exc)}"
    return data, name, ""


def _load(data: bytes, side: int, *, is_strict: bool = False) -> tuple[Image.Image, str]:
    """Return the (first) image, JPEG no larger than about twice ``side``, and what it lacks."""
    image = _open(data)
    image.draft(None, (side, side))  # JPEG: the quick way
    try:
        image.load()
    except _BROKEN as exc:
        if is_strict:
            raise
        with _lenient():
            image = _open(data)
            image.load()
        return image, f"is damaged, and kept: {reason_of(exc)}"
    return image, ""


@contextlib.contextmanager
def _lenient() -> Iterator[None]:
    """Let Pillow take pictures that end early."""
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        yield
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = before


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return an image with eight bits for each colour, of which the others would be cut off."""
    if not image.mode.startswith("I") and image.mode != "F":
        return image
    values = np.asarray(image, dtype=np.float32)
    top = 65535 if image.mode != "F" or values.max() > 255 else 255 if values.max() > 1 else 1
    return Image.fromarray(np.clip(values * (255 / top), 0, 255).astype(np.uint8))


def _encode(image: Image.Image) -> tuple[bytes, str]:
    """Return an image as PNG or JPEG; a PNG that would be too large becomes a JPEG on white."""
    image = _eight_bit(image)
    buffer = io.BytesIO()
    if image.mode in ("P", "1", "L", "LA", "RGBA", "PA") or "transparency" in image.info:
        image.save(buffer, "PNG")
        if buffer.tell() <= MAX_PICTURE_BYTES:
            return buffer.getvalue(), "PNG"
        buffer = io.BytesIO()
        whole = image.convert("RGBA")
        image = Image.new("RGBA", whole.size, "white")
        image.alpha_composite(whole)
    image.convert("RGB").save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue(), "JPEG"
