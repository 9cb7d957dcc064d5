"""Short sound files of every container that libsep opens, with tags: what mutants are made of."""

import base64
import io
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
from mutagen import id3
from mutagen.apev2 import APEv2
from mutagen.asf import ASFByteArrayAttribute
from mutagen.flac import Picture
from mutagen.mp4 import MP4Cover
from PIL import Image

ENCODERS = {
    "mp3": ["-c:a", "libmp3lame", "-b:a", "64k"],
    "noxing.mp3": ["-c:a", "libmp3lame", "-b:a", "64k", "-write_xing", "0"],
    "mp2": ["-c:a", "mp2", "-b:a", "128k"],
    "aac": ["-c:a", "aac", "-b:a", "64k"],
    "m4a": ["-c:a", "aac", "-b:a", "64k"],
    "alac.m4a": ["-c:a", "alac", "-movflags", "+faststart"],
    "frag.mp4": ["-c:a", "aac", "-b:a", "64k", "-movflags", "+frag_keyframe+empty_moov"],
    "flac": ["-c:a", "flac", "-sample_fmt", "s16"],
    "ogg": ["-c:a", "libvorbis", "-q:a", "1"],
    "opus": ["-c:a", "libopus", "-b:a", "48k"],
    "flac.oga": ["-c:a", "flac", "-sample_fmt", "s16"],
    "wav": ["-c:a", "pcm_s16le"],
    "float.wav": ["-c:a", "pcm_f32le"],
    "aiff": ["-c:a", "pcm_s16be"],
    "wma": ["-c:a", "wmav2", "-b:a", "64k"],
    "wv": ["-c:a", "wavpack", "-sample_fmt", "s16p"],
    "tta": ["-c:a", "tta"],
    "mka": ["-c:a", "flac", "-sample_fmt", "s16"],
    "webm": ["-c:a", "libopus", "-b:a", "48k"],
}
"""How ffmpeg makes a file, by the ending of its name; it has no encoder for APE and Musepack."""

_RATES = {"wav": 11_025, "float.wav": 11_025, "aiff": 11_025, "alac.m4a": 22_050, "tta": 22_050}
"""Rates in Hz of the files that are not compressed much: less to write, as much to mutate."""

_TEXTS = {"title": "Tïtle 🎧", "artist": "Artist", "genre": "Deep House", "comment": "8A"}


def make_base(folder: Path, ending: str, ffmpeg: Path, duration_s: float = 0.3) -> Path:
    """Write a sound file of a tone in noise, with every kind of tag that its format has."""
    path = folder / f"base.{ending}"
    rate = _RATES.get(ending, 44_100)
    rng = np.random.default_rng(len(ending))
    time_s = np.arange(int(duration_s * rate)) / rate
    samples = 0.3 * np.sin(2 * np.pi * 330 * time_s) + 0.01 * rng.standard_normal((2, len(time_s)))
    source = ["-f", "f32le", "-ar", str(rate), "-ac", "2", "-i", "pipe:0"]
    texts = [word for key, text in _TEXTS.items() for word in ("-metadata", f"{key}={text}")]
    # Without the processor's own instructions, for mutants that are the same on every machine.
    command = [ffmpeg, "-v", "error", "-y", "-cpuflags", "0", *source, *texts]
    command += [*ENCODERS[ending], "-bitexact", path]
    subprocess.run(command, input=samples.T.astype("<f4").tobytes(), check=True)
    add_tags = _TAGGERS.get(ending.rpartition(".")[2])
    if add_tags is not None:
        add_tags(path)
    return path


def image_bytes(kind: str = "PNG", size: int = 4) -> bytes:
    """Return a small picture in the format that Pillow calls ``kind``."""
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), "teal").save(buffer, kind)
    return buffer.getvalue()


def id3_frames() -> list[Any]:
    """Return one frame of each kind that is read in a way of its own."""
    markers = b"\1\1" + base64.b64encode(b"\1\1COLOR\0\0\0\0\4\0\xff\xff\xff\0").ljust(470, b"\0")
    return [
        id3.TIT2(encoding=3, text="Tïtle 🎧"),
        id3.TPE1(encoding=1, text=["Artist", "Other"]),
        id3.TCON(encoding=0, text="(17)(4)Eurodisco"),
        id3.TDRC(encoding=3, text="2019-05-01"),
        id3.TRCK(encoding=3, text="3/12"),
        id3.TBPM(encoding=3, text="127.98"),
        id3.TXXX(encoding=3, desc="EnergyLevel", text="7"),
        id3.TIPL(encoding=3, people=[["mix", "Person"]]),
        id3.COMM(encoding=3, lang="eng", desc="", text="8A"),
        id3.USLT(encoding=1, lang="eng", desc="", text="la la"),
        id3.POPM(email="traktor@native-instruments.de", rating=204),
        id3.RVA2(desc="track", channel=1, gain=-3.0, peak=0.9),
        id3.UFID(owner="http://musicbrainz.org", data=b"mb"),
        id3.GEOB(encoding=0, mime="application/octet-stream", desc="Serato Markers2", data=markers),
        id3.CHAP(element_id="one", start_time=0, end_time=100, sub_frames=[]),
        id3.APIC(encoding=0, mime="image/png", type=3, desc="front", data=image_bytes()),
        id3.APIC(encoding=0, mime="image/gif", type=4, desc="", data=image_bytes("GIF")),
    ]


def _tag_id3(path: Path) -> None:
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    for frame in id3_frames():
        file.tags.add(frame)
    file.save()


def _tag_mp3(path: Path) -> None:
    tags = id3.ID3()
    for frame in id3_frames():
        tags.add(frame)
    tags.save(path)
    _tag_ape(path)


def _tag_ape(path: Path) -> None:
    tags = APEv2()
    tags["Title"], tags["Artist"], tags["Genre"] = "Tïtle", ["Artist", "Other"], "Techno"
    tags["Cover Art (Front)"] = mutagen.apev2.APEValue(
        b"front.png\0" + image_bytes(), mutagen.apev2.BINARY
    )
    tags.save(path)


def _tag_vorbis(path: Path) -> None:
    block = Picture()
    block.type, block.mime, block.data = 3, "image/png", image_bytes()
    file = mutagen.File(path)
    file["ARTIST"] = ["Artist", "Other"]
    file["BPM"], file["RATING"], file["R128_TRACK_GAIN"] = "127.98", "80", "-256"
    file["METADATA_BLOCK_PICTURE"] = base64.b64encode(block.write()).decode()
    file["SERATO_MARKERS2"] = base64.b64encode(b"\1\1COLOR\0\0\0\0\4\0\xff\xff\xff\0").decode()
    if hasattr(file, "add_picture"):
        file.add_picture(block)
    file.save()


def _tag_mp4(path: Path) -> None:
    file = mutagen.File(path)
    file["trkn"], file["tmpo"], file["cpil"] = [(3, 12)], [128], True
    file["covr"] = [MP4Cover(image_bytes(), MP4Cover.FORMAT_PNG)]
    file["----:com.apple.iTunes:BPM"] = [b"127.98"]
    file["----:com.serato.dj:markersv2"] = [b"YXBwbGljYXRpb24"]
    file.save()


def _tag_asf(path: Path) -> None:
    picture = image_bytes()
    head = bytes([3]) + len(picture).to_bytes(4, "little") + "image/png\0\0".encode("utf-16-le")
    file = mutagen.File(path)
    file["WM/Picture"] = [ASFByteArrayAttribute(head + picture)]
    file["WM/SharedUserRating"] = [75]
    file["WM/Genre"] = ["Deep House", "Techno"]
    file.save()


_TAGGERS: dict[str, Callable[[Path], None]] = {
    "mp3": _tag_mp3,
    "wav": _tag_id3,
    "aiff": _tag_id3,
    "tta": _tag_id3,
    "flac": _tag_vorbis,
    "oga": _tag_vorbis,
    "ogg": _tag_vorbis,
    "opus": _tag_vorbis,
    "m4a": _tag_mp4,
    "wv": _tag_ape,
    "wma": _tag_asf,
}
