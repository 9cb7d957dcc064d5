"""Containers that a library may hold: all that ffmpeg decodes is opened, and gives its audio."""

import struct
from pathlib import Path

import numpy as np
import pytest

from libsep.library.names import TRACK_EXTENSIONS, Reason, why_not_file
from libsep.media.decode import decode_file

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
