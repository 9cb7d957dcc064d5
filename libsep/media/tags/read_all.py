"""Every tag of a file: what its container has, then what programs put before and behind it.

The container's own tag is the strongest; each of the others fills the gaps of those before it.
"""

import functools
import os
from collections.abc import Callable, Iterable
from io import BufferedIOBase, BufferedReader
from typing import Any

from mutagen.asf import ASF
from mutagen.flac import FLAC
from mutagen.mp3 import MPEGInfo
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggspeex import OggSpeex
from mutagen.oggtheora import OggTheora
from mutagen.oggvorbis import OggVorbis

from libsep.media.blame import is_of_disk
from libsep.media.mp3_header import Mp3Begin, mp3_begin
from libsep.media.tag_blocks import Block, Layout, find_blocks
from libsep.media.tags.ape_block import read_ape_block, read_lyrics3
from libsep.media.tags.bounded import UNREADABLE, stretch
from libsep.media.tags.collect import Collector
from libsep.media.tags.id3_block import read_id3_block, read_id3v1_block
from libsep.media.tags.read_asf import read_asf
from libsep.media.tags.read_chunks import is_chunked, read_chunks
from libsep.media.tags.read_id3 import read_id3, serato_objects
from libsep.media.tags.read_matroska import EBML, read_matroska
from libsep.media.tags.read_mp4 import read_mp4
from libsep.media.tags.read_vorbis import read_ape, read_pictures, read_vorbis
from libsep.media.tags.serato import from_id3

_HEAD_BYTES = 4096
_ASF = bytes.fromhex("3026b2758e66cf11")
_MP4_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp", b"uuid")
_APE_NATIVE = (b"wvpk", b"MAC ", b"MP+", b"MPCK", b"tBaK", b"OFR ")
_OGG_KINDS = {
    b"\x01vorbis": OggVorbis, b"OpusHead": OggOpus, b"\x7fFLAC": OggFLAC, b"Speex   ": OggSpeex,
    b"\x80theora": OggTheora,
}  # fmt: skip
_TTA = (b"TTA1", b"TTA2")
_BY_APE = ("ape", "id3", "lyrics3", "id3v1")
_BY_ID3 = ("id3", "ape", "lyrics3", "id3v1")


class _Reader:
    """One file whose tags go to a collector."""

    def __init__(self, file: BufferedIOBase, layout: Layout, collector: Collector) -> None:
        self.file = file
        self.layout = layout
        self.collector = collector
        file.seek(layout.start)
        self.head = file.read(_HEAD_BYTES)

    @property
    def body(self) -> BufferedReader:
        """The file without the tags around it."""
        return stretch(self.file, self.layout.start, self.layout.end)

    def native(self) -> Callable[[], None] | None:
        """Return what reads the container's own tags; None if it has none, or is not known."""
        head = self.head
        if head.startswith(b"fLaC"):
            return self._flac
        if head.startswith(b"OggS"):
            return self._ogg
        if is_chunked(head):
            return self._chunks
        if head[4:8] in _MP4_ATOMS:
            return self._mp4
        if head.startswith(b".snd"):
            return self._au
        if head.startswith(EBML):
            return self._matroska
        return self._asf if head.startswith(_ASF) else None

    @property
    def has_only_outer_tags(self) -> bool:
        """Whether all tags of this kind of file stand before or behind it."""
        is_mpeg = len(self.head) > 1 and self.head[0] == 0xFF and self.head[1] >= 0xE0
        return is_mpeg or self.head.startswith((*_APE_NATIVE, *_TTA))

    def _flac(self) -> None:
        file = FLAC(self.body)
        if file.cuesheet is not None:
            self.collector.problems.append("a cue sheet has no place in a stem file: dropped")
        read_vorbis(list(file.tags or ()), self.collector)
        read_pictures(file.pictures, self.collector)

    def _ogg(self) -> None:
        for mark, kind in _OGG_KINDS.items():
            if mark in self.head:
                file = kind(self.body)
                read_vorbis(list(file.tags or ()), self.collector)
                read_pictures(getattr(file, "pictures", ()), self.collector)
                self.collector.next_tag()

    def _asf(self) -> None:
        read_asf(list(ASF(self.body).tags or ()), self.collector)

    def _mp4(self) -> None:
        n_bytes = self.layout.end - self.layout.start
        read_mp4(self.body, n_bytes, self.frames, self.collector)

    def _au(self) -> None:
        """Take the lines ``KEY=VALUE`` of its annotation, which is free text otherwise."""
        end = int.from_bytes(self.head[4:8], "big")
        text = self.head[24:end].split(b"\0")[0].decode("utf-8", "replace")
        pairs = (line.partition("=") for line in text.splitlines())
        read_vorbis([(key, value) for key, sign, value in pairs if sign], self.collector)

    def _matroska(self) -> None:
        read_matroska(self.body, self.layout.end - self.layout.start, self.collector)

    def _chunks(self) -> None:
        tags, texts, problems = read_chunks(self.file, self.layout.start, self.layout.end)
        for tag in tags:
            self.block(tag)
        for name, text in texts:
            column, separator, key = name.partition(":")
            if separator:
                self.collector.add(column, key, [text])
            else:
                self.collector.add_field(name, [text])
        self.collector.problems += problems

    def block(self, block: Block) -> None:
        """Read a tag that stands for itself."""
        if block.kind == "id3":
            tag, problems = read_id3_block(self.file, block.start, block.end)
            self.frames(tag)
            self.collector.problems += problems
        elif block.kind == "ape":
            items, problems = read_ape_block(self.file, block.start, block.end)
            read_ape(items, self.collector)
            self.collector.problems += problems
        else:
            self.file.seek(block.start)
            data = self.file.read(block.end - block.start)
            if block.kind == "id3v1":
                read_id3(read_id3v1_block(data), self.collector)
            else:
                for name, text in read_lyrics3(data):
                    self.collector.add_field(name, [text])
        self.collector.next_tag()

    def frames(self, tag: Any) -> None:
        """Take the frames of an ID3v2 tag, Serato's objects among them."""
        read_id3(tag, self.collector)
        objects = dict(serato_objects(tag))
        if objects:
            mp3 = self._mp3_begin() if self.native() is None else None
            atoms, problems = from_id3(objects, mp3=mp3)
            self.collector.add_serato(atoms)
            self.collector.problems += problems

    def _mp3_begin(self) -> Mp3Begin | None:
        """Return the begin of an MP3, of 0 Hz if that cannot be told; None for other audio."""
        if self.head.startswith((*_APE_NATIVE, *_TTA)):
            return None
        try:
            return mp3_begin(self.body, MPEGInfo(self.body))
        except UNREADABLE:
            return Mp3Begin(header="none", sample_rate=0)


def read_all(file: BufferedIOBase, collector: Collector) -> bool:
    """Hand every tag of an open file to ``collector``.

    Returns
    -------
    Whether that is all: False if the container is not known, and may have tags of its own.

    Raises
    ------
    OSError, MutagenError
        The disk failed: there may be tags that were not seen.
    """
    n_bytes = file.seek(0, os.SEEK_END)
    layout = find_blocks(file, n_bytes)
    reader = _Reader(file, layout, collector)
    native = reader.native()
    if native is not None:
        _try(native, "the tags of the container", collector)
        collector.next_tag()
    kinds = _BY_APE if reader.head.startswith(_APE_NATIVE) else _BY_ID3
    for block in _in_order((*layout.leading, *layout.trailing), kinds):
        _try(functools.partial(reader.block, block), f"a tag ({block.kind})", collector)
    return native is not None or reader.has_only_outer_tags


def container(file: BufferedIOBase) -> BufferedReader | None:
    """Return the file without the tags before it, if some hide what kind of file it is.

    An MP3 is none of those: its readers expect tags in front.
    """
    file.seek(0)
    if not file.read(8).startswith((b"ID3", b"APETAGEX")):
        return None
    reader = _Reader(file, find_blocks(file, file.seek(0, os.SEEK_END)), Collector())
    is_known = reader.native() is not None or reader.head.startswith((*_APE_NATIVE, *_TTA))
    return reader.body if is_known else None


def _in_order(blocks: Iterable[Block], kinds: tuple[str, ...]) -> list[Block]:
    return sorted(blocks, key=lambda block: kinds.index(block.kind))


def _try(read: Callable[[], None], what: str, collector: Collector) -> None:
    try:
        read()
    except UNREADABLE as exc:
        if is_of_disk(exc):
            raise
        collector.problems.append(f"{what} could not be read: {exc or type(exc).__name__}")
