"""Colours that a DJ gives to tracks, between programs.

Rekordbox has eight, by their RGB (its developer's list "rekordbox xml format"); Traktor seven, by
number. Five are the same. Any other is carried within its program only.
"""

from collections.abc import Mapping

SHARED: Mapping[str, Mapping[str, str]] = {
    "traktor": {"1": "red", "2": "orange", "3": "yellow", "4": "green", "5": "blue"},
    "rekordbox": {
        "0xFF0000": "red",
        "0xFFA500": "orange",
        "0xFFFF00": "yellow",
        "0x00FF00": "green",
        "0x0000FF": "blue",
    },
}
"""Name of a colour by what a program writes."""


def color_of(program: str, text: str) -> str:
    """Return the name of a program's colour; ``program:text`` for one that only that one has."""
    if not text or text == "0":
        return ""
    return SHARED[program].get(text, f"{program}:{text}")


def color_for(program: str, color: str) -> str:
    """Return what a program writes for a colour of `color_of`; empty where it has no such one."""
    written = {name: text for text, name in SHARED[program].items()}
    return written.get(color) or color.removeprefix(f"{program}:") * color.startswith(f"{program}:")
