from pathlib import Path

import ffmpeg as graphs
import pytest

from libsep.library.sniff import kind_of, sniff
from libsep.media.ffmpeg import find_ffmpeg


def written(path: Path, **options: object) -> Path:
    tone = graphs.input("sine=frequency=440:duration=1", f="lavfi")
    tone.output(str(path), **options).run(cmd=str(find_ffmpeg()), quiet=True)
    return path


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("a.mp3", {}, "mp3"),
        ("b.mp3", {"ar": 16000, "audio_bitrate": "24k"}, "mp3"),
        ("c.mp3", {"id3v2_version": 0, "write_xing": 0}, "mp3"),
        ("a.mp2", {}, "mp3"),
        ("a.aac", {}, "aac"),
        ("a.flac", {}, "flac"),
        ("a.ogg", {"acodec": "libvorbis"}, "ogg"),
        ("a.opus", {}, "ogg"),
        ("a.m4a", {}, "mp4"),
        ("a.wav", {}, "wav"),
        ("rf64.wav", {"rf64": "always"}, "wav"),
        ("a.w64", {}, "w64"),
        ("a.aiff", {}, "aiff"),
        ("a.wv", {}, "wavpack"),
        ("a.tta", {}, "tta"),
        ("a.wma", {}, "asf"),
        ("a.mka", {}, "matroska"),
        ("a.webm", {"acodec": "libopus"}, "matroska"),
        ("a.caf", {}, "caf"),
        ("a.au", {}, "au"),
        ("a.ac3", {}, "ac3"),
        ("b.ac3", {"ar": 44100, "audio_bitrate": "448k"}, "ac3"),
        ("a.eac3", {}, "ac3"),
        ("a.dts", {"acodec": "dca", "strict": -2}, "dts"),
        ("a.ts", {}, "mpegts"),
        ("a.mpg", {"acodec": "mp2"}, "mpeg"),
        ("a.avi", {}, "avi"),
        ("a.flv", {"ar": 44100}, "flv"),
        ("a.voc", {}, "voc"),
    ],
)
def test_files_that_ffmpeg_writes_are_known_by_their_content(
    tmp_path: Path, name: str, options: dict[str, object], kind: str
) -> None:
    path = written(tmp_path / name, **options)
    assert sniff(path.rename(tmp_path / "nameless")) == kind


@pytest.mark.parametrize("head", [b"MAC \x96\x0f", b"MPCKSH", b"MP+\x07"])
def test_magic_numbers_of_formats_that_ffmpeg_does_not_write(head: bytes) -> None:
    assert kind_of(head + bytes(64)) in ("ape", "musepack")


def test_an_id3_tag_is_skipped_whatever_its_length_and_what_follows_it(tmp_path: Path) -> None:
    """Tags with a 100 KB cover, tags before FLAC, two tags, and padding after the tag exist."""
    mp3 = written(tmp_path / "a.mp3", id3v2_version=0, write_xing=0).read_bytes()
    flac = written(tmp_path / "a.flac").read_bytes()
    tag = b"ID3\x03\x00\x00\x00\x06\x0d\x20" + bytes(0x18 * 4096 + 0x6A0)
    cases = {
        tag + mp3: "mp3",
        tag + flac: "flac",
        tag + tag + mp3: "mp3",
        tag + bytes(3000) + mp3: "mp3",
        b"junk" + mp3: "mp3",
        tag: None,
    }
    for number, (content, kind) in enumerate(cases.items()):
        path = tmp_path / str(number)
        path.write_bytes(content)
        assert sniff(path) == kind, number


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ID3",
        b"\xff\xfb",
        b"<!DOCTYPE html><html>",
        b"PK\x03\x04" + bytes(range(256)) * 64,
        b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(range(256)) * 64,
        "Ein Text über Musik.".encode("utf-16"),
        b"\xff" * 9000,
        b"\x00\x00\x00\x18ftypheic" + bytes(64),
    ],
)
def test_what_is_no_audio_has_no_kind(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    assert sniff(path) is None


def test_a_file_that_cannot_be_read_has_no_kind(tmp_path: Path) -> None:
    assert sniff(tmp_path / "nowhere") is None
