"""`Tags` into plain audio files: ID3 in MP3 and WAV, Vorbis comments in FLAC, atoms in M4A."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mutagen
from mutagen import id3
from mutagen.flac import FLAC, Picture
from mutagen.mp3 import MP3
from mutagen.wave import WAVE

from libsep.errors import TagError, reason_of
from libsep.media.tags.mapping import FIELDS, Field
from libsep.media.tags.pictures import prepare_pictures
from libsep.media.tags.record import FRONT_COVER, Tags
from libsep.media.tags.write import write_tags

_UTF8 = id3.Encoding.UTF8
_POSITIONS = {"track": "TRCK", "disc": "TPOS"}
_OWNER = "libsep"


def write_audio_tags(path: Path, tags: Tags, *, extension: str) -> tuple[str, ...]:
    """Give a fresh audio file these tags, in place.

    Serato's data and the numbers of MP4 atoms go into M4A only, where `write_tags` puts them.

    Parameters
    ----------
    path
        The file, under whatever name.
    tags
        What is to be written.
    extension
        What kind of file it is: ``.wav``, ``.mp3``, ``.flac`` or ``.m4a``.

    Returns
    -------
    Sentences about what could not be carried over.

    Raises
    ------
    TagError
        The tags cannot be written.
    """
    if extension == ".m4a":
        return write_tags(path, tags)
    covers, losses = prepare_pictures(tags.pictures)
    try:
        if extension == ".flac":
            _write_flac(FLAC(path), tags, covers)
        else:
            file = MP3(path) if extension == ".mp3" else WAVE(path)
            if file.tags is None:
                file.add_tags()
            for frame in _frames(tags, covers):
                file.tags.add(frame)
            file.save()
    except (mutagen.MutagenError, OSError, ValueError) as exc:
        raise TagError(path, f"tags cannot be written: {reason_of(exc)}") from exc
    return tuple(losses)


def _write_flac(file: Any, tags: Tags, covers: list[tuple[bytes, str]]) -> None:
    for field in FIELDS:
        if field.name in tags.fields:
            file[field.vorbis[0]] = list(tags.fields[field.name])
    for key, values in tags.extras.items():
        name = _plain(key)
        if name not in file:
            file[name] = list(values)
    if tags.rating is not None:
        file["RATING"] = str(tags.rating)
    for data, kind in covers:
        picture = Picture()
        picture.data, picture.type, picture.mime = data, FRONT_COVER, f"image/{kind.lower()}"
        file.add_picture(picture)
    file.save()


def _frames(tags: Tags, covers: list[tuple[bytes, str]]) -> Iterator[Any]:
    for field in FIELDS:
        if field.name in tags.fields and field.name.removesuffix("_total") not in _POSITIONS:
            yield _frame(field, tags.fields[field.name])
    for name, key in _POSITIONS.items():
        number = tags.fields.get(name, ("",))[0]
        total = tags.fields.get(f"{name}_total", ("",))[0]
        if number or total:
            yield id3.Frames[key](encoding=_UTF8, text=f"{number}/{total}" if total else number)
    for key, values in tags.extras.items():
        yield id3.TXXX(encoding=_UTF8, desc=_plain(key), text=list(values))
    if tags.rating is not None:
        yield id3.POPM(email=_OWNER, rating=round(tags.rating * 2.55), count=0)
    for index, (data, kind) in enumerate(covers):
        yield id3.APIC(
            encoding=_UTF8, mime=f"image/{kind.lower()}", type=FRONT_COVER,
            desc=str(index) if index else "", data=data,
        )  # fmt: skip


def _frame(field: Field, values: tuple[str, ...]) -> Any:
    name, _, rest = field.id3[0].partition(":") if field.id3 else ("TXXX", "", field.name)
    if name == "TXXX":
        return id3.TXXX(encoding=_UTF8, desc=rest, text=list(values))
    if name == "UFID":
        return id3.UFID(owner=rest, data=values[0].encode("utf-8"))
    if name in ("COMM", "USLT"):
        text = (field.join or "\n").join(values)
        return id3.Frames[name](encoding=_UTF8, lang="XXX", desc="", text=text)
    if issubclass(id3.Frames[name], id3.UrlFrame):
        return id3.Frames[name](url=values[0])
    return id3.Frames[name](encoding=_UTF8, text=list(values))


def _plain(key: str) -> str:
    """Return the name of a key without the owner that MP4 puts before it, as Vorbis allows it."""
    name = key.rpartition(":")[2] if key.startswith("----:") else key
    return "".join(char if " " <= char <= "}" and char != "=" else "_" for char in name) or "_"
