"""Paths as the disk spells them, for those that others wrote with other letters."""

import os
import unicodedata
from collections.abc import Callable
from pathlib import Path

from libsep.dj.spelling import with_letters


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(unicodedata.normalize("NFD", name).casefold())


def _in_letters(name: str) -> str:
    return _folded(with_letters(name))


def spelled(path: Path) -> Path:
    """Return a path with what is there of it written as its disk writes it.

    A disk that does not care for case or the form of accents has one name for a file, by which two
    spellings are known to be one. On others nothing changes.
    """
    given = path.resolve() if ".." in path.parts else path.absolute()
    for place in (given, *given.parents):
        if os.path.lexists(place):
            found = Disk().find(str(place))
            return given if found is None else found / given.relative_to(place)
    return given


def is_same_file(path: Path, other: Path) -> bool:
    """Return whether both paths lead to one file or folder.

    Some drives have another number for each spelling of a name, so `Path.samefile` is not enough.

    Raises
    ------
    OSError
        One of them is not there.
    """
    return path.samefile(other) or spelled(path) == spelled(other)


_FORMS: tuple[Callable[[str], str], ...] = (_composed, _folded, _in_letters)
"""What two spellings of a name may differ in: the form of accents, then case, then encoding."""


class Disk:
    """Finds files by spellings that differ from their names in case, form of accents or encoding.

    A disk that does not care finds them itself, but says nothing of their names; one that cares
    finds nothing. Each folder is listed once, so what comes later is not seen.
    """

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}
        self._forms: dict[tuple[str, int], dict[str, list[str]]] = {}

    def find(self, path: str) -> Path | None:
        """Return the path of a file or folder as its disk spells it.

        Parameters
        ----------
        path
            An absolute path.

        Returns
        -------
        None where nothing is there, or where several names fit and none is written just so.
        """
        folder = ""
        for name in filter(None, os.path.normpath(path).split("/")):
            found = self._spelled(f"{folder}/", name)
            if found is None:
                return None
            folder = f"{folder}/{found}"
        return Path(folder or "/")

    def _spelled(self, folder: str, name: str) -> str | None:
        if name in self._listed(folder):
            return name
        for place, form in enumerate(_FORMS):
            if fitting := self._by_form(folder, place).get(form(name)):
                return fitting[0] if len(fitting) == 1 else None
        # A folder may be entered that cannot be listed, and automounters list nothing.
        return name if os.path.lexists(folder + name) else None

    def _listed(self, folder: str) -> frozenset[str]:
        if folder not in self._names:
            try:
                with os.scandir(folder) as entries:
                    self._names[folder] = frozenset(entry.name for entry in entries)
            except (OSError, ValueError):  # ValueError: a NUL in the path
                self._names[folder] = frozenset()
        return self._names[folder]

    def _by_form(self, folder: str, place: int) -> dict[str, list[str]]:
        """Return the names of a folder by what `_FORMS` makes of them."""
        if (folder, place) not in self._forms:
            names = self._forms[folder, place] = {}
            for name in self._listed(folder):
                names.setdefault(_FORMS[place](name), []).append(name)
        return self._forms[folder, place]
