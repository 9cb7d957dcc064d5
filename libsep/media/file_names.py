"""Names of files that are made of names of tracks, stems or playlists: short enough, and apart."""

import hashlib
import os
import re
import unicodedata

MAX_NAME_BYTES = 255
"""Longest file name of the usual file systems."""

_HASH_DIGITS = 8

_NOT_PORTABLE = re.compile(r'[\x00-\x1f:?*"<>|\\]|[. ]$')
_NO_UNICODE = re.compile(r"[\ud800-\udfff]")  # how Python shows bytes that are no UTF-8
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?= *(?:\.|$))", re.IGNORECASE)


def file_key(text: str) -> str:
    """Return what is equal for paths that macOS or Windows take for one (Unicode 15, 3.13.5)."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize("NFC", decomposed.casefold())


def portable(name: str) -> str:
    """Return a file's name that Windows and its drives take: ``_`` stands for what they refuse.

    That are ``: ? * " < > |``, backslashes, a dot or blank at the end, and bytes that are no UTF-8.
    Names of devices (``CON``) get ``_`` behind. All else is kept.
    """
    name = _NO_UNICODE.sub("_", _NOT_PORTABLE.sub("_", name))
    return _DEVICE.sub(r"\g<0>_", name, count=1) if _DEVICE.match(name) else name


def in_unicode(name: str) -> str:
    """Return a file's name with ``_`` for each byte that is no UTF-8."""
    return _NO_UNICODE.sub("_", name)


def digest_of(text: str) -> str:
    """Return hexadecimal digits that tell what was cut apart: few, but enough for one folder."""
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:_HASH_DIGITS]


def fitting(stem: str, ending: str, digest: str | None = None) -> str:
    """Return a file's name of ``stem`` and ``ending``.

    Parameters
    ----------
    stem
        Is cut where the name would be too long.
    ending
        Follows it, shorter than a name may be.
    digest
        Then stands behind what is left of the stem; by default that of both.
    """
    name = stem + ending
    if len(os.fsencode(name)) <= MAX_NAME_BYTES:
        return name
    return cut(stem, f"~{digest or digest_of(name)}{ending}")


def cut(stem: str, ending: str) -> str:
    """Return ``stem`` with ``ending``, cut between two characters so that the name fits."""
    space = MAX_NAME_BYTES - len(os.fsencode(ending))
    while stem and len(os.fsencode(stem)) > space:
        stem = stem[:-1]
    return stem + ending
