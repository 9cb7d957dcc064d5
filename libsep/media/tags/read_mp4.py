"""Tags of MP4 files (M4A, stem files) and QuickTime, as `mp4_items` finds them."""

from collections.abc import Callable
from io import BufferedReader

from mutagen.id3 import TCON

from libsep.media.tags.collect import Collector
from libsep.media.tags.mapping import FREEFORM, find_field, is_native_text
from libsep.media.tags.mp4_items import Items, find_items
from libsep.media.tags.mp4_values import from_integer, to_number, to_text
from libsep.media.tags.record import FRONT_COVER, Picture, RawValue
from libsep.media.tags.serato import MEAN as SERATO
from libsep.media.tags.values import text_to_rating

OWN_MEAN = "----:org.libsep:"
"""Begin of the keys of our own free-form atoms, which are no tags."""

_NUMBERS = frozenset({
    "tmpo", "cpil", "pgap", "pcst", "rtng", "stik", "hdvd", "shwm", "tvsn", "tves", "©mvi", "©mvc",
    "plID", "cnID", "geID", "atID", "sfID", "cmID", "akID",
})  # fmt: skip
"""Atoms that iTunes has for numbers."""

_PICTURE_KINDS = (12, 13, 14, 27)
_VARIOUS_ERRORS = (ValueError, TypeError, LookupError, OverflowError)
_OLD_NAMES = {
    "AUTHOR": ("artist", 1), "DISPLAYNAME": ("title", 1), "CREATIONDATE": ("date", 2),
    "©ART": ("artist", 0), "©aut": ("artist", 1), "©prf": ("artist", 1), "©cpy": ("copyright", 0),
    "©com": ("composer", 1), "©inf": ("comment", 1), "©des": ("comment", 1),
    "©trk": ("track", 0), "©lab": ("label", 0), "©isr": ("isrc", 0),
}  # fmt: skip
"""Fields of names that only QuickTime and 3GPP have, and their ranks there."""

_OLD_SOFTWARE = ("software", "©swr", "©too", "©enc", "com.android.version")


def read_mp4(
    file: BufferedReader, n_bytes: int, read_id3: Callable[[object], None], collector: Collector
) -> None:
    """Hand the tags of an MP4 file to ``collector``; an item that cannot be read is reported.

    An ID3 tag in it goes to ``read_id3``.
    """
    for items in find_items(file, n_bytes):
        if items.id3 is not None:
            read_id3(items.id3)
        for key, values in items.values:
            try:
                _read_item(items, key, values, collector)
            except _VARIOUS_ERRORS as exc:
                collector.problems.append(f"{key} could not be read: {exc}")
        for key, text in items.texts:
            _read_old_text(key, text, collector)
        collector.problems += items.problems
        collector.next_tag()


def _read_item(items: Items, key: str, values: list[RawValue], collector: Collector) -> None:
    if items.column != "mp4":
        _read_named(key, values, collector)
    elif key in _SPECIAL:
        _SPECIAL[key](key, values, collector)
    elif key.startswith(f"{SERATO}:"):
        collector.add_serato({key.rpartition(":")[2]: values[0].data})
    elif not key.startswith(OWN_MEAN):
        _read_values(key, values, collector)


def _read_values(key: str, values: list[RawValue], collector: Collector) -> None:
    """Take texts as such, numbers as the text of a field; all else keeps its bytes."""
    is_number = key in _NUMBERS
    numbers = [to_number(value, is_untyped=is_number) for value in values]
    has_field = find_field("mp4", key) is not None
    texts = [to_text(value, is_trusted=has_field) for value in values]
    if has_field and (all_texts := [_either(*pair) for pair in zip(numbers, texts, strict=True)]):
        if None in all_texts:
            collector.problems.append(f"{key} is neither text nor number: dropped in part")
        collector.add("mp4", key, [text for text in all_texts if text is not None])
    elif collector.drops(key):
        return
    elif is_number:
        for number, text in zip(numbers, texts, strict=True):
            _add_number(key, number, text, collector)
    elif None in texts or not (key.startswith("----:") or is_native_text(key)):
        for value in values:
            collector.add_atom(key, value)
    else:
        collector.add("mp4", key, [text for text in texts if text is not None])


def _either(number: int | float | None, text: str | None) -> str | None:
    return text if number is None else f"{number:g}" if isinstance(number, float) else str(number)


def _add_number(
    key: str, number: int | float | None, text: str | None, collector: Collector
) -> None:
    """Take a number of an atom that is there for numbers, as iTunes would write it."""
    if number is None and text is not None and text.strip().isdecimal():
        number = int(text)
    if number is None:
        collector.problems.append(f'{key} "{(text or "")[:40]}" is no number: dropped')
    else:
        collector.add_atom(key, from_integer(int(number)))


def _read_named(key: str, values: list[RawValue], collector: Collector) -> None:
    """Take an item of QuickTime's, whose name is a word."""
    for value in values:
        if key == "artwork" or value.kind in _PICTURE_KINDS:
            collector.add_picture(Picture(data=value.data))
            continue
        text = _either(to_number(value), to_text(value))
        if text is None:
            size = len(value.data)
            collector.problems.append(f"{key} of {size} bytes is neither text nor number: dropped")
        else:
            _read_old_text(key, text, collector)


def _read_old_text(key: str, text: str, collector: Collector) -> None:
    """Take a text under a name of QuickTime's, 3GPP's or ffmpeg's."""
    known = _OLD_NAMES.get(key) or _OLD_NAMES.get(key.upper())
    if key.casefold() in _OLD_SOFTWARE:
        return
    if known is not None:
        collector.add_field(known[0], [text], key=key.upper().lstrip("©"), rank=known[1])
    elif find_field("mp4", key) is not None:
        collector.add("mp4", key, [text])
    else:
        collector.add("vorbis", key.removeprefix("©").upper(), [text])


def _read_pictures(key: str, values: list[RawValue], collector: Collector) -> None:
    for value in values:
        collector.add_picture(Picture(data=value.data, kind=FRONT_COVER))


def _read_position(key: str, values: list[RawValue], collector: Collector) -> None:
    """Take number and total: two numbers of 16 bits behind two bytes, or one number, or a text."""
    value = values[0]
    if len(value.data) >= 6 and to_number(value) is None:
        numbers = [int.from_bytes(value.data[start : start + 2]) for start in (2, 4)]
    elif len(value.data) == 4 and value.kind == 0:
        numbers = [int.from_bytes(value.data[2:]), 0]
    else:
        collector.add("mp4", key, [_either(to_number(value), to_text(value)) or ""])
        return
    for name, number in zip((key, f"{key}/total"), numbers, strict=True):
        collector.add("mp4", name, [str(number)] if number else [])


def _read_genre(key: str, values: list[RawValue], collector: Collector) -> None:
    """Take the genre by the number that ID3v1 has for it, counted from 1."""
    for value in values:
        number = int.from_bytes(value.data) - 1
        if len(value.data) == 2 and 0 <= number < len(TCON.GENRES):
            collector.add_field("genre", [TCON.GENRES[number]], rank=1)
        elif text := to_text(value):
            collector.add_field("genre", [text], rank=1)


def _read_rating(key: str, values: list[RawValue], collector: Collector) -> None:
    for value in values:
        rating = text_to_rating(_either(to_number(value), to_text(value)) or "")
        if rating:
            collector.add_rating(rating)


_SPECIAL: dict[str, Callable[[str, list[RawValue], Collector], None]] = {
    "covr": _read_pictures,
    "trkn": _read_position,
    "disk": _read_position,
    "gnre": _read_genre,
    "rate": _read_rating,
}


def is_ours(key: str) -> bool:
    """Return whether an atom of a stem file is ours to replace: all but other programs' own."""
    return not key.startswith("----:") or key.startswith((FREEFORM, OWN_MEAN))
