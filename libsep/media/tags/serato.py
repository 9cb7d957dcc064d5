"""Serato's data from ID3, FLAC and Ogg files, in the form that Serato keeps it in MP4 files.

Names and layout follow github.com/Holzhaus/serato-tags (docs/). Its sample files of MP4 show, other
than its text, that every atom has lines of 72 characters, and all but the shortest groups one
character more than base64 needs; both are written so here.
"""

import base64
import struct

from libsep.media.mp3_header import Mp3Begin
from libsep.media.tags.serato_positions import (
    convert_markers,
    decode_base64,
    encode_base64,
    markers_from_markers2,
    shift_beatgrid,
    shift_markers2,
)
from libsep.units import samples_to_seconds

MEAN = "----:com.serato.dj"
"""Begin of the keys of Serato's free-form atoms."""

_ENVELOPE = b"application/octet-stream\0\0"
_ATOMS = {
    "Serato Analysis": "analysisVersion",
    "Serato Autotags": "autgain",
    "Serato BeatGrid": "beatgrid",
    "Serato Markers_": "markers",
    "Serato Markers2": "markersv2",
    "Serato Overview": "overview",
    "Serato RelVolAd": "relvol",
    "Serato VidAssoc": "videoassociation",
}
_WITH_POSITIONS = ("Serato BeatGrid", "Serato Markers_", "Serato Markers2")
_MP3_RATES = (44_100, 48_000)
"""Sample rates in Hz of the MP3s in which it is known where Serato begins to count time."""

_MIN_MARKERS2_BYTES = 470


def from_id3(
    objects: dict[str, bytes], *, mp3: Mp3Begin | None
) -> tuple[dict[str, bytes], list[str]]:
    """Return the atoms for the objects of an ID3 tag, and sentences about what is lost.

    Parameters
    ----------
    objects
        Contents of the ``GEOB`` frames, by their description.
    mp3
        Begin of an MP3, whose cue points, loops and beats are moved to the time line that ffmpeg
        decodes to; None for other files, which have but one time line.
    """
    offset_s = 0.0 if mp3 is None else _offset_s(mp3)
    atoms: dict[str, bytes] = {}
    problems: list[str] = []
    for name, data in objects.items():
        if name not in _ATOMS:  # Serato Offsets_ belongs to the bytes of the MP3
            continue
        if mp3 is not None and offset_s is None and name in _WITH_POSITIONS:
            problems.append(f"{name} of an MP3 with {mp3.sample_rate} Hz: dropped, offset unknown")
            continue
        try:
            converted, losses = _convert(name, data, offset_s or 0.0)
        except (ValueError, LookupError, struct.error) as exc:
            problems.append(f"{name} could not be read: {exc}")
            continue
        atoms[_ATOMS[name]] = _wrap(name, converted)
        problems += losses
    try:
        return _complete(atoms), problems
    except ValueError as exc:
        return atoms, [*problems, f"Serato Markers2 could not be read: {exc}"]


def _offset_s(mp3: Mp3Begin) -> float | None:
    """Return what is added to Serato's positions in an MP3; None if nobody knows.

    Serato takes the frame of a header for music, and drops no delay of the encoder. The frame is
    what Mixxx subtracts (``SeratoTags::guessTimingOffsetMillis``: 26 ms at 44.1 kHz, 24 at 48);
    of the delay see `libsep.dj.time_zero`.
    """
    if mp3.sample_rate not in _MP3_RATES:
        return None
    n_samples = (mp3.header != "none") * mp3.frame_samples + mp3.dropped_samples
    return -samples_to_seconds(n_samples, mp3.sample_rate)


def _convert(name: str, data: bytes, offset_s: float) -> tuple[bytes, list[str]]:
    offset_ms = round(1000 * offset_s)
    if name == "Serato Markers_":
        return convert_markers(data, offset_ms), []
    if name == "Serato Markers2" and offset_ms:
        return shift_markers2(data, offset_ms)
    if name == "Serato BeatGrid" and offset_ms:
        return shift_beatgrid(data, offset_s), []
    return data, []


def from_vorbis(text: str) -> dict[str, bytes]:
    """Return the atom for a comment of a FLAC file, whose text has the same form.

    Raises
    ------
    ValueError
        The text is no base64, or holds no object of Serato's.
    """
    compact = "".join(text.split())
    name = unwrap(compact.encode("ascii", "replace"))[0]
    lines = [compact[start : start + 72] for start in range(0, len(compact), 72)]
    return _complete({_ATOMS[name]: "\n".join(lines).encode("ascii")})


def from_ogg_markers2(text: str) -> dict[str, bytes]:
    """Return the atoms for ``serato_markers2`` of an Ogg file: the inner half of the object."""
    data = b"\1\1" + text.encode("ascii", "replace")
    return _complete(
        {"markersv2": _wrap("Serato Markers2", data.ljust(_MIN_MARKERS2_BYTES, b"\0"))}
    )


def _complete(atoms: dict[str, bytes]) -> dict[str, bytes]:
    """Add ``markers``, without which Serato misses the first five cue points of an MP4 file."""
    if "markersv2" in atoms and "markers" not in atoms:
        _, data = unwrap(atoms["markersv2"])
        try:
            atoms["markers"] = _wrap("Serato Markers_", markers_from_markers2(data))
        except (LookupError, struct.error) as exc:
            raise ValueError(f"Serato Markers2 ends early: {exc}") from exc
    return atoms


def _wrap(name: str, data: bytes) -> bytes:
    """Put an object into its envelope, as the text of an atom."""
    # Mixxx drops the last character of a beat grid before it decodes the rest.
    return encode_base64(
        _ENVELOPE + name.encode("ascii") + b"\0" + data, keep_all=name == "Serato BeatGrid"
    )


def unwrap(text: bytes) -> tuple[str, bytes]:
    """Return name and content of the object in the text of one of Serato's atoms.

    Raises
    ------
    ValueError
        The text is no base64, or holds no object of Serato's.
    """
    content = decode_base64(text)
    name, separator, data = content.removeprefix(_ENVELOPE).partition(b"\0")
    known = name.decode("ascii", "replace")
    if not content.startswith(_ENVELOPE) or not separator or known not in _ATOMS:
        found = base64.b64encode(content[:24]).decode()
        raise ValueError(f"expected an object of Serato's, found {found}")
    return known, data
