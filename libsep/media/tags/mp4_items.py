"""The tags of an MP4 or QuickTime file as they lie in it, in each of the places that programs use.

iTunes keeps a list (``ilst``) in ``moov/udta/meta``; QuickTime numbers the items of that list and
names them in ``keys`` (``mdta``); old QuickTime and 3GPP put texts straight into ``udta``.
"""

import dataclasses
import struct
from collections.abc import Iterator
from io import BufferedReader

from mutagen.id3 import ID3

from libsep.media.atoms import MalformedAtomError, Span, spans
from libsep.media.tags.id3_block import read_id3_block
from libsep.media.tags.mp4_values import decode_3gpp, decode_quicktime
from libsep.media.tags.record import RawValue

MAX_DATA_BYTES = 64 << 20
"""Largest value that is read; a cover of that size can still be scaled down."""

_CHAPTERS = "chapters have no place in a stem file: dropped"
_MAX_KEYS = 10_000
_MAX_TEXT_BYTES = 1 << 22
_3GPP = {
    b"titl": "TITLE", b"perf": "ARTIST", b"auth": "AUTHOR", b"albm": "ALBUM", b"gnre": "GENRE",
    b"dscp": "DESCRIPTION", b"cprt": "COPYRIGHT", b"yrrc": "DATE", b"kywd": "KEYWORDS",
}  # fmt: skip


@dataclasses.dataclass(slots=True)
class Items:
    """What one place of a file holds, with the column of the table of fields for its names.

    ``id3`` holds the frames of a whole ID3 tag, which MP4 files may have too.
    """

    column: str
    values: list[tuple[str, list[RawValue]]] = dataclasses.field(default_factory=list)
    texts: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    id3: ID3 | None = None
    problems: list[str] = dataclasses.field(default_factory=list)


def find_items(file: BufferedReader, end: int) -> Iterator[Items]:
    """Yield the tags of an MP4 file of ``end`` bytes; iTunes' list first, those of tracks last."""
    places: list[Items] = []
    tracks: list[Items] = []
    for top in _children(file, 0, end):
        if top.kind == b"meta":
            places += _meta(file, top)
        for child in _children(file, top.body, top.end) if top.kind == b"moov" else ():
            if child.kind in (b"udta", b"meta"):
                places += _read_place(file, child)
            elif child.kind == b"trak":
                for part in _children(file, child.body, child.end):
                    if part.kind in (b"udta", b"meta"):
                        tracks += _read_place(file, part)
                    elif part.kind == b"tref" and _names_chapters(file, part):
                        tracks.append(Items("vorbis", problems=[_CHAPTERS]))
    yield from sorted(places, key=lambda items: items.column != "mp4")
    yield from tracks


def _read_place(file: BufferedReader, span: Span) -> Iterator[Items]:
    return _meta(file, span) if span.kind == b"meta" else _udta(file, span)


def _names_chapters(file: BufferedReader, tref: Span) -> bool:
    """Return whether a track names another one whose texts are its chapters."""
    return any(span.kind == b"chap" for span in _children(file, tref.body, tref.end))


def _children(file: BufferedReader, start: int, end: int) -> Iterator[Span]:
    """Yield the atoms of a place up to the first that is damaged."""
    try:
        yield from spans(file, start, end)
    except MalformedAtomError:  # QuickTime also ends such places with a 32-bit zero
        return


def _read(file: BufferedReader, span: Span) -> bytes:
    file.seek(span.body)
    return file.read(min(span.end - span.body, _MAX_TEXT_BYTES))


def _udta(file: BufferedReader, udta: Span) -> Iterator[Items]:
    old = Items("vorbis")
    for span in _children(file, udta.body, udta.end):
        if span.kind == b"meta":
            yield from _meta(file, span)
        elif span.kind == b"chpl":
            old.problems.append(_CHAPTERS)
        elif span.kind in _3GPP:
            old.texts += [(_3GPP[span.kind], decode_3gpp(span.kind, _read(file, span)))]
        elif span.kind[:1] == b"\xa9":
            body = _read(file, span)
            if body[4:8] == b"data":
                yield Items("mp4", [(_key(span.kind), _data(file, span, old.problems))])
            else:
                old.texts += [(_key(span.kind), text) for text in decode_quicktime(body)]
    yield old


def _meta(file: BufferedReader, meta: Span) -> Iterator[Items]:
    """Yield what a ``meta`` holds; in ISO files, not in QuickTime, four bytes precede its atoms."""
    file.seek(meta.body)
    start = meta.body if file.read(8)[4:] == b"hdlr" else meta.body + 4
    names: list[str] = []
    lists: list[Span] = []
    for span in _children(file, start, meta.end):
        if span.kind == b"keys":
            names = _names(_read(file, span))
        elif span.kind == b"ilst":
            lists.append(span)
        elif span.kind == b"ID32":  # four bytes of version, two of language
            tag, problems = read_id3_block(file, span.body + 6, span.end)
            yield Items("id3", id3=tag, problems=problems)
    for span in lists:
        yield _list(file, span, names)


def _list(file: BufferedReader, ilst: Span, names: list[str]) -> Items:
    items = Items("vorbis" if names else "mp4")
    for span in _children(file, ilst.body, ilst.end):
        number = int.from_bytes(span.kind)
        if span.kind == b"----":
            key, values = _freeform(file, span, items.problems)
        elif 0 < number <= len(names):
            key, values = names[number - 1], _data(file, span, items.problems)
        else:
            key, values = _key(span.kind), _data(file, span, items.problems)
        if values:
            items.values.append((key, values))
    return items


def _names(body: bytes) -> list[str]:
    """Return the names in ``keys``, without the prefix that QuickTime gives to its own."""
    names: list[str] = []
    position = 8
    while position + 8 <= len(body) and len(names) < _MAX_KEYS:
        (size,) = struct.unpack_from(">I", body, position)
        name = body[position + 8 : position + max(size, 8)].decode("utf-8", "replace")
        names.append(name.removeprefix("com.apple.quicktime."))
        position += max(size, 8)
    return names


def _freeform(file: BufferedReader, item: Span, problems: list[str]) -> tuple[str, list[RawValue]]:
    names = {b"mean": "", b"name": ""}
    for span in _children(file, item.body, item.end):
        if span.kind in names:
            names[span.kind] = _decode_name(_read(file, span)[4:])
    return f"----:{names[b'mean']}:{names[b'name']}", _data(file, item, problems)


def _decode_name(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _key(kind: bytes) -> str:
    return kind.decode("latin-1")


def _data(file: BufferedReader, item: Span, problems: list[str]) -> list[RawValue]:
    values = []
    for span in _children(file, item.body, item.end):
        size = span.end - span.body
        if span.kind != b"data" or size < 8:
            continue
        if size > MAX_DATA_BYTES:
            limit = f"the limit is {MAX_DATA_BYTES} bytes"
            problems.append(f"{_key(item.kind)} of {size} bytes: dropped, {limit}")
            continue
        file.seek(span.body)
        data = file.read(size)
        values.append(RawValue(data[8:], int.from_bytes(data[1:4])))
    return values
