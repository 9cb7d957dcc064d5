"""What of the audio of an MP4 file plays, and in which order: its edit list, ISO/IEC 14496-12.

Files of iTunes have a tag instead (``iTunSMPB``): how many samples of silence the encoder put in
front and behind, and how many are music. ffmpeg heeds none of it if the cover stands before the
tag, the silence behind since version 9 only, and also that of another track whose tag was copied;
where there is a list as well, it mixes both up.
"""

import dataclasses
import itertools
import re
import struct
from fractions import Fraction
from pathlib import Path

from libsep.errors import DecodeError, ProbeError
from libsep.media.atoms import Atom, MalformedAtomError, read_atom, spans

MAX_EDITS = 100
"""Most edits that are decoded; each takes a process that starts at the begin of the file."""

MAX_INDEX_BYTES = 256 << 20
"""Largest index (moov) that is read; that of a day of audio has 20 MB."""

_WHOLE_FRAMES = frozenset(
    (b"alac", b"fLaC", b"sowt", b"twos", b"lpcm", b"ipcm", b"fpcm", b"in24", b"in32", b"fl32")
)
"""Codecs, by their sample entries, that ffmpeg does not cut at an edit that starts inside."""

_AAC = b"mp4a"
_GAPLESS = re.compile(
    rb"name\0{4}iTunSMPB.{4}data.{8}\s*[0-9A-F]+" + 3 * rb"\s+([0-9A-F]+)",
    re.DOTALL | re.IGNORECASE,
)
_MAX_PRIMING_SAMPLES = 16383
"""Most silence in front that ffmpeg believes."""


@dataclasses.dataclass(frozen=True, slots=True)
class Edit:
    """A stretch of the track, in seconds; ``start_s`` is where it begins, None if it is silence.

    ``is_listed`` is False where it is a tag that says so, and there is no edit list.
    """

    start_s: Fraction | None
    length_s: Fraction
    is_listed: bool = True


@dataclasses.dataclass(frozen=True, slots=True)
class _Gapless:
    """What a tag of iTunes says, in samples: the silence in front, the music, and all of it."""

    priming: int
    music: int
    total: int

    def agrees(
        self, entries: list[tuple[int, int, int]], total: int, samples_per_unit: float
    ) -> bool:
        """Return whether an edit list, of units of so many samples, says the same of a track."""
        return (
            self.total == total
            and [self.priming] == [time for _, time, _ in entries]
            and abs(entries[0][0] * samples_per_unit - self.music) <= samples_per_unit
        )


def read_edits(path: Path, stream: int) -> list[Edit]:
    """Return the edits of an audio track if ffmpeg would not play them to the sample; else none.

    Silence before the first edit is left out: the track begins where its audio does. Without an
    edit list, what iTunes says counts as one; up to the end, if its numbers are of another track.

    Parameters
    ----------
    path
        Any file.
    stream
        Which of its audio tracks, from 0.

    Raises
    ------
    DecodeError
        The edits are too many, or play at another speed.
    OSError
        The file cannot be read.
    """
    try:
        moov = _index(path)
        if moov is None or moov.all(b"mvex"):  # the length of a file in fragments stands elsewhere
            return []
        tracks = [trak for trak in moov.all(b"trak") if _handler(trak) == b"soun"]
        if stream >= len(tracks):
            return []
        return _edits_of(path, moov, tracks[stream])
    except (MalformedAtomError, struct.error, ZeroDivisionError):
        return []  # ffmpeg has the last word about a damaged index


def skipped_s(path: Path) -> float:
    """Return how much of the begin of its first audio track is skipped, in seconds.

    That is what the edit list says or, without one, iTunes: in AAC, the silence of the encoder. 0
    where neither says anything.

    Raises
    ------
    ProbeError
        The file cannot be read, or is no whole MP4.
    """
    try:
        moov = _index(path)
        if moov is None:
            raise ProbeError(path, "is no MP4")
        trak = next(trak for trak in moov.all(b"trak") if _handler(trak) == b"soun")
        lists = trak.all(b"edts", b"elst")
        times = [time for elst in lists for _, time, _ in _entries(elst.payload) if time >= 0]
        if not times and (gapless := _gapless(moov, trak)) is not None:
            times = [gapless.priming]
        return times[0] / _timescale(trak.first(b"mdia", b"mdhd")) if times else 0.0
    except OSError as exc:
        raise ProbeError(path, f"cannot be read: {exc.strerror}") from exc
    except (MalformedAtomError, struct.error, ZeroDivisionError, StopIteration) as exc:
        raise ProbeError(path, "is no whole MP4") from exc


def _edits_of(path: Path, moov: Atom, trak: Atom) -> list[Edit]:
    movie_scale = _timescale(moov.first(b"mvhd"))
    mdhd = trak.first(b"mdia", b"mdhd")
    scale, total = _timescale(mdhd), _duration(mdhd)
    gapless = _gapless(moov, trak)
    lists = trak.all(b"edts", b"elst")
    listed = _entries(lists[0].payload) if lists else []
    if not listed:
        if gapless is None or gapless.priming >= total:
            return []
        rest = total - gapless.priming
        length_s = Fraction(gapless.music if gapless.total == total else rest, scale)
        return [Edit(Fraction(gapless.priming, scale), length_s, is_listed=False)]
    entries = list(itertools.dropwhile(lambda entry: entry[1] < 0, listed))
    is_led = len(entries) < len(listed)
    is_cut = _codec(trak) in _WHOLE_FRAMES and any(media_time > 0 for _, media_time, _ in entries)
    is_denied = gapless is not None and not gapless.agrees(entries, total, scale / movie_scale)
    if not (is_led or is_cut or is_denied or len(entries) > 1):
        return []
    if any(rate != 0x10000 for _, media_time, rate in entries if media_time >= 0):
        raise DecodeError(path, "its edit list plays the audio at another speed")
    edits: list[Edit] = []
    for duration, media_time, _ in entries:
        length_s = Fraction(duration, movie_scale)
        if media_time < 0:
            edits.append(Edit(None, length_s))
            continue
        start_s = Fraction(media_time, scale)
        rest_s = Fraction(total, scale) - start_s
        if duration == 0 or abs(rest_s - length_s) < Fraction(1, movie_scale):
            length_s = rest_s  # up to the end, which the scale of the movie only rounds
        _append(edits, Edit(start_s, min(length_s, rest_s)))
    if len(edits) > MAX_EDITS:
        raise DecodeError(path, f"more than {MAX_EDITS} edits in its edit list")
    return edits


def _append(edits: list[Edit], edit: Edit) -> None:
    """Add an edit; one that goes on where the last one ended makes that longer."""
    last = edits[-1] if edits else None
    if last and last.start_s is not None and last.start_s + last.length_s == edit.start_s:
        edits[-1] = Edit(last.start_s, last.length_s + edit.length_s)
    elif edit.length_s > 0:
        edits.append(edit)


def _index(path: Path) -> Atom | None:
    """Return the index of an MP4 file; None if it is no such file."""
    with path.open("rb") as file:
        n_bytes = file.seek(0, 2)
        file.seek(0)
        if file.read(8)[4:] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            return None
        for span in spans(file, 0, n_bytes):
            if span.kind == b"moov" and span.end - span.start <= MAX_INDEX_BYTES:
                return read_atom(file, span)
    return None


def _gapless(moov: Atom, trak: Atom) -> _Gapless | None:
    """Return what iTunes says of an audio track; None if it says nothing, or of another codec."""
    tags = b"".join(meta.payload for meta in moov.all(b"udta", b"meta"))
    found = _GAPLESS.search(tags)
    if found is None or _codec(trak) != _AAC:
        return None
    priming, remainder, music = (int(number, 16) for number in found.groups())
    if not 0 < priming <= _MAX_PRIMING_SAMPLES:
        return None
    return _Gapless(priming, music, priming + music + remainder)


def _codec(trak: Atom) -> bytes:
    return trak.first(b"mdia", b"minf", b"stbl", b"stsd").payload[12:16]


def _handler(trak: Atom) -> bytes:
    return b"".join(hdlr.payload[8:12] for hdlr in trak.all(b"mdia", b"hdlr")[:1])


def _timescale(header: Atom) -> int:
    """Return the units per second of an ``mvhd`` or ``mdhd``."""
    position = 20 if header.payload[0] == 1 else 12
    return int(struct.unpack_from(">I", header.payload, position)[0])


def _duration(header: Atom) -> int:
    if header.payload[0] == 1:
        return int(struct.unpack_from(">Q", header.payload, 24)[0])
    return int(struct.unpack_from(">I", header.payload, 16)[0])


def _entries(elst: bytes) -> list[tuple[int, int, int]]:
    """Return duration, media time (-1: silence) and rate (16.16) of each edit."""
    form = ">QqI" if elst[0] == 1 else ">IiI"
    n_entries = struct.unpack_from(">I", elst, 4)[0]
    body = elst[8 : 8 + n_entries * struct.calcsize(form)]
    found = list(struct.iter_unpack(form, body))
    if len(found) < n_entries:
        raise MalformedAtomError("edit list is shorter than it says")
    return [(int(duration), int(time), int(rate)) for duration, time, rate in found]
