"""What lies behind the samples of an uncompressed file: more of them, or something else."""

import os
import re
from io import BufferedIOBase
from pathlib import Path
from typing import Literal

MAX_JUNK_BYTES = 1024
"""How much behind the audio is neither audio nor a chunk, and no reason to doubt the header."""

_LOOKED_AT_BYTES = 1 << 20
_N_PLACES = 64
_SEARCHED_BYTES = 1 << 24

_KINDS = """
    APET LYRI <?xp LIST id3 ID3 bext iXML axml cue smpl JUNK junk PAD FLLR fact PEAK peak levl _PMX
    acid inst plst adtl cart chna umid afsp minf elm1 regn SAUR LGWV DISP ResU ANNO NAME AUTH (c)
    MARK INST COMT APPL CHAN FVER COMM
"""

KNOWN_KINDS = frozenset(kind.ljust(4).encode() for kind in _KINDS.split())
"""How chunks and tags begin that are known to lie behind the samples, also if they are cut off."""

_KIND = re.compile(b"|".join(re.escape(kind) for kind in sorted(KNOWN_KINDS)))
_FILES = frozenset((b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM"))
_FORMS = frozenset((b"WAVE", b"AIFF", b"AIFC"))


def is_no_audio(file: BufferedIOBase, start: int, end: int) -> bool:
    """Return whether what follows the audio by its header is known to be something else.

    Parameters
    ----------
    file
        The file, whose position changes.
    start
        Where the audio ends by its header, in bytes.
    end
        Length of the file, in bytes.
    """
    if end - start <= MAX_JUNK_BYTES:
        return True
    file.seek(start)
    part = file.read(_LOOKED_AT_BYTES)
    if not any(part):
        return _is_padding(file, start, end)
    for place in (start, start + start % 2):
        kind, n_bytes = part[place - start :][:4], part[place - start + 4 :][:4]
        if kind in KNOWN_KINDS or kind[:3] in (b"TAG", b"ID3", b"3DI"):
            return True
        if all(32 <= byte < 127 for byte in kind):
            sizes = (int.from_bytes(n_bytes, "little"), int.from_bytes(n_bytes, "big"))
            if any(place + 8 + size <= end + 1 for size in sizes):
                return True
    return False


def find_last_chunks(file: BufferedIOBase, start: int, end: int) -> int:
    """Return where the chunks begin that follow each other up to the end of a file.

    Where the length of the audio is wrong, only they tell how far it goes.

    Parameters
    ----------
    file
        The file, whose position changes.
    start
        Where its audio begins, in bytes.
    end
        Length of the file, in bytes; it is returned if there are no such chunks.
    """
    first = max(start, end - _SEARCHED_BYTES)
    file.seek(first)
    part = file.read(end - first)
    for match in _KIND.finditer(part):
        if _goes_to_end(part, match.start(), "little") or _goes_to_end(part, match.start(), "big"):
            return first + match.start()
    return end


def _goes_to_end(part: bytes, place: int, order: Literal["big", "little"]) -> bool:
    """Return whether known chunks from a place on fill all of a part, to the byte."""
    for _ in range(_N_PLACES):
        if part[place : place + 4] not in KNOWN_KINDS:
            break
        n_bytes = int.from_bytes(part[place + 4 : place + 8], order)
        place += 8 + n_bytes + n_bytes % 2
    return place in (len(part), len(part) + 1)


def joined_bytes(path: Path, start: int) -> int:
    """Return the length of another WAV or AIFF file behind the samples of one; 0 if there is none.

    Players end before it, where two files were joined as bytes.

    Parameters
    ----------
    path
        A file of chunks.
    start
        Where its samples end, in bytes.

    Raises
    ------
    OSError
        It cannot be read.
    """
    with path.open("rb") as file:
        order: Literal["big", "little"] = "big" if file.read(4) in (b"RIFX", b"FORM") else "little"
        end = file.seek(0, os.SEEK_END)
        place = start + start % 2
        for _ in range(_N_PLACES):
            file.seek(place)
            head = file.read(12)
            if head[:4] in _FILES and head[8:] in _FORMS:
                return end - place
            if head[:4] not in KNOWN_KINDS:
                return 0
            n_bytes = int.from_bytes(head[4:8], order)
            place += 8 + n_bytes + n_bytes % 2
    return 0


def _is_padding(file: BufferedIOBase, start: int, end: int) -> bool:
    """Return whether all that follows seems to be zeros: what lies at places spread over it."""
    for place in range(start, end, max((end - start) // _N_PLACES, 1)):
        file.seek(place)
        if any(file.read(4096)):
            return False
    return True
