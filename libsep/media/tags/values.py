"""Text of tags to numbers and back: what people write into fields that want a number."""

import re

from mutagen.id3 import TCON

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
_POSITION = re.compile(r"\s*(\d*)\s*(?:(?:/|\bof\b)\s*(\d+)\s*)?", re.IGNORECASE)
_GENRE_CODE = re.compile(r"\((\d+|RX|CR)\)")
_MAX_UINT16 = 65535

LINEAR_RATERS = ("traktor", "quodlibet", "quod libet", "banshee", "mixxx", "rekordbox")
"""Programs that spread the stars evenly over POPM's 1 to 255; the others follow Windows."""


def parse_bpm(text: str) -> str | None:
    """Return the tempo in ``text`` as a decimal number, None if there is none.

    ``127,950`` gives ``127.95``, ``128 bpm`` gives ``128``.
    """
    match = _NUMBER.search(text)
    if match is None:
        return None
    number = match.group().replace(",", ".")
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    return number if 0.5 <= float(number) <= _MAX_UINT16 else None


def parse_position(text: str) -> tuple[int | None, int | None] | None:
    """Return number and total of a track or disc (``3/12``, ``03``, ``3 of 12``, ``/12``).

    None if ``text`` is something else, such as the side of a record (``A1``), or does not fit
    into the 16 bits that MP4 has for it.
    """
    match = _POSITION.fullmatch(text)
    if match is None or not text.strip():
        return None
    number, total = (int(group) if group else None for group in match.groups())
    if max(number or 0, total or 0) > _MAX_UINT16:
        return None
    return number, total


def parse_flag(text: str) -> bool:
    """Return whether ``text`` says yes: ``1``, ``true`` or ``yes``."""
    return text.strip().lower() in ("1", "true", "yes")


def parse_genres(values: tuple[str, ...]) -> tuple[str, ...]:
    """Return genres by name: ``17`` and ``(17)`` are Rock, ``(4)Eurodisco`` is two genres.

    A number that ID3 gives no name stays as it is. Each genre appears once.
    """
    names: list[str] = []
    for value in values:
        codes = _GENRE_CODE.match(value)
        while codes is not None:
            names.append(_genre_name(codes.group(1)))
            value = value[codes.end() :]
            codes = _GENRE_CODE.match(value)
        # ID3v2.3 doubles the bracket of a name that really begins with one.
        value = value.removeprefix("(") if value.startswith("((") else value
        if value.strip():
            names.append(_genre_name(value.strip()))
    return tuple(dict.fromkeys(names))


def _genre_name(code: str) -> str:
    if code in ("RX", "CR"):
        return {"RX": "Remix", "CR": "Cover"}[code]
    if code.isascii() and code.isdigit() and int(code) < len(TCON.GENRES):
        return str(TCON.GENRES[int(code)])
    return code


def r128_to_gain(text: str) -> str:
    """Return an Opus gain (1/256 dB, for -23 LUFS) as ReplayGain text (for -18 LUFS)."""
    return f"{int(text) / 256 + 5:.2f} dB"


def popm_to_rating(value: int, owner: str) -> int:
    """Return ID3's popularimeter (1 to 255) as a rating of 20 to 100 in steps of half a star.

    Programs disagree: some give 51 for each star, others follow Windows (1, 64, 128, 196, 255).
    A multiple of 51 and a program of `LINEAR_RATERS` count as the former.
    """
    if value % 51 == 0 or any(rater in owner.lower() for rater in LINEAR_RATERS):
        return min(100, max(10, round(value / 25.5) * 10))
    return 20 * (1 + sum(value >= limit for limit in (32, 96, 160, 224)))


def is_rating_key(key: str) -> bool:
    """Return whether programs keep a rating as text under this key, whatever the format."""
    folded = key.upper()
    return folded in ("RATING", "FMPS_RATING", "RATING WMP") or folded.startswith("RATING:")


def keyed_rating(key: str, text: str) -> int | None:
    """Return the rating in a text under a key of `is_rating_key`; keys fix what a number means."""
    rating = text_to_rating(text)
    if rating is None or key.upper() == "RATING":
        return rating
    number = float(text.replace(",", "."))
    if key.upper() == "RATING WMP":
        return popm_to_rating(round(number), "traktor")
    return round(100 * min(number, 1.0))  # from 0.0 to 1.0, where one is the best


def text_to_rating(text: str) -> int | None:
    """Return the rating (0 to 100) that a comment means: up to 5 are stars, up to 100 per cent.

    A fraction below one counts as a share of the whole and values above 100 as ID3's 1 to 255.
    None if ``text`` is no number in that range, or zero.
    """
    match = _NUMBER.fullmatch(text.strip())
    value = float(match.group().replace(",", ".")) if match else 0.0
    if not 0 < value <= 255:
        return None
    if value > 100:
        return popm_to_rating(round(value), "")
    scale = 100 if value < 1 else 20 if value <= 5 else 1
    return round(value * scale)
