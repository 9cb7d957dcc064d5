r"""How paths are written in lists of DJ programs: as URLs, with ``\``, with ``%20``."""

import re
from collections.abc import Iterator
from urllib.parse import unquote

_FILE_URL = re.compile(r"file:(?://([^/]*))?(/.*)", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_BYTE = re.compile("[\udc80-\udcff]")
"""A byte that is no UTF-8, as Python puts it into the name of a file."""

_SPACES = re.compile(r"[ \t]+(?=/|$)|(?:(?<=/)|^)[ \t]+")
"""Around the names of a path."""

_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def location_of_url(url: str) -> str:
    """Return the path in a URL of ``file:``, on Windows beginning with its drive.

    ``#`` and ``?`` are part of the name, as in URLs that no standard was asked about. A host
    becomes ``//HOST/PATH``; what is no such URL is only decoded.
    """
    match = _FILE_URL.fullmatch(url)
    if match is None:
        return _decoded(url)
    host, path = match.group(1) or "", _decoded(match.group(2))
    if _DRIVE.fullmatch(host):
        return host + path
    if host.lower() not in ("", "localhost"):
        return f"//{host}{path}"
    return path[1:] if _DRIVE.match(path, 1) else path


def spellings(location: str) -> Iterator[str]:
    r"""Yield what a path may mean, the likeliest first: as it stands, with ``\`` and ``%`` read.

    The last one is without spaces around names, which may be no part of them.
    """
    yield location
    plain = location.replace("\\", "/")
    if plain != location:
        yield plain
    if _ESCAPE.search(plain):
        yield _decoded(plain)
    bare = _SPACES.sub("", plain)
    if bare != plain:
        yield bare


def with_letters(name: str) -> str:
    """Return a name or path with Windows' Latin letters for bytes that are no UTF-8.

    So do lists of other programs call a file whose name was made in such an encoding.
    """
    return _BYTE.sub(lambda match: _letter(match.group()), name)


def text_of(line: bytes) -> str:
    """Return a line of a list as text: UTF-8, or else Windows' Latin letters."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        return with_letters(line.decode("ascii", "surrogateescape"))


def _letter(byte: str) -> str:
    code = ord(byte) - 0xDC00
    try:
        return bytes([code]).decode("cp1252")
    except UnicodeDecodeError:  # five bytes have no letter: as on the web, each stays itself
        return chr(code)


def _decoded(text: str) -> str:
    """Return a text with its escapes decoded, bytes that are no UTF-8 as those of a path."""
    return unquote(text, errors="surrogateescape")
