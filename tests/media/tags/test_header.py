"""What the scan reads of a file."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mutagen.apev2 import APEv2

from libsep.errors import TagError
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.tags import read_header

FORMATS = ("mp3 4", "aiff", "wav", "flac", "ogg", "opus", "m4a", "alac.m4a", "wv", "wma")


@pytest.mark.parametrize("format_name", FORMATS)
def test_the_header_tells_length_rate_and_genres(
    format_name: str, rich: Callable[[str], Path]
) -> None:
    header = read_header(rich(format_name))
    assert header.genres == ("Deep House", "Techno")
    assert header.title == "Título 🎧"
    assert header.artist == "Åsa, 電気 DJ"
    assert header.sample_rate == (48_000 if format_name == "opus" else 44_100)
    assert header.duration_s == pytest.approx(0.3, abs=0.08)


def test_files_without_tags_have_a_length(audio: Callable[[str], Path]) -> None:
    for ending in ("mp3", "wav", "flac", "m4a"):
        header = read_header(audio(ending))
        assert header.duration_s == pytest.approx(0.3, abs=0.08)
        assert (header.genres, header.title, header.artist) == ((), "", "")


def test_an_mp3_with_apev2_only_has_its_genre(audio: Callable[[str], Path]) -> None:
    path = audio("mp3")
    tags = APEv2()
    tags["Genre"] = "17"
    tags.save(path)
    assert read_header(path).genres == ("Rock",)


def test_a_wrong_ending_does_no_harm(rich: Callable[[str], Path]) -> None:
    path = rich("flac")
    assert read_header(path.rename(path.with_suffix(".mp3"))).title == "Título 🎧"


def test_old_texts_of_wav_are_read(audio: Callable[[str], Path]) -> None:
    path = audio("wav")
    info = b"INFOIGNR" + (6).to_bytes(4, "little") + b"House\0"
    path.write_bytes(path.read_bytes() + b"LIST" + len(info).to_bytes(4, "little") + info)
    assert read_header(path).genres == ("House",)


def test_matroska_is_read_through_ffmpeg(tmp_path: Path) -> None:
    path = tmp_path / "a.webm"
    source = ["-f", "lavfi", "-i", "sine=440:duration=2", "-metadata", "genre=House"]
    command = [find_ffmpeg(), "-v", "error", *source, "-c:a", "libopus", path]
    subprocess.run(command, check=True)
    header = read_header(path)
    assert header.duration_s == pytest.approx(2.0, abs=0.05)
    assert (header.sample_rate, header.genres) == (48_000, ("House",))


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0xFFFFFFFF, 88200])
def test_a_length_that_cannot_be_true_is_not_told(audio: Callable[[str], Path], size: int) -> None:
    path = audio("wav")
    data = path.read_bytes()
    place = data.index(b"data") + 4
    path.write_bytes(data[:place] + size.to_bytes(4, "little") + 5 * data[place + 4 :])
    assert read_header(path).duration_s == pytest.approx(5 * 0.3, abs=0.08)


def test_rf64_that_others_reject_has_a_length(audio: Callable[[str], Path]) -> None:
    path = audio("wav")
    path.write_bytes(path.read_bytes().replace(b"RIFF", b"RF64", 1))
    assert read_header(path).duration_s == pytest.approx(0.3, abs=0.08)


def test_a_stream_that_began_days_ago_is_not_that_long(audio: Callable[[str], Path]) -> None:
    path = audio("ogg")
    data = path.read_bytes()
    last = data.rindex(b"OggS")
    path.write_bytes(data[: last + 6] + (44100 * 10**6).to_bytes(8, "little") + data[last + 14 :])
    assert read_header(path).duration_s is None


def test_a_file_that_is_no_audio_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_text("no audio")
    with pytest.raises(TagError, match=r"a\.flac: "):
        read_header(path)
