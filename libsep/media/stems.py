"""Native Instruments Stems: the manifest, and the final pass that makes an MP4 a stem file."""

import json
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from libsep.errors import StemsError
from libsep.media.atoms import (
    MAX_32_BIT,
    Atom,
    MalformedAtomError,
    chunk_offsets,
    chunk_places,
    header,
    read_atom,
    set_chunk_offsets,
    spans,
)
from libsep.track import TARGETS

EXTENSION = ".stem.mp4"
"""How the names of the stem files end that libsep writes."""

EXTENSIONS = (EXTENSION, ".stem.m4a")
"""How the names of stem files end; such files are results, never tracks."""

STEM_NAMES = tuple(target.capitalize() for target in TARGETS)
"""How players name the stems: Drums, Bass, Other, Vocals."""

STREAM_NAMES = ("Master", *STEM_NAMES)
"""Names of the five streams, in their order."""

COLORS = ("#009E73", "#D55E00", "#CC79A7", "#56B4E9")
"""Native Instruments' own palette, in the order of the stems."""

MANIFEST: dict[str, Any] = {
    "mastering_dsp": {
        "compressor": {
            "enabled": False,
            "ratio": 3,
            "output_gain": 0.5,
            "release": 0.300000011920929,
            "attack": 0.003000000026077032,
            "input_gain": 0.5,
            "threshold": 0,
            "hp_cutoff": 300,
            "dry_wet": 50,
        },
        "limiter": {
            "enabled": False,
            "release": 0.05000000074505806,
            "threshold": 0,
            "ceiling": -0.3499999940395355,
        },
    },
    "version": 1,
    "stems": [
        {"color": color, "name": name} for color, name in zip(COLORS, STEM_NAMES, strict=True)
    ],
}
"""What the stem atom says. The numbers are Native Instruments' defaults; both effects are off,
because the stems already add up to the mastered mixture."""

BRANDS = b"M4A " + bytes(4) + b"M4A mp42isomiso2"
FREE_BYTES = 2048
COPY_BYTES = 1 << 22
MAX_MOOV_BYTES = 1 << 29
MAX_MANIFEST_BYTES = 1 << 20

ENABLED, IN_MOVIE = 1, 2
"""Flags of a track header: players play the enabled tracks; the others are there to be chosen."""


def finalise(encoded: Path, final: Path) -> None:
    """Write ``encoded``, an MP4 of five streams, as the stem file ``final``.

    The order becomes ``ftyp moov free mdat``, which is quick to open and which Mixxx can parse at
    any size. Only the first track is enabled, all are in alternate group 0, and the manifest is in
    ``moov/udta/stem``. Tags and audio stay as they are, byte for byte; what lies between the chunks
    of samples is left out.

    Raises
    ------
    StemsError
        ``encoded`` is not what the encoder writes, or ``final`` cannot be written.
    """
    try:
        with encoded.open("rb") as source, final.open("wb") as goal:
            moov, stretches = _open_encoded(source)
            _mark_tracks(moov)
            _set_manifest(moov)
            goal.write(render_head(moov, stretches))
            _copy(source, stretches, goal)
    except MalformedAtomError as exc:
        raise StemsError(encoded, f"expected an MP4 as ffmpeg writes it: {exc}") from exc
    except OSError as exc:
        raise StemsError(final, f"cannot be written: {exc.strerror}") from exc


def read_manifest(path: Path) -> dict[str, Any] | None:
    """Return what the stem atom of a file says; None if it has none.

    Raises
    ------
    StemsError
        The file cannot be read, or the atom holds no JSON object.
    """
    try:
        with path.open("rb") as file:
            payload = find_stem_atom(file)
    except OSError as exc:
        raise StemsError(path, f"cannot be read: {exc.strerror}") from exc
    if payload is None:
        return None
    try:
        manifest = json.loads(payload)
    except ValueError as exc:
        raise StemsError(path, f"stem atom is no JSON: {exc}") from exc
    except RecursionError as exc:
        raise StemsError(path, "stem atom holds lists in lists without an end") from exc
    if not isinstance(manifest, dict):
        raise StemsError(path, f"stem atom holds a {type(manifest).__name__}, expected an object")
    return manifest


def is_stem_file(path: Path) -> bool:
    """Return whether a file is an MP4 with a stem atom, whatever its name is.

    Reads a few headers only. A file that cannot be read is none.
    """
    try:
        with path.open("rb") as file:
            return find_stem_atom(file) is not None
    except OSError:
        return False


def find_stem_atom(file: BufferedIOBase) -> bytes | None:
    """Return the payload of ``moov/udta/stem``; None if there is none, or no MP4."""
    file.seek(0)
    if file.read(8)[4:] != b"ftyp":
        return None
    start, end = 0, file.seek(0, 2)
    try:
        for kind in (b"moov", b"udta", b"stem"):
            found = next((span for span in spans(file, start, end) if span.kind == kind), None)
            if found is None:
                return None
            start, end = found.body, found.end
    except MalformedAtomError:
        return None
    file.seek(start)
    return file.read(min(end - start, MAX_MANIFEST_BYTES))


def _open_encoded(file: BufferedIOBase) -> tuple[Atom, Int64[np.ndarray, "N 2"]]:
    """Return the ``moov`` of what the encoder wrote, and the stretches that its chunks fill."""
    top = list(spans(file, 0, file.seek(0, 2)))
    moovs = [span for span in top if span.kind == b"moov"]
    mdats = [span for span in top if span.kind == b"mdat"]
    if not top or top[0].kind != b"ftyp" or len(moovs) != 1 or len(mdats) != 1:
        found = b" ".join(span.kind for span in top).decode("latin-1")
        raise MalformedAtomError(f"found {found or 'nothing'}, expected ftyp, one moov, one mdat")
    if moovs[0].end - moovs[0].start > MAX_MOOV_BYTES:
        raise MalformedAtomError("moov is larger than half a gigabyte")
    moov = read_atom(file, moovs[0])
    n_tracks = len(moov.all(b"trak"))
    if n_tracks != len(STREAM_NAMES):
        raise MalformedAtomError(f"{n_tracks} tracks, expected {len(STREAM_NAMES)}")
    tables = moov.all(b"trak", b"mdia", b"minf", b"stbl")
    chunks = np.concatenate([chunk_places(table) for table in tables])
    if len(chunks) == 0:
        raise MalformedAtomError("no samples")
    if not mdats[0].body <= chunks.min() <= chunks.max() <= mdats[0].end:
        raise MalformedAtomError("a chunk lies outside mdat")
    return moov, _join(chunks)


def _join(chunks: Int64[np.ndarray, "N 2"]) -> Int64[np.ndarray, "M 2"]:
    """Return the stretches of a file that chunks fill without a gap, in their order."""
    chunks = chunks[np.argsort(chunks[:, 0], kind="stable")]
    starts, ends = chunks[:, 0], np.maximum.accumulate(chunks[:, 1])
    is_first = np.append(True, starts[1:] > ends[:-1])
    is_last = np.append(is_first[1:], True)
    return np.stack([starts[is_first], ends[is_last]], axis=1)


def _mark_tracks(moov: Atom) -> None:
    """Enable the first track only, and put all into alternate group 0."""
    for index, trak in enumerate(moov.all(b"trak")):
        tkhd = trak.first(b"tkhd")
        payload = bytearray(tkhd.payload)
        is_wide = payload[:1] == b"\1"
        flags = ENABLED | IN_MOVIE if index == 0 else IN_MOVIE
        payload[1:4] = flags.to_bytes(3)
        position = 46 if is_wide else 34
        payload[position : position + 2] = bytes(2)
        tkhd.payload = bytes(payload)


def _set_manifest(moov: Atom) -> None:
    """Replace the stem atom, in a ``udta`` that comes after the tracks."""
    udtas = moov.all(b"udta")
    udta = udtas[0] if udtas else Atom(b"udta")
    moov.children = [child for child in moov.children if child.kind != b"udta"] + [udta]
    stem = Atom(b"stem", json.dumps(MANIFEST).encode())
    udta.children = [child for child in udta.children if child.kind != b"stem"] + [stem]


def offset_tables(moov: Atom) -> list[Atom]:
    """Return the tables of chunk positions of all tracks."""
    sample_tables = moov.all(b"trak", b"mdia", b"minf", b"stbl")
    return [
        child
        for sample_table in sample_tables
        for child in sample_table.children
        if child.kind in (b"stco", b"co64")
    ]


def render_head(moov: Atom, stretches: Int64[np.ndarray, "N 2"]) -> bytes:
    """Return everything before the samples, with all positions moved to where they will be.

    How long the head is depends on the width of the positions, but not on their values. They get
    64 bits only if 32 do not suffice (five lossless streams of two hours).

    Parameters
    ----------
    moov
        The index, which is changed.
    stretches
        From where to where the samples lie in the file that it is the index of.
    """
    tables = offset_tables(moov)
    starts, lengths = stretches[:, 0], stretches[:, 1] - stretches[:, 0]
    moves = np.cumsum(lengths) - lengths - starts
    n_bytes = int(lengths.sum())
    old = [chunk_offsets(table) for table in tables]
    placed = [each + moves[np.searchsorted(starts, each, side="right") - 1] for each in old]
    for is_wide in (False, True):
        for table, offsets in zip(tables, placed, strict=True):
            set_chunk_offsets(table, offsets, is_wide=is_wide)
        n_head = len(_head(moov, n_bytes))
        new = [offsets + n_head for offsets in placed]
        if is_wide or max(offsets.max(initial=0) for offsets in new) <= MAX_32_BIT:
            break
    for table, offsets in zip(tables, new, strict=True):
        set_chunk_offsets(table, offsets, is_wide=is_wide)
    return _head(moov, n_bytes)


def _head(moov: Atom, n_bytes: int) -> bytes:
    parts = (Atom(b"ftyp", BRANDS), moov, Atom(b"free", bytes(FREE_BYTES)))
    return b"".join(atom.render() for atom in parts) + header(b"mdat", n_bytes)


def _copy(
    source: BufferedIOBase, stretches: Int64[np.ndarray, "N 2"], goal: BufferedIOBase
) -> None:
    """Append the samples to ``goal``."""
    for start, end in stretches.tolist():
        source.seek(start)
        left = end - start
        while left:
            block = source.read(min(left, COPY_BYTES))
            if not block:
                raise MalformedAtomError("mdat ends before its size")
            goal.write(block)
            left -= len(block)
