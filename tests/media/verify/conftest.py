"""Finished stem files with the mutations that the checker must catch."""

import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mutagen.mp4 import MP4, MP4FreeForm

from libsep.media.atoms import Atom, chunk_offsets, read_atom, set_chunk_offsets, spans
from libsep.media.stems import MANIFEST, offset_tables, render_head

PNG = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\10\2\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf"
    b"\xc0\0\0\3\1\1\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82"
)
"""A picture of one pixel."""

Edit = Callable[[Atom], None]


def rewrite(path: Path, edit: Edit) -> None:
    """Change the ``moov`` of a file and move the positions of the samples along."""
    data = path.read_bytes()
    with path.open("rb") as file:
        top = {span.kind: span for span in spans(file, 0, len(data))}
        moov = read_atom(file, top[b"moov"])
    edit(moov)
    mdat = top[b"mdat"]
    head = render_head(moov, np.array([[mdat.body, mdat.end]]))
    path.write_bytes(head + data[mdat.body : mdat.end])


def move_chunks(path: Path, index: slice, distance: int) -> None:
    """Let the tables of some tracks point ``distance`` bytes beside the samples."""
    data = path.read_bytes()
    with path.open("rb") as file:
        moov = read_atom(file, next(s for s in spans(file, 0, len(data)) if s.kind == b"moov"))
    before = moov.render()
    for table in offset_tables(moov)[index]:
        set_chunk_offsets(table, chunk_offsets(table) + distance, is_wide=False)
    path.write_bytes(data.replace(before, moov.render()))


def add_cover(path: Path) -> None:
    file = MP4(path)
    if file.tags is None:
        file.add_tags()
    file.tags["covr"] = [PNG]
    file.save()


def _enable_third(moov: Atom) -> None:
    tkhd = moov.all(b"trak", b"tkhd")[2]
    tkhd.payload = b"\0\0\0\3" + tkhd.payload[4:]


def _drop_stem(moov: Atom) -> None:
    udta = moov.first(b"udta")
    udta.children = [child for child in udta.children if child.kind != b"stem"]


def _version_0(moov: Atom) -> None:
    stem = moov.first(b"udta", b"stem")
    stem.payload = stem.payload.replace(b'"version": 1', b'"version": 0')


def _other_edit(moov: Atom) -> None:
    elst = moov.all(b"trak", b"edts", b"elst")[3]
    duration = struct.unpack_from(">I", elst.payload, 8)[0]
    elst.payload = struct.pack(">IIIiI", 0, 1, duration, 1024, 0x10000)


def _udta_first(moov: Atom) -> None:
    moov.children.sort(key=lambda child: child.kind != b"udta")


def _drop_udta(moov: Atom) -> None:
    moov.children = [child for child in moov.children if child.kind != b"udta"]


def _drop_edits(moov: Atom) -> None:
    for trak in moov.all(b"trak"):
        trak.children = [child for child in trak.children if child.kind != b"edts"]


def add_stem(moov: Atom) -> None:
    moov.first(b"udta").children.append(Atom(b"stem", json.dumps(MANIFEST).encode()))


def _cover_then_udta_first(path: Path) -> None:
    add_cover(path)
    rewrite(path, _udta_first)


def _no_udta_then_mutagen(path: Path) -> None:
    rewrite(path, _drop_udta)
    add_cover(path)
    rewrite(path, add_stem)


def _gapless_tag_without_edits(path: Path) -> None:
    rewrite(path, _drop_edits)
    file = MP4(path)
    if file.tags is None:
        file.add_tags()
    numbers = b" 00000000 00000840 00000031 00000000000124DB" + b" 00000000" * 8
    file.tags["----:com.apple.iTunes:iTunSMPB"] = [MP4FreeForm(numbers)]
    file.save()


def _wide_mdat_first(path: Path) -> None:
    data = path.read_bytes()
    with path.open("rb") as file:
        top = {span.kind: span for span in spans(file, 0, len(data))}
        moov = read_atom(file, top[b"moov"])
    body = data[top[b"mdat"].body :]
    ftyp = data[: top[b"ftyp"].end]
    wide = struct.pack(">I4sQ", 1, b"mdat", len(body) + 16)
    shift = len(ftyp) + len(wide) - top[b"mdat"].body
    for table in offset_tables(moov):
        set_chunk_offsets(table, chunk_offsets(table) + shift, is_wide=False)
    path.write_bytes(ftyp + wide + body + moov.render())


def _remuxed(path: Path, ffmpeg: Path) -> None:
    source = path.rename(path.with_name("source.mp4"))
    command = [ffmpeg, "-v", "error", "-i", source, "-map", "0", "-c", "copy"]
    subprocess.run([*command, "-movflags", "+faststart", "-f", "mp4", path], check=True)


def _muxed_from_five_files(path: Path, ffmpeg: Path) -> None:
    inputs, maps = [], []
    for index in range(5):
        single = path.with_name(f"{index}.m4a")
        extract = [ffmpeg, "-v", "error", "-i", path, "-map", f"0:a:{index}", "-c", "copy"]
        subprocess.run([*extract, "-disposition:a", "default", single], check=True)
        inputs += ["-i", single]
        maps += ["-map", f"{index}:a"]
    path.unlink()
    command = [ffmpeg, "-v", "error", *inputs, *maps, "-c", "copy", "-movflags", "+faststart"]
    subprocess.run([*command, "-f", "mp4", path], check=True)
    rewrite(path, add_stem)


MUTATIONS: dict[str, tuple[set[str], Callable[..., None]]] = {
    "all offsets +3": ({"A20", "B5"}, lambda p, f: move_chunks(p, slice(None), 3)),
    "one track's offsets stale": ({"A20", "B5"}, lambda p, f: move_chunks(p, slice(0, 1), -5000)),
    "third track enabled": ({"A15", "B4"}, lambda p, f: rewrite(p, _enable_third)),
    "no stem atom": ({"A8", "B1"}, lambda p, f: rewrite(p, _drop_stem)),
    "version 0": ({"A11", "B1"}, lambda p, f: rewrite(p, _version_0)),
    "one edit differs": ({"C5"}, lambda p, f: rewrite(p, _other_edit)),
    "udta before mvhd": ({"A5", "A6", "B2"}, lambda p, f: _cover_then_udta_first(p)),
    "five finished files muxed": ({"A15", "B4"}, _muxed_from_five_files),
    "no udta, then mutagen": ({"A5", "A6", "B2"}, lambda p, f: _no_udta_then_mutagen(p)),
    "ffmpeg remux": ({"A8", "B1"}, _remuxed),
    "iTunSMPB without edits": ({"C5", "C10", "B3"}, lambda p, f: _gapless_tag_without_edits(p)),
    "64-bit mdat before moov": ({"C2", "B1"}, lambda p, f: _wide_mdat_first(p)),
}
"""Each mutation with the rules that must fail, and what does it."""


@pytest.fixture
def copied(aac_stem: Path, tmp_path: Path) -> Path:
    """Return a copy of the AAC file that a test may change."""
    return Path(shutil.copy(aac_stem, tmp_path / "track.stem.mp4"))


@pytest.fixture(params=MUTATIONS)
def mutation(request: pytest.FixtureRequest) -> tuple[set[str], Callable[..., None]]:
    """Return the rules that must fail and the function that breaks them, for each mutation."""
    return MUTATIONS[request.param]


@pytest.fixture
def rewrite_moov() -> Callable[[Path, Edit], None]:
    """Return a function that changes the ``moov`` of a file."""
    return rewrite
