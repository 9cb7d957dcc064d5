"""Containers that a library may hold: all that ffmpeg decodes is opened, and gives its audio."""

import struct
from pathlib import Path

import numpy as np
import pytest

from libsep.library.names import TRACK_EXTENSIONS, Reason, why_not_file
from libsep.media.decode import Decoder, decode_file

from ..conftest import Encode, tone

FORMATS = {
    "x.3gp": ("-c:a", "aac"),
    "x.ac3": (),
    "x.aifc": ("-c:a", "pcm_s16le", "-f", "aiff"),
    "x.amr": ("-ar", "8000", "-ac", "1"),
    "x.asf": ("-c:a", "wmav2"),
    "x.au": (),
    "x.avi": ("-c:a", "mp2"),
    "x.caf": (),
    "x.dts": ("-c:a", "dca", "-strict", "-2"),
    "x.eac3": (),
    "x.flv": ("-c:a", "aac"),
    "x.m2ts": ("-c:a", "ac3", "-f", "mpegts"),
    "x.m4r": ("-f", "ipod"),
    "x.mkv": ("-c:a", "flac"),
    "x.mov": ("-c:a", "alac"),
    "x.mpg": ("-c:a", "mp2"),
    "x.ogv": ("-c:a", "libvorbis", "-f", "ogg"),
    "x.thd": ("-c:a", "truehd", "-strict", "-2"),
    "x.voc": (),
    "x.w64": (),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_container_is_a_track_and_gives_its_audio(encode: Encode, name: str) -> None:
    assert Path(name).suffix[1:] in TRACK_EXTENSIONS
    samples = tone(441, 1.0)
    decoded = decode_file(encode(name, samples, *FORMATS[name]))
    assert abs(decoded.shape[1] - 44100) < 3000
    middle = decoded[:, 15_000:30_000]
    level_db = 10 * np.log10(np.mean(np.square(middle)))
    # The codec of telephones, AMR, takes 3 dB off a tone of 441 Hz.
    assert level_db == pytest.approx(20 * np.log10(0.3) - 3.01, abs=3.0)


def id3v2(*, has_footer: bool) -> bytes:
    """Return an ID3v2.4 tag; one behind the audio ends in a footer (ID3v2.4, 3.4)."""
    title = b"\3" + b"Ode " * 30
    body = b"TIT2" + bytes([0, 0, 0, len(title), 0, 0]) + title
    lengths = bytes([4, 0, 0x10 * has_footer, 0, 0, len(body) >> 7, len(body) & 0x7F])
    return b"ID3" + lengths + body + (b"3DI" + lengths) * has_footer


APE_ITEM = struct.pack("<II", 3, 0) + b"Title\0Ode"
APE_HEAD, APE_FOOT = (
    struct.pack("<8sIIII8x", b"APETAGEX", 2000, len(APE_ITEM) + 32, 1, flags)
    for flags in (0xA0000000, 0x80000000)
)
APE = APE_HEAD + APE_ITEM + APE_FOOT
ID3V1 = b"TAG" + b"Ode".ljust(125, b"\0")
AROUND = {
    "front": (id3v2(has_footer=False), b""),
    "front-ape": (APE, b""),
    "id3v1": (b"", ID3V1),
    "footer": (b"", id3v2(has_footer=True)),
    "all": (id3v2(has_footer=False), id3v2(has_footer=True) + APE + ID3V1),
}


@pytest.mark.parametrize(
    ("name", "around"),
    [
        ("x.ac3", "front"), ("x.ac3", "id3v1"), ("x.mp3", "front-ape"), ("x.mp3", "footer"),
        ("x.amr", "all"),
    ],
)  # fmt: skip
def test_tags_around_bare_frames_cost_no_sample_and_no_warning(
    encode: Encode, ffmpeg: Path, name: str, around: str
) -> None:
    path = encode(name, tone(441, 0.3), *FORMATS.get(name, ()))
    front, behind = AROUND[around]
    frames = path.read_bytes()
    bare = decode_file(path)
    path.write_bytes(front + frames + behind)
    with Decoder(path, ffmpeg=ffmpeg, block_samples=44100) as decoder:
        np.testing.assert_array_equal(np.concatenate(list(decoder), axis=1), bare)
    assert decoder.warnings == []


def dsf(density: bytes) -> bytes:
    """Return a DSF file of one second (Sony, DSF file format specification 1.01)."""
    data = density * (2 * 86 * 4096)
    n_samples = 86 * 4096 * 8
    form = b"fmt " + struct.pack("<QIIIIIIQII", 52, 1, 0, 2, 2, 2822400, 1, n_samples, 4096, 0)
    body = b"data" + struct.pack("<Q", 12 + len(data)) + data
    return b"DSD " + struct.pack("<QQQ", 28, 28 + len(form) + len(body), 0) + form + body


def dff(density: bytes) -> bytes:
    """Return a DSDIFF file of one second (Philips, DSDIFF 1.5)."""
    data = density * (2 * 86 * 4096)
    properties = b"SND FS  " + struct.pack(">QI", 4, 2822400)
    properties += b"CHNL" + struct.pack(">QH", 10, 2) + b"SLFTSRGT"
    properties += b"CMPR" + struct.pack(">Q", 20) + b"DSD \x0enot compressed\0"
    body = b"DSD FVER" + struct.pack(">QI", 4, 0x01050000)
    body += b"PROP" + struct.pack(">Q", len(properties)) + properties
    body += b"DSD " + struct.pack(">Q", len(data)) + data
    return b"FRM8" + struct.pack(">Q", len(body)) + body


@pytest.mark.parametrize("make", [dsf, dff])
def test_one_bit_audio_is_converted(tmp_path: Path, make) -> None:
    # Six of eight bits are ones: half of full scale, without any tone.
    path = tmp_path / f"x.{make.__name__}"
    path.write_bytes(make(b"\x77"))
    decoded = decode_file(path)
    assert abs(decoded.shape[1] - 86 * 4096 * 8 / 64) < 100
    assert np.abs(decoded[:, 20_000:30_000] - 0.5).max() < 0.01


@pytest.mark.parametrize("name", ["x.mid", "x.xm", "x.aax", "x.sid", "x.ofr", "x.KAR"])
def test_audio_that_nothing_here_decodes_is_known_by_name(name: str) -> None:
    assert why_not_file(name) == (Reason.OTHER_AUDIO, Path(name).suffix[1:].lower())
