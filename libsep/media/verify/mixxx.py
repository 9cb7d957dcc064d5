"""How Mixxx finds the stems of a file, with the limits of its parser."""

import struct
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from libsep.media.atoms import MAX_ATOMS
from libsep.media.verify.format_rules import parse_manifest
from libsep.media.verify.report import Finding

MAX_MANIFEST_BYTES = 1 << 20


def check_mixxx(path: Path) -> Iterator[Finding]:
    """Yield rule B1 if Mixxx would not find four stems.

    References
    ----------
    mixxxdj/mixxx, ``src/track/steminfoimporter.cpp`` as of 2.6: written anew from its behaviour.
    """
    with path.open("rb") as file:
        payload = _find_manifest(file)
    if payload is None:
        yield Finding("B1", "error", "Mixxx does not find the stem atom")
        return
    n_stems = _count_stems(payload)
    if n_stems != 4:
        yield Finding("B1", "error", f"Mixxx finds {n_stems} stems, expected 4")


def _find_manifest(file: BufferedIOBase) -> bytes | None:
    limit = end_of_file = file.seek(0, 2)
    file.seek(0)
    for kind in (b"moov", b"udta", b"stem"):
        found = _descend(file, kind, limit, end_of_file)
        if found is None:
            return None
        limit = found
    return file.read(min(limit, MAX_MANIFEST_BYTES))


def _descend(file: BufferedIOBase, kind: bytes, limit: int, end_of_file: int) -> int | None:
    """Go to the payload of the first atom of a kind and return its length; None without one.

    Like Mixxx, it counts only payloads against ``limit``, tries only the first match, and does not
    swap the bytes of a 64-bit size, so that it runs off the file behind such an atom.
    """
    passed = 0
    for _ in range(MAX_ATOMS):
        head = file.read(8)
        if passed >= limit or len(head) < 8:
            return None
        size, found = struct.unpack(">I4s", head)
        if size == 1:
            wide = file.read(8)
            if len(wide) < 8:
                return None
            size = struct.unpack("<Q", wide)[0]
        n_bytes = size - 8
        if found == kind:
            return int(n_bytes) if n_bytes > 0 else None
        end = file.tell() + n_bytes
        if n_bytes < 0 or end > end_of_file:
            return None
        file.seek(end)
        passed += n_bytes
    return None


def _count_stems(payload: bytes) -> int:
    manifest = parse_manifest(payload.rstrip(b"\0"))
    if manifest is None:
        return 0
    version, stems = manifest.get("version", -1), manifest.get("stems")
    if not isinstance(version, int) or version <= 0 or not isinstance(stems, list):
        return 0
    return sum(isinstance(stem, dict) for stem in stems)
