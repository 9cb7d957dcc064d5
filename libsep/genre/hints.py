"""What the place of a track says about its genre: its folder, and the playlists that name it."""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from libsep.dj.m3u import read_playlist
from libsep.dj.spelling import spellings, with_letters
from libsep.errors import ConfigError
from libsep.track import Track

T = TypeVar("T")

_WILDCARD = re.compile(r"\*\*/|\*\*|\*|\?")
_MEANINGS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class FolderHints:
    """Glob patterns of folders and files, relative to the library; the first that matches counts.

    ``*`` and ``?`` stay within one name, ``**`` crosses folders; case does not matter, nor how
    accents are stored, nor whether a name is Unicode or in Windows' Latin letters. A pattern that
    matches a folder holds for everything in it.

    Raises
    ------
    ConfigError
        A pattern is empty or absolute.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self._patterns = [(text, _compiled(text), genre) for text, genre in patterns.items()]

    def find(self, track: Track) -> tuple[str, str] | None:
        """Return the genre of a track's folder and the pattern that says so, or None."""
        if not self._patterns:
            return None
        source = _normalised(with_letters(track.source.as_posix()))
        for text, pattern, genre in self._patterns:
            if pattern.match(source):
                return genre, text
        return None


class PlaylistHints:
    """The tracks of playlists; of a track in several, the first playlist counts.

    Raises
    ------
    ConfigError
        A playlist cannot be read.
    """

    def __init__(self, playlists: Mapping[Path, str]) -> None:
        self._genres: dict[str, tuple[str, str]] = {}
        for playlist, genre in playlists.items():
            for file in read_playlist(playlist):
                for path in comparable_paths(file):
                    self._genres.setdefault(path, (genre, playlist.name))

    def find(self, track: Track) -> tuple[str, str] | None:
        """Return the genre of a track and the name of the playlist that says so, or None."""
        return said_of(track.path, self._genres)

    def content(self) -> list[tuple[str, str, str]]:
        """Return all that decisions rest on: file, genre, playlist; in a fixed order."""
        return sorted((file, *hint) for file, hint in self._genres.items())


def _compiled(text: str) -> re.Pattern[str]:
    pattern = _normalised(text).rstrip("/")
    if not pattern or pattern.startswith("/"):
        message = f"routing.folders: {text!r}: expected a pattern relative to the library"
        raise ConfigError(message)
    # Equal stars in a row mean no more than one pair, and would only cost time.
    pattern = re.sub(r"\*{3,}", "**", pattern)
    pattern = re.sub(r"(?:\*\*/){2,}", "**/", pattern)
    expression, end = "", 0
    for match in _WILDCARD.finditer(pattern):
        expression += re.escape(pattern[end : match.start()]) + _MEANINGS[match.group()]
        end = match.end()
    return re.compile(expression + re.escape(pattern[end:]) + "(?:/.*)?\\Z", re.DOTALL)


def _normalised(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def comparable_paths(listed: Path) -> Iterator[str]:
    """Yield all that the path in a list may mean, absolute, without case or form of accents."""
    for text in spellings(str(listed)):
        yield from dict.fromkeys((_absolute(text), _absolute(with_letters(text))))


def said_of(path: Path, listed: Mapping[str, T]) -> T | None:
    """Return what lists say of a file, by `comparable_paths`; None if none of them names it.

    A name that is no UTF-8 is also found in Windows' Latin letters, unless another file is called
    so.
    """
    if not listed:
        return None
    if (said := listed.get(_absolute(str(path)))) is not None:
        return said
    in_letters = with_letters(str(path))
    is_other = in_letters != str(path) and os.path.lexists(in_letters)
    return None if is_other else listed.get(_absolute(in_letters))


def _absolute(text: str) -> str:
    return _normalised(os.path.normpath(Path.cwd() / text))
