"""What the place of a track says about its genre: its folder, and the playlists that name it."""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path

from libsep.dj.m3u import read_playlist
from libsep.dj.spelling import spellings, with_letters
from libsep.errors import ConfigError
from libsep.track import Track

_WILDCARD = re.compile(r"\*\*/|\*\*|\*|\?")
_MEANINGS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


class FolderHints:
    """Glob patterns of folders and files, relative to the library; the first that matches counts.

    ``*`` and ``?`` stay within one name, ``**`` crosses folders; case does not matter, nor how
    accents are stored. A pattern that matches a folder holds for everything in it.

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
        source = _normalised(track.source)
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
        return self._genres.get(comparable_path(track.path)) if self._genres else None

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


def _normalised(path: Path | str) -> str:
    text = path.as_posix() if isinstance(path, Path) else path
    return unicodedata.normalize("NFC", with_letters(text)).casefold()


def comparable_path(path: Path) -> str:
    """Return the absolute path of a file as a text that is the same however it was written."""
    return _normalised(os.path.normpath(Path.cwd() / path))


def comparable_paths(listed: Path) -> Iterator[str]:
    """Yield what `comparable_path` says of all that the path in a list may mean."""
    return (comparable_path(Path(text)) for text in spellings(str(listed)))
