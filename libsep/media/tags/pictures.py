"""Pictures for an MP4 file, which takes JPEG and PNG only."""

import io
import warnings

from PIL import Image, UnidentifiedImageError

from libsep.media.tags.record import FRONT_COVER, Picture

MAX_PICTURE_BYTES = 16 << 20
"""Largest picture that is carried over: the limit that FLAC has for its own."""

MAX_ALL_PICTURES_BYTES = 64 << 20
"""Most that the pictures of a file have in all; players read them before they play."""

_MAGIC = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}
_JPEG_QUALITY = 95
_BROKEN = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)
_FILE_ICONS = (1, 2)


def prepare_pictures(
    pictures: tuple[Picture, ...],
) -> tuple[list[tuple[bytes, str]], list[str]]:
    """Return the pictures as bytes with ``JPEG`` or ``PNG``, and sentences about the lost ones.

    The front cover comes first and file icons last, as most programs show the first. JPEG and PNG
    keep their bytes; every other format that Pillow reads is encoded again, as PNG if it has a
    palette or transparency, else as JPEG. A picture that is broken or larger than
    `MAX_PICTURE_BYTES` is dropped.
    """
    prepared: list[tuple[bytes, str]] = []
    lost: list[str] = []
    for picture in sorted(pictures, key=_rank):
        try:
            left_bytes = MAX_ALL_PICTURES_BYTES - sum(len(data) for data, _ in prepared)
            if len(picture.data) > left_bytes:
                raise ValueError(
                    f"with it the pictures have more than {MAX_ALL_PICTURES_BYTES} bytes"
                )
            prepared.append(_prepare(picture.data))
        except _BROKEN as exc:
            what = "cover" if picture.kind == FRONT_COVER else "picture"
            lost.append(f"{what} of {len(picture.data)} bytes dropped: {_reason(exc)}")
    return prepared, lost


def _rank(picture: Picture) -> int:
    return 0 if picture.kind == FRONT_COVER else 2 if picture.kind in _FILE_ICONS else 1


def _reason(exc: Exception) -> str:
    return "it is no picture" if isinstance(exc, UnidentifiedImageError) else str(exc)


def _prepare(data: bytes) -> tuple[bytes, str]:
    if len(data) > MAX_PICTURE_BYTES:
        raise ValueError(f"the limit is {MAX_PICTURE_BYTES} bytes")
    known = next((name for magic, name in _MAGIC.items() if data.startswith(magic)), None)
    with warnings.catch_warnings():
        # Pillow only warns of a picture of 90 million pixels; we do without it.
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data)) as image:
                if known is None:
                    return _encode(image)
                eighth = (max(1, image.width // 8), max(1, image.height // 8))
                image.draft(None, eighth)  # JPEG: the quick way
                image.load()
        except Image.DecompressionBombWarning as exc:
            raise ValueError(str(exc)) from exc
    return data, known


def _encode(image: Image.Image) -> tuple[bytes, str]:
    """Return the (first) image as PNG or JPEG."""
    buffer = io.BytesIO()
    if image.mode in ("P", "1", "L", "LA", "RGBA", "PA") or "transparency" in image.info:
        image.save(buffer, "PNG")
        return buffer.getvalue(), "PNG"
    image.convert("RGB").save(buffer, "JPEG", quality=_JPEG_QUALITY)
    return buffer.getvalue(), "JPEG"
