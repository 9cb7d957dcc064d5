"""Musical keys, as DJ programs and taggers write them.

Letters (``Am``, ``F#``), Open Key (``1d`` to ``12d`` major, ``1m`` to ``12m`` minor) and the wheel
of Camelot (``1B`` to ``12B`` major, ``1A`` to ``12A`` minor). Both count fifths upwards: from C
major and A minor, which are 1 in Open Key and 8 in Camelot (tables: evanpurkhiser/keyfinder-py,
``notations.py``; regorxxx/Camelot-Wheel-Notation).
"""

import re

KEYS = (
    "C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B",
    "Cm", "C#m", "Dm", "D#m", "Em", "Fm", "F#m", "Gm", "G#m", "Am", "Bbm", "Bm",
)  # fmt: skip
"""Keys by the number that Traktor gives them: semitones above C, minor ones from 12 on."""

_SEMITONES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_LETTERS = re.compile(r"([A-Ga-g])([#b]?)(m|[Mm]in|[Mm]inor|[Mm]aj|[Mm]ajor|)", re.ASCII)
_ON_A_WHEEL = re.compile(r"0?([1-9]|1[0-2])([ABDMabdm])", re.ASCII)
_FIFTH = 7
_WHEELS = {"D": (1, "C"), "M": (1, "Am"), "B": (8, "C"), "A": (8, "Am")}
"""By letter: an hour of the wheel, and its key."""


def key_number(key: str) -> int | None:
    """Return the number of a key in `KEYS`, however it is written; None for what is no key."""
    text = "".join(key.split()).replace("\N{MUSIC SHARP SIGN}", "#")
    text = text.replace("\N{MUSIC FLAT SIGN}", "b")
    if match := _ON_A_WHEEL.fullmatch(text):
        first, tonic = _WHEELS[match[2].upper()]
        number = KEYS.index(tonic)
        return number // 12 * 12 + (number + _FIFTH * (int(match[1]) - first)) % 12
    if match := _LETTERS.fullmatch(text):
        semitone = _SEMITONES[match[1].upper()] + {"#": 1, "b": -1, "": 0}[match[2]]
        is_minor = match[3][:3].lower() in ("m", "min")
        return semitone % 12 + 12 * is_minor
    return None
