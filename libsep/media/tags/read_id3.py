"""Frames of ID3 (MP3, AIFF, WAV, DSF, TTA): from v2.2 to v2.4, and v1."""

from collections.abc import Callable, Iterator
from typing import Any

from libsep.media.tags.collect import Collector
from libsep.media.tags.mapping import (
    find_field,
    is_custom_comment,
    is_dropped,
    is_missed,
    is_private_comment,
)
from libsep.media.tags.read_vorbis import PICTURE_BLOCK, read_picture_block
from libsep.media.tags.record import Picture
from libsep.media.tags.values import popm_to_rating

_ROLES = {"mix": "MIXER", "dj-mix": "DJMIXER"}
_LOST = {
    "SYLT": "synchronised lyrics",
    "ETCO": "event times",
    "UFID": "an identifier",
    "GEOB": "an attached object",
    "PRIV": "private data",
    "MCDI": "the contents of the CD",
    "COMR": "a commercial frame",
    "OWNE": "an ownership frame",
    "EQU2": "an equaliser curve",
}
"""Frames that hold something of the user's for which MP4 has no place."""

_VARIOUS_ERRORS = (ValueError, TypeError, AttributeError, LookupError)


def read_id3(frames: Any, collector: Collector) -> None:
    """Hand all frames of mutagen's ``frames`` to ``collector``.

    A frame that cannot be read is reported and costs no other frame. Serato's objects are left
    out; see `serato_objects`.
    """
    for frame in frames.values():
        try:
            _read_frame(frame, frames, collector)
        except _VARIOUS_ERRORS as exc:
            collector.problems.append(f"{frame.HashKey} could not be read: {exc}")
    _read_comments(frames, collector)
    _read_ratings(frames, collector)


def serato_objects(frames: Any) -> Iterator[tuple[str, bytes]]:
    """Yield the name (``Serato Markers2``) and the content of each of Serato's objects."""
    for frame in frames.getall("GEOB"):
        if frame.desc.startswith("Serato "):
            yield frame.desc, bytes(frame.data)


def _read_frame(frame: Any, frames: Any, collector: Collector) -> None:
    name = frame.FrameID
    if name in _SPECIAL:
        _SPECIAL[name](frame, collector)
    elif name == "TIT1" and frames.getall("GRP1"):
        collector.add_field("work", frame.text)
    elif name == "UFID" and find_field("id3", frame.HashKey):
        collector.add("id3", frame.HashKey, [frame.data.decode("ascii")])
    elif name == "TXXX" and frame.desc.upper() == PICTURE_BLOCK:
        for text in () if frames.getall("APIC") else frame.text:
            read_picture_block(text, collector)
    elif name == "TXXX":
        collector.add("id3", f"TXXX:{frame.desc}", frame.text)
    elif name == "USLT":
        collector.add("id3", name, [frame.text])
    elif name in ("TDRC", "TDRL", "TDOR"):
        _read_dates(frame, collector)
    elif hasattr(frame, "text") and name not in ("COMM", "USER", "SYLT"):
        collector.add("id3", name, [str(value) for value in frame.text])
    elif hasattr(frame, "url"):
        key = name if find_field("id3", name) else frame.HashKey
        collector.add("id3", key, [frame.url])
    elif name in _LOST and not _is_no_loss(frame):
        key = f"PRIV:{frame.owner}" if name == "PRIV" else frame.HashKey
        collector.problems.append(f"{_LOST[name]} ({key}) has no place in MP4: dropped")


def _is_no_loss(frame: Any) -> bool:
    """Return whether an object is carried elsewhere, or only a note of a program to itself."""
    if frame.FrameID == "GEOB":
        return bool(frame.desc.startswith("Serato "))
    is_note = frame.FrameID == "PRIV" and is_dropped(frame.owner)
    return bool(is_note and not is_missed(frame.owner))


def _read_dates(frame: Any, collector: Collector) -> None:
    dates = [str(stamp).replace(" ", "T") for stamp in frame.text]
    if not any(dates):
        collector.problems.append(f"{frame.FrameID} is no date: dropped")
    collector.add("id3", frame.FrameID, dates)


def _read_picture(frame: Any, collector: Collector) -> None:
    if frame.mime == "-->":
        collector.problems.append("a picture is only a link to another file: dropped")
        return
    collector.add_picture(
        Picture(
            data=bytes(frame.data), mime=frame.mime, kind=int(frame.type), description=frame.desc
        )
    )


def _read_gain(frame: Any, collector: Collector) -> None:
    """Take a volume adjustment (RVA2), which ReplayGain texts beat."""
    kind = frame.desc.casefold()
    if kind in ("track", "album"):
        collector.add_field(f"replaygain_{kind}_gain", [f"{frame.gain:.2f} dB"], rank=1)
        collector.add_field(f"replaygain_{kind}_peak", [f"{frame.peak:.6f}"], rank=1)


def _read_people(frame: Any, collector: Collector) -> None:
    """Take people by their role (TIPL) or their instrument (TMCL)."""
    for role, person in frame.people:
        if frame.FrameID == "TMCL":
            collector.add_extra("PERFORMER", [f"{person} ({role})" if role else person])
        elif person:
            folded = role.strip().casefold()
            collector.add_extra(_ROLES.get(folded, folded.upper() or "INVOLVED"), [person])


def _read_comments(frames: Any, collector: Collector) -> None:
    """Take the comments: those without a description first, copies that ID3v1 cut off never."""
    found = [frame for frame in frames.getall("COMM") if not is_private_comment(frame.desc)]
    found.sort(key=lambda frame: (bool(frame.desc), frame.desc == "ID3v1 Comment"))
    chosen: list[str] = []
    for frame in found:
        texts = [text for text in frame.text if text.strip("\0 ")]
        is_custom = is_custom_comment(frame.desc)
        is_copy = all(any(known.startswith(text) for known in chosen) for text in texts)
        if (is_copy and not is_custom) or is_dropped(frame.desc):
            continue
        if not is_custom and (not chosen or not frame.desc):
            collector.add("id3", "COMM", texts)
            chosen += texts
        else:
            collector.add_extra(f"COMMENT:{frame.desc}", texts)


def _read_ratings(frames: Any, collector: Collector) -> None:
    for frame in frames.getall("POPM"):
        if frame.rating:
            collector.add_rating(popm_to_rating(frame.rating, frame.email))


_SPECIAL: dict[str, Callable[[Any, Collector], None]] = {
    "APIC": _read_picture,
    "RVA2": _read_gain,
    "TIPL": _read_people,
    "TMCL": _read_people,
    "IPLS": _read_people,
    "POPM": lambda frame, collector: None,
    "COMM": lambda frame, collector: None,
}
