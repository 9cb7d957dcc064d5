"""Vorbis comments (FLAC, Ogg) and the two formats that share their keys: APEv2 and ffmpeg's."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from mutagen.apev2 import APEBinaryValue, APEExtValue
from mutagen.flac import FLACNoHeaderError
from mutagen.flac import Picture as FLACPicture
from mutagen.flac import error as FLACError

from libsep.media.tags.collect import Collector
from libsep.media.tags.record import FRONT_COVER, Picture
from libsep.media.tags.serato import from_ogg_markers2, from_vorbis
from libsep.media.tags.values import is_rating_key, keyed_rating, r128_to_gain

_R128 = {
    "R128_TRACK_GAIN": "replaygain_track_gain",
    "R128_ALBUM_GAIN": "replaygain_album_gain",
}
PICTURE_BLOCK = "METADATA_BLOCK_PICTURE"
"""Key of a comment that holds a picture."""

_PICTURE_MAGIC = (b"\xff\xd8\xff", b"\x89PNG")
_APE_PICTURE_KINDS = {"front": 3, "back": 4, "leaflet": 5, "media": 6, "artist": 8, "icon": 1}


def read_vorbis(comments: Iterable[tuple[str, str]], collector: Collector) -> None:
    """Hand Vorbis comments to ``collector``, pictures among them included."""
    for key, value in comments:
        name = key.upper()
        if name == PICTURE_BLOCK:
            read_picture_block(value, collector)
        elif name == "COVERART":
            _read_old_cover(value, collector)
        elif name.startswith("SERATO_"):
            _read_serato(name, value, collector)
        else:
            _read_comment(name, value, collector)


def read_ape(items: Iterable[tuple[str, Any]], collector: Collector) -> None:
    """Hand the items of an APEv2 tag to ``collector``; a cover's item begins with its name."""
    for key, item in items:
        if isinstance(item, APEBinaryValue):
            if key.casefold().startswith("cover art"):
                kind = key.partition("(")[2].rstrip(")").casefold()
                _, _, data = bytes(item.value).partition(b"\0")
                collector.add_picture(Picture(data=data, kind=_APE_PICTURE_KINDS.get(kind, 0)))
            elif not collector.drops(key):
                n_bytes = len(item.value)
                collector.problems.append(f"{key} of {n_bytes} bytes has no place in MP4: dropped")
            continue
        if isinstance(item, APEExtValue):
            collector.problems.append(f"{key} is only a link to another file: dropped")
            continue
        for value in item:
            _read_comment(key.upper(), value, collector)


def read_pictures(pictures: Iterable[Any], collector: Collector) -> None:
    """Take the picture blocks of a FLAC file."""
    for block in pictures:
        collector.add_picture(_from_block(block))


def _read_comment(key: str, value: str, collector: Collector) -> None:
    if key in _R128:
        _read_r128(key, value, collector)
    elif is_rating_key(key):
        if rating := keyed_rating(key, value):
            collector.add_rating(rating)
    else:
        collector.add("vorbis", key, [value])


def _read_r128(key: str, value: str, collector: Collector) -> None:
    try:
        collector.add_field(_R128[key], [r128_to_gain(value)], rank=1)
    except ValueError:
        collector.problems.append(f'{key} "{value[:40]}" is no number: dropped')


def read_picture_block(value: str, collector: Collector) -> None:
    """Take a picture block of FLAC that is written as base64."""
    try:
        data = base64.b64decode(value)
        if data.startswith(_PICTURE_MAGIC):  # some programs write the picture without its block
            collector.add_picture(Picture(data=data))
            return
        block = FLACPicture(data)
    except (FLACError, FLACNoHeaderError, binascii.Error, ValueError, LookupError) as exc:
        collector.problems.append(f"a picture could not be read: {exc}")
        return
    collector.add_picture(_from_block(block))


def _from_block(block: Any) -> Picture:
    return Picture(
        data=bytes(block.data), mime=block.mime, kind=int(block.type), description=block.desc
    )


def _read_old_cover(value: str, collector: Collector) -> None:
    try:
        collector.add_picture(Picture(data=base64.b64decode(value), kind=FRONT_COVER))
    except (binascii.Error, ValueError) as exc:
        collector.problems.append(f"a picture could not be read: {exc}")


def _read_serato(name: str, value: str, collector: Collector) -> None:
    """Take Serato's data; Ogg files have another form, of which only the markers are documented."""
    if name in ("SERATO_ANALYSIS_VER", "SERATO_MARKERS"):
        return
    try:
        is_ogg = name == "SERATO_MARKERS2"
        atoms = from_ogg_markers2(value) if is_ogg else from_vorbis(value)
    except ValueError as exc:
        if name != "SERATO_OVERVIEW":  # a drawing that Serato makes again
            collector.problems.append(f"{name} has a form that is not known: dropped ({exc})")
        return
    collector.add_serato(atoms)
