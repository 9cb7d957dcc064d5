"""How long a file is by its header, where that is to be believed: what runs are planned with."""

from pathlib import Path

from libsep.media.ogg_links import read_beginning
from libsep.media.pcm_header import read_pcm_header

MIN_BYTES_PER_S = 100
"""Least bit rate of a track: silence in FLAC. A header that claims less counts a placeholder, or
the time of a stream that began long before the file."""

_PCM = frozenset(
    (".wav", ".wave", ".bwf", ".rf64", ".bw64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf")
) | {".w64"}
_OGG = frozenset((".ogg", ".oga", ".opus", ".spx", ".ogx"))


def believed_s(path: Path, told_s: float | None) -> float | None:
    """Return the length of a file in seconds, None if its header does not tell or cannot be true.

    Parameters
    ----------
    path
        A file.
    told_s
        Length by its header, as others read it.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in _PCM and (header := read_pcm_header(path)) is not None:
        if header.codec and header.found_s is not None:
            return float(header.found_s)
        told_s = None if header.found_s is None else float(header.found_s)
    elif suffix in _OGG and told_s and (began_s := read_beginning(path)) < told_s:
        told_s -= began_s
    if not told_s or told_s * MIN_BYTES_PER_S > path.stat().st_size:
        return None
    return told_s
