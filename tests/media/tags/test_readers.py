"""Tags of every age and kind in one file, none at all, and damaged ones."""

import contextlib
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import mutagen
import pytest
from mutagen import id3
from mutagen.aiff import AIFF
from mutagen.apev2 import APEv2
from mutagen.wave import WAVE

from libsep.errors import TagError
from libsep.media.tags import Tags, read_header, read_tags, tags_digest, write_tags


def test_duplicate_frames_are_one_list(audio: Callable[[str], Path]) -> None:
    path = audio("mp3")
    frames = b""
    for name in (b"A", b"B", b"A"):
        frames += b"TPE1" + struct.pack(">IH", 2, 0) + b"\x03" + name
    head = b"ID3\4\0\0\0\0\0" + bytes([len(frames)])
    path.write_bytes(head + frames + path.read_bytes())
    assert read_tags(path).fields["artist"] == ("A", "B")


def test_latin1_frames_and_id3v22_are_read(audio: Callable[[str], Path]) -> None:
    path = audio("mp3")
    frames = b""
    for name, value in ((b"TT2", "Frühling"), (b"TP1", "Ø"), (b"TBP", "120"), (b"TCO", "(17)")):
        data = b"\0" + value.encode("latin-1")
        frames += name + len(data).to_bytes(3, "big") + data
    head = b"ID3\2\0\0\0\0\0" + bytes([len(frames)])
    path.write_bytes(head + frames + path.read_bytes())
    assert read_tags(path).fields == {
        "title": ("Frühling",), "artist": ("Ø",), "genre": ("Rock",), "bpm": ("120",)
    }  # fmt: skip


def _id3v1(title: str, genre: int) -> bytes:
    return b"TAG" + title.encode().ljust(30, b"\0")[:30] + bytes(94) + bytes([genre])


def test_an_mp3_may_have_the_old_tag_only(audio: Callable[[str], Path]) -> None:
    path = audio("mp3")
    path.write_bytes(path.read_bytes() + _id3v1("Old", 17))
    assert read_tags(path).fields == {"title": ("Old",), "genre": ("Rock",)}


def test_apev2_fills_the_gaps_of_id3v2_and_beats_id3v1(audio: Callable[[str], Path]) -> None:
    path = audio("mp3")
    ape = APEv2()
    ape["Title"], ape["MP3GAIN_MINMAX"] = "A title that was cut off at thirty", "1,2"
    ape["REPLAYGAIN_TRACK_GAIN"], ape["Mine"] = "-3 dB", "yes"
    ape.save(path)
    path.write_bytes(path.read_bytes() + _id3v1("A title that was cut off at thi", 17))
    tags = read_tags(path)
    assert tags.fields == {
        "title": ("A title that was cut off at thirty",), "genre": ("Rock",),
        "replaygain_track_gain": ("-3 dB",),
    }  # fmt: skip
    assert tags.extras == {"MINE": ("yes",)}
    tags = id3.ID3()
    tags.add(id3.TIT2(text="From ID3"))
    tags.save(path)
    assert read_tags(path).fields["title"] == ("From ID3",)


def _chunk(name: bytes, data: bytes, order: str) -> bytes:
    return name + struct.pack(f"{order}I", len(data)) + data + bytes(len(data) % 2)


def _append_chunk(path: Path, chunk: bytes, order: str) -> None:
    data = path.read_bytes() + chunk
    path.write_bytes(data[:4] + struct.pack(f"{order}I", len(data) - 8) + data[8:])


def test_old_texts_of_wav_are_read_where_id3_has_a_gap(audio: Callable[[str], Path]) -> None:
    path = audio("wav")
    texts = [(b"INAM", "Tïtle".encode("cp1252")), (b"IART", "アー".encode()), (b"ITRK", b"3/12\0"),
             (b"ISFT", b"Lavf")]  # fmt: skip
    info = b"INFO" + b"".join(_chunk(name, data, "<") for name, data in texts)
    _append_chunk(path, _chunk(b"LIST", info, "<"), "<")
    expected = {
        "title": ("Tïtle",), "artist": ("アー",), "track": ("3",), "track_total": ("12",)
    }  # fmt: skip
    assert read_tags(path).fields == expected
    file = WAVE(path)
    file.add_tags()
    file.tags.add(id3.TIT2(text="From ID3"))
    file.save()
    assert read_tags(path).fields == {**expected, "title": ("From ID3",)}


def test_old_texts_of_aiff_are_read(audio: Callable[[str], Path]) -> None:
    path = audio("aiff")
    for name, value in ((b"NAME", b"Title"), (b"AUTH", b"Artist"), (b"(c) ", b"2019")):
        _append_chunk(path, _chunk(name, value, ">"), ">")
    assert AIFF(path).tags is None
    assert read_tags(path).fields == {
        "title": ("Title",), "artist": ("Artist",), "copyright": ("2019",)
    }  # fmt: skip


def test_a_file_without_tags_gives_empty_ones(audio: Callable[[str], Path], encoded: Path) -> None:
    for ending in ("mp3", "wav", "aiff", "flac", "m4a", "wv"):
        tags = read_tags(audio(ending))
        assert (tags.fields, tags.pictures, tags.problems) == ({}, (), ())
        assert tags_digest(tags) == tags_digest(Tags())
    assert write_tags(encoded, Tags()) == ()
    with av.open(str(encoded)) as container:
        assert container.metadata["encoder"].startswith("libsep ")


@pytest.mark.parametrize("ending", ["mp3", "flac", "ogg", "m4a", "wv", "wav", "aiff", "wma"])
def test_damaged_files_cost_tags_at_most(
    ending: str, audio: Callable[[str], Path], rng: Any
) -> None:
    path = audio(ending)
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    file.save()
    whole = bytearray(path.read_bytes())
    for _ in range(12):
        data = bytearray(whole)
        for position in rng.integers(0, min(len(data), 4000), 8):
            data[position] = int(rng.integers(0, 256))
        path.write_bytes(data[: int(rng.integers(1, len(data) + 1))])
        for read in (read_tags, read_header):
            with contextlib.suppress(TagError):  # any other error ends the test
                read(path)


def test_a_file_that_is_no_audio_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_text("no audio")
    with pytest.raises(TagError, match=r"a\.mp3: tags cannot be read"):
        read_tags(path)
    with pytest.raises(TagError, match=r"none\.mp3"):
        read_tags(tmp_path / "none.mp3")
    with pytest.raises(TagError, match=r"a\.mp3: tags cannot be written"):
        write_tags(path, Tags())
