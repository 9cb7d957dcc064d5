"""Tags and attached pictures of Matroska and WebM, RFC 9559.

ffmpeg does not show the pictures, and does not tell the album's title from the track's.
"""

import dataclasses
from collections.abc import Iterator
from io import BufferedReader

from libsep.media.tags.collect import Collector
from libsep.media.tags.record import FRONT_COVER, Picture

EBML = bytes.fromhex("1a45dfa3")
"""How these files begin."""

_SEGMENT, _SEEK_HEAD, _SEEK, _SEEK_ID, _SEEK_POSITION = (
    0x18538067, 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
)  # fmt: skip
_INFO, _TITLE, _CHAPTERS, _CLUSTER = 0x1549A966, 0x7BA9, 0x1043A770, 0x1F43B675
_TAGS, _TAG, _TARGETS, _SIMPLE_TAG = 0x1254C367, 0x7373, 0x63C0, 0x67C8
_LEVEL, _LEVEL_NAME, _TRACK_UID, _OTHER_UIDS = 0x68CA, 0x63CA, 0x63C5, (0x63C9, 0x63C4, 0x63C6)
_NAME, _STRING, _BINARY = 0x45A3, 0x4487, 0x4485
_ATTACHMENTS, _FILE, _FILE_NAME, _MIME, _DATA = 0x1941A469, 0x61A7, 0x466E, 0x4660, 0x465C
_WANTED = (_INFO, _TAGS, _ATTACHMENTS, _CHAPTERS)

_MAX_ELEMENTS = 100_000
_MAX_TEXT_BYTES = 1 << 22
MAX_PICTURE_BYTES = 64 << 20
"""Largest attachment that is read; a cover of that size can still be scaled down."""

_ALBUM_LEVEL = 50
_OF_ALBUM = {
    "TITLE": "ALBUM", "ARTIST": "ALBUMARTIST", "TOTAL_PARTS": "TRACKTOTAL", "SUBTITLE": "SUBTITLE",
    "REPLAYGAIN_GAIN": "REPLAYGAIN_ALBUM_GAIN", "REPLAYGAIN_PEAK": "REPLAYGAIN_ALBUM_PEAK",
}  # fmt: skip
_OF_TRACK = {
    "PART_NUMBER": "TRACKNUMBER", "REPLAYGAIN_GAIN": "REPLAYGAIN_TRACK_GAIN",
    "REPLAYGAIN_PEAK": "REPLAYGAIN_TRACK_PEAK",
}  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class _Element:
    kind: int
    start: int
    end: int


@dataclasses.dataclass(slots=True)
class _Tag:
    """Names and texts of one tag, and what it is about: 50 an album, 30 a track; 0 is unsaid."""

    level: int = 0
    is_of_stream: bool = False
    is_of_part: bool = False
    texts: list[tuple[str, str]] = dataclasses.field(default_factory=list)


def read_matroska(file: BufferedReader, n_bytes: int, collector: Collector) -> None:
    """Hand tags and pictures of a Matroska file to ``collector``.

    A tag of the album gives album and album's artist; one that says not what it is about, or the
    only one of a file, is the track's.
    """
    tags: list[_Tag] = []
    titles: list[str] = []
    for element in _find(file, n_bytes):
        if element.kind == _TAGS:
            tags += [_read_tag(file, tag, collector) for tag in _children(file, element, _TAG)]
        elif element.kind == _ATTACHMENTS:
            for attached in _children(file, element, _FILE):
                _read_file(file, attached, collector)
        elif element.kind == _INFO:
            titles += [_text(file, title) for title in _children(file, element, _TITLE)]
        elif element.kind == _CHAPTERS:
            collector.problems.append("chapters have no place in a stem file: dropped")
    of_file = [tag for tag in tags if not tag.is_of_part]
    albums = [tag for tag in of_file if tag.level == _ALBUM_LEVEL and not tag.is_of_stream]
    others = [tag for tag in of_file if tag not in albums and not tag.is_of_stream]
    for tag in others:
        for name, text in tag.texts:
            collector.add("vorbis", _OF_TRACK.get(name, name), [text])
    own = {name for tag in others for name, _ in tag.texts}
    for name, text in (pair for tag in albums for pair in tag.texts):
        is_album = name in own or (name == "TITLE" and bool(titles)) or name not in _OF_ALBUM
        names = _OF_ALBUM if is_album or name not in ("TITLE", "ARTIST") else {}
        collector.add("vorbis", names.get(name, name), [text])
    collector.next_tag()
    collector.add_field("title", titles)
    for name, text in (pair for tag in of_file if tag.is_of_stream for pair in tag.texts):
        collector.add("vorbis", _OF_TRACK.get(name, name), [text])


def _find(file: BufferedReader, n_bytes: int) -> Iterator[_Element]:
    """Yield the elements that are wanted; those behind the audio as the index at the front says."""
    for segment in _walk(file, 0, n_bytes):
        if segment.kind != _SEGMENT:
            continue
        index: dict[int, int] = {}
        seen: set[int] = set()
        for element in _walk(file, segment.start, segment.end):
            if element.kind == _CLUSTER and _TAGS in index:
                break
            if element.kind == _SEEK_HEAD:
                index |= _read_index(file, element, segment.start)
            elif element.kind in _WANTED:
                seen.add(element.start)
                yield element
        for kind, position in index.items():
            for element in _walk(file, position, segment.end):
                if element.kind == kind and kind in _WANTED and element.start not in seen:
                    yield element
                break


def _read_index(file: BufferedReader, head: _Element, origin: int) -> dict[int, int]:
    found = {}
    for seek in _children(file, head, _SEEK):
        parts = {part.kind: _bytes(file, part) for part in _walk(file, seek.start, seek.end)}
        if _SEEK_ID in parts and _SEEK_POSITION in parts:
            position = origin + int.from_bytes(parts[_SEEK_POSITION])
            found[int.from_bytes(parts[_SEEK_ID])] = position
    return found


def _walk(file: BufferedReader, start: int, end: int) -> Iterator[_Element]:
    """Yield the elements of a place; one of unknown length goes to the end of the place."""
    for _ in range(_MAX_ELEMENTS):
        file.seek(start)
        head = file.read(12)
        if not head or start >= end or not 0 < (n_kind := 9 - head[0].bit_length()) <= 4:
            return
        kind = int.from_bytes(head[:n_kind])
        first = head[n_kind] if len(head) > n_kind else 0
        n_size = 9 - first.bit_length()
        if n_size > 8:
            return
        size = int.from_bytes(head[n_kind : n_kind + n_size]) & (1 << 7 * n_size) - 1
        start += n_kind + n_size
        if size == (1 << 7 * n_size) - 1:
            if kind == _CLUSTER:  # a recording of a stream: its parts follow as if beside it
                yield _Element(kind, start, start)
                continue
            size = end - start
        yield _Element(kind, start, min(start + size, end))
        start += size


def _children(file: BufferedReader, parent: _Element, kind: int) -> list[_Element]:
    return [part for part in _walk(file, parent.start, parent.end) if part.kind == kind]


def _bytes(file: BufferedReader, element: _Element) -> bytes:
    file.seek(element.start)
    return file.read(min(element.end - element.start, _MAX_TEXT_BYTES))


def _text(file: BufferedReader, element: _Element) -> str:
    return _bytes(file, element).rstrip(b"\0").decode("utf-8", "replace")


def _read_tag(file: BufferedReader, element: _Element, collector: Collector) -> _Tag:
    tag = _Tag()
    for target in _children(file, element, _TARGETS):
        for part in _walk(file, target.start, target.end):
            number = int.from_bytes(_bytes(file, part)[:8])
            if part.kind == _LEVEL:
                tag.level = number
            elif part.kind == _LEVEL_NAME:
                tag.level = tag.level or _ALBUM_LEVEL * (_text(file, part).upper() == "ALBUM")
            elif part.kind == _TRACK_UID and number:
                tag.is_of_stream = True
            elif part.kind in _OTHER_UIDS and number:
                tag.is_of_part = True
    for simple in _children(file, element, _SIMPLE_TAG):
        tag.texts += _read_simple(file, simple, "", collector)
    return tag


def _read_simple(
    file: BufferedReader, simple: _Element, parent: str, collector: Collector
) -> Iterator[tuple[str, str]]:
    """Yield name and text of a tag, and those of the tags within it."""
    name = "".join(_text(file, part) for part in _children(file, simple, _NAME)).upper()
    if parent:
        name = f"{parent}SORT" if name == "SORT_WITH" else f"{parent}/{name}"
    for text in _children(file, simple, _STRING):
        yield name, _text(file, text)
    if _children(file, simple, _BINARY):
        collector.problems.append(f"{name} is no text and has no place in MP4: dropped")
    if parent.count("/") < 4:
        for inner in _children(file, simple, _SIMPLE_TAG):
            yield from _read_simple(file, inner, name, collector)


def _read_file(file: BufferedReader, attached: _Element, collector: Collector) -> None:
    """Take an attached file if it is a picture; names like ``cover.jpg`` make it the cover."""
    parts = {part.kind: part for part in _walk(file, attached.start, attached.end)}
    name = _text(file, parts[_FILE_NAME]) if _FILE_NAME in parts else ""
    mime = _text(file, parts[_MIME]) if _MIME in parts else ""
    data = parts.get(_DATA)
    is_picture = mime.startswith("image/") or name.lower().endswith((".jpg", ".jpeg", ".png"))
    if data is None:
        return
    n_bytes = data.end - data.start
    if not is_picture or n_bytes > MAX_PICTURE_BYTES:
        why = "it is no picture" if not is_picture else f"the limit is {MAX_PICTURE_BYTES} bytes"
        collector.problems.append(f"attachment {name} of {n_bytes} bytes: dropped, {why}")
        return
    file.seek(data.start)
    kind = 4 if "back" in name.lower() else FRONT_COVER
    collector.add_picture(Picture(data=file.read(n_bytes), mime=mime, kind=kind, description=name))
