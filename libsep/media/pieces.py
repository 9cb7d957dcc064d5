"""What of a file is decoded, by which ffmpeg: where one that opens the file would not get it all.

Chained Ogg files change their format in the middle, headers lie about lengths, and edit lists cut
frames. All other files are one piece.
"""

import dataclasses
import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from libsep.errors import DecodeError
from libsep.media.behind_audio import joined_bytes
from libsep.media.edit_list import Edit, read_edits
from libsep.media.ffmpeg import file_url
from libsep.media.ogg_links import Link, read_links
from libsep.media.pcm_header import W64_MAGIC, PcmHeader, read_pcm_header
from libsep.media.tag_blocks import Layout, find_blocks
from libsep.units import format_bytes

_FRAMED = (b"fLaC", b"wvpk", b"#!AMR", b"\x0b\x77", b"\x77\x0b")
"""How files begin that are frames only, of which ffmpeg takes tags for more; the last are AC-3."""

_MPEG_FRAME = re.compile(rb"\xff[\xe2-\xff]")
"""The same of MP3, MP2 and AAC (ADTS), where it knows the usual tags."""

_UNTAGGED = (
    b"RIFF", b"RF64", b"BW64", b"FORM", b"FRM8", b"DSD ", b".snd", b"caff", W64_MAGIC, b"wvpk",
    bytes.fromhex("1a45dfa3"), bytes.fromhex("3026b2758e66cf11"),
)  # fmt: skip
"""How containers begin in front of which ffmpeg expects no tag; the last are Matroska and ASF."""

TOLERATED_BYTES = 1 << 16
"""How many bytes of compressed audio a WAV file may lack and still be taken for whole."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a track that one ffmpeg decodes.

    ``url`` and ``options`` are what ffmpeg opens, and how. Of what it decodes, the samples from
    ``start_s`` on count, and ``length_s`` seconds of them, or all if that is None. A piece without
    ``url`` is silence.
    """

    url: bytes
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    start_s: Fraction = Fraction(0)
    length_s: Fraction | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The pieces of a file in their order, and how long it says that it is, in seconds.

    ``duration_s`` is None where ffmpeg knows it as well; ``is_end`` says that it is the time of the
    end, from which that of the first sample is still to be taken. ``is_exact`` is False if what
    ffmpeg says about the length is a guess. ``warnings`` say what is odd about the file.
    """

    all: tuple[Piece, ...]
    duration_s: float | None = None
    is_end: bool = False
    is_exact: bool = True
    warnings: tuple[str, ...] = ()


def pieces_of(path: Path, stream: int = 0) -> Pieces:
    """Return the pieces of a file, by its headers.

    Parameters
    ----------
    path
        Any file.
    stream
        Which of its audio streams, from 0.

    Raises
    ------
    DecodeError
        It is cut short, or has more pieces than are decoded.
    OSError
        It cannot be read.
    """
    if not path.is_file():
        return Pieces(all=(Piece(url=file_url(path)),))
    if (piece := piece_between_tags(path)) is not None:
        return Pieces(all=(piece,))
    if (header := read_pcm_header(path)) is not None:
        return _pieces_of_pcm(path, header)
    if links := read_links(path):
        return _pieces_of_ogg(path, links)
    if edits := read_edits(path, stream):
        return _pieces_of_edits(path, edits)
    return Pieces(all=(Piece(url=file_url(path)),))


def piece_between_tags(path: Path) -> Piece | None:
    """Return the audio of a file that ffmpeg reads wrongly with the tags around it.

    It takes tags around bare frames for damaged frames, which may cost the last one, and does not
    open most containers that have a tag in front. None: it reads the file as it is.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(8)
        if not head.startswith((b"ID3", b"APETAGEX", *_FRAMED)) and not _MPEG_FRAME.match(head):
            return None
        layout = find_blocks(file, file.seek(0, os.SEEK_END))
        file.seek(layout.start)
        head = file.read(len(W64_MAGIC))
    if _is_misread(head, layout):
        return _piece_of_bytes(path, layout.start, layout.end)
    return None


def _is_misread(head: bytes, layout: Layout) -> bool:
    """Return whether ffmpeg is wrong about audio that begins with ``head`` between its tags."""
    leading = {block.kind for block in layout.leading}
    trailing = {block.kind for block in layout.trailing}
    if head.startswith(_FRAMED) and (trailing or (leading and head[:4] != b"fLaC")):
        return True
    if _MPEG_FRAME.match(head) and trailing & {"id3", "lyrics3"}:
        return True
    return "ape" in leading or (
        bool(leading) and (head.startswith(_UNTAGGED) or head[4:8] == b"ftyp")
    )


def _piece_of_bytes(path: Path, start: int, end: int) -> Piece:
    url = b"subfile,,start,%d,end,%d,,:%b" % (start, end, file_url(path))
    return Piece(url=url, options={"protocol_whitelist": "file,subfile"})


def _pieces_of_pcm(path: Path, header: PcmHeader) -> Pieces:
    url = file_url(path)
    warnings: list[str] = []
    if n_joined := joined_bytes(path, header.start + header.found_bytes):
        warnings.append(
            f"another file of {format_bytes(n_joined)} is joined to this one; other players leave "
            "it out, and so does this: split them"
        )
    if not header.codec:
        declared = header.declared_bytes or 0
        if declared - header.found_bytes > max(TOLERATED_BYTES, declared // 100):
            lost = declared - header.found_bytes
            raise DecodeError(path, f"the file is cut short: its audio lacks {lost} bytes")
        options: dict[str, Any] = {"ignore_length": 1} if header.is_longer else {}
        return Pieces(
            all=(Piece(url=url, options=options),), is_exact=False, warnings=tuple(warnings)
        )
    declared_s = header.declared_s
    duration_s = float(declared_s) if declared_s is not None else None
    if not header.is_longer:
        return Pieces(all=(Piece(url=url),), duration_s=duration_s, warnings=tuple(warnings))
    options = {
        "format": header.codec,
        "format_whitelist": header.codec,
        "ar": header.sample_rate,
        "ac": header.n_channels,
    }
    length_s = Fraction(header.n_samples, header.sample_rate)
    n_bytes = header.n_samples * header.bytes_per_s // header.sample_rate
    piece = _piece_of_bytes(path, header.start, header.start + n_bytes)
    if (beyond_s := header.beyond_s) > 0:
        warnings.append(
            f"{beyond_s:.2f} s behind the length in its header were taken for audio; other players "
            "leave them out"
        )
    return Pieces(
        all=(dataclasses.replace(piece, options=piece.options | options, length_s=length_s),),
        duration_s=float(length_s),
        warnings=tuple(warnings),
    )


def _pieces_of_ogg(path: Path, links: list[Link]) -> Pieces:
    if len(links) == 1:
        length_s = links[0].duration_s
        return Pieces(
            all=(Piece(url=file_url(path)),),
            duration_s=None if length_s is None else float(length_s),
            is_end=length_s == links[0].end_s,
        )
    pieces = tuple(_piece_of_bytes(path, link.start, link.end) for link in links)
    lengths_s = [link.duration_s for link in links if link.duration_s is not None]
    if len(lengths_s) < len(links):
        return Pieces(all=pieces, is_exact=False)
    return Pieces(all=pieces, duration_s=float(sum(lengths_s)))


def _pieces_of_edits(path: Path, edits: list[Edit]) -> Pieces:
    pieces = tuple(
        Piece(
            url=b"" if edit.start_s is None else file_url(path),
            # The decoder, too, would skip what the file says: the pieces begin behind it.
            options={"flags2": "+skip_manual"} | ({"ignore_editlist": 1} if edit.is_listed else {}),
            start_s=edit.start_s or Fraction(0),
            length_s=edit.length_s,
        )
        for edit in edits
    )
    return Pieces(all=pieces, duration_s=float(sum(edit.length_s for edit in edits)))
