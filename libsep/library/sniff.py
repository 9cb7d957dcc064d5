"""What a file is by its first bytes, whatever its name says."""

from collections.abc import Callable
from pathlib import Path

HEAD_BYTES = 16384
"""How much of a file is read to tell what it is."""

_JUNK_BYTES = 4096
_N_FRAMES = 3

_MAGIC = (
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (8, b"WAVE", "wav"),
    (8, b"AVI ", "avi"),
    (8, b"RMID", "midi"),
    (0, b"riff\x2e\x91\xcf\x11", "w64"),
    (8, b"AIFF", "aiff"),
    (8, b"AIFC", "aiff"),
    (8, b"8SVX", "8svx"),
    (12, b"DSD ", "dff"),
    (0, b"DSD ", "dsf"),
    (4, b"ftyp", "mp4"),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"MAC ", "ape"),
    (0, b"wvpk", "wavpack"),
    (0, b"MPCK", "musepack"),
    (0, b"MP+", "musepack"),
    (0, b"TTA1", "tta"),
    (0, b"TTA2", "tta"),
    (0, b"tBaK", "tak"),
    (0, b"ajkg", "shorten"),
    (0, b"OFR ", "optimfrog"),
    (0, b"#!AMR", "amr"),
    (0, b"Creative Voice File", "voc"),
    (0, b"\x7f\xfe\x80\x01", "dts"),
    (0, b"DTSHDHDR", "dts"),
    (0, b".RMF", "realmedia"),
    (0, b"FLV\x01", "flv"),
    (0, b"\x00\x00\x01\xba", "mpeg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"MThd", "midi"),
    (0, b"Extended Module: ", "tracker"),
    (0, b"IMPM", "tracker"),
    (44, b"SCRM", "tracker"),
    (1080, b"M.K.", "tracker"),
    (0, b"PSID", "sid"),
    (0, b"RSID", "sid"),
)

FOREIGN = frozenset(("midi", "optimfrog", "sid", "tracker"))
"""Kinds that are audio, but that nothing here decodes: they are notes, or ffmpeg cannot."""

_PICTURE_BRANDS = frozenset((b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis", b"crx "))

_TS_PACKETS = ((188, 0), (192, 4))
"""Length of a packet of an MPEG transport stream, and where its sync byte lies, in bytes."""

_MPEG1_KBPS = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG2_KBPS = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}

_AC3_KBPS = (
    32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640,
)  # fmt: skip


def sniff(path: Path) -> str | None:
    """Return the kind of audio container a file is, or None if it is none that is known.

    Parameters
    ----------
    path
        A regular file. An ID3 tag at its beginning is skipped, however long it is.

    Returns
    -------
    ``mp3`` (MPEG audio of any layer), ``aac`` (ADTS), ``ac3``, ``mpegts``, or a kind of `_MAGIC`,
    one of `FOREIGN` among them. ``wav`` is also RF64 and BW64. Some kinds may hold only video. None
    for an empty, foreign or unreadable file.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            start = 0
            while (tag_bytes := _id3_bytes(head)) > 0:
                start += tag_bytes
                file.seek(start)
                head = file.read(HEAD_BYTES)
    except OSError:
        return None
    return kind_of(head)


def kind_of(head: bytes) -> str | None:
    """Return the kind of container that begins with ``head``, as `sniff` does without an ID3 tag.

    Frames of MPEG audio and ADTS have no magic number. They count if three follow each other, and
    up to 4 KiB of anything may lie before them: padding, or the rest of a tag that lies about its
    length.
    """
    for offset, magic, kind in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return None if kind == "mp4" and head[8:12] in _PICTURE_BRANDS else kind
    for n_bytes, start in _TS_PACKETS:
        if len(head) > 3 * n_bytes and head[start : 4 * n_bytes : n_bytes] == b"GGGG":
            return "mpegts"
    if _is_frame_chain(head, 0, _ac3_frame_bytes):
        return "ac3"
    start = head.find(b"\xff")
    while 0 <= start < _JUNK_BYTES:
        if _is_frame_chain(head, start, _mpeg_frame_bytes):
            return "mp3"
        if _is_frame_chain(head, start, _adts_frame_bytes):
            return "aac"
        start = head.find(b"\xff", start + 1)
    return None


def _id3_bytes(head: bytes) -> int:
    """Return the length of the ID3v2 tag that ``head`` begins with, 0 if there is none."""
    if len(head) < 10 or not head.startswith(b"ID3") or any(byte > 127 for byte in head[6:10]):
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    has_footer = head[3] >= 4 and head[5] & 0x10
    return size + (20 if has_footer else 10)


def _is_frame_chain(head: bytes, start: int, frame_bytes: Callable[[bytes], int]) -> bool:
    for _ in range(_N_FRAMES):
        n_bytes = frame_bytes(head[start : start + 7])
        if n_bytes == 0:
            return False
        start += n_bytes
    return True


def _mpeg_frame_bytes(header: bytes) -> int:
    """Return the length of a frame of MPEG audio (ISO 11172-3, 2.4.1.3), 0 if it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate_index in (0, 15) or rate_index == 3:
        return 0
    table = _MPEG1_KBPS if version == 3 else _MPEG2_KBPS
    bits_per_second = 1000 * table[layer][bitrate_index - 1]
    sample_rate = (44100, 48000, 32000)[rate_index] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        return (12 * bits_per_second // sample_rate + padding) * 4
    n_samples = 576 if layer == 3 and version != 3 else 1152
    return n_samples // 8 * bits_per_second // sample_rate + padding


def _ac3_frame_bytes(header: bytes) -> int:
    """Return the length of an AC-3 or E-AC-3 frame (ETSI TS 102 366), 0 if it is none."""
    if len(header) < 6 or header[:2] != b"\x0b\x77":
        return 0
    if header[5] >> 3 > 10:
        return 2 * ((header[2] & 7) << 8 | header[3]) + 2
    rate_code, size_code = header[4] >> 6, header[4] & 0x3F
    if rate_code == 3 or size_code >= 38:
        return 0
    kbps = _AC3_KBPS[size_code >> 1]
    if rate_code == 1:
        return 2 * (kbps * 96000 // 44100 + (size_code & 1))
    return kbps * 4 if rate_code == 0 else kbps * 6


def _adts_frame_bytes(header: bytes) -> int:
    """Return the length of an ADTS frame (ISO 13818-7, 6.2), 0 if it is none."""
    if len(header) < 6 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    if header[2] >> 2 & 0xF > 12:
        return 0
    n_bytes = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return n_bytes if n_bytes > 7 else 0
