"""Tags that are built to cost memory or time, and the keys and values that once were bugs."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import mutagen
import pytest

from libsep.errors import TagError
from libsep.media.tags import Picture, Tags, read_header, read_tags, write_tags
from libsep.media.tags.bounded import BoundedFile
from libsep.media.tags.pictures import MAX_ALL_PICTURES_BYTES, prepare_pictures

from .bases import image_bytes
from .worker import Result


def frame(name: bytes, body: bytes, flags: int = 0) -> bytes:
    return name + _syncsafe(len(body)) + struct.pack(">H", flags) + body


def tagged(bases: dict[str, bytes], path: Path, *frames: bytes) -> Path:
    """Write an MP3 with an ID3v2.4 tag of these frames."""
    sound = bases["noxing.mp3"]
    body = b"".join(frames)
    audio = sound[sound.index(b"\xff\xfb") :]
    path.write_bytes(b"ID3\4\0\0" + _syncsafe(len(body)) + body + audio)
    return path


def _syncsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def test_a_hundred_thousand_frames_are_refused_with_a_reason(
    bases: dict[str, bytes], tmp_path: Path, convert_one: Callable[[Path], Result]
) -> None:
    frames = (frame(b"TXXX", b"\3key%06d\0value" % number) for number in range(100_000))
    path = tagged(bases, tmp_path / "x.mp3", *frames)
    for read in (read_header, read_tags):
        with pytest.raises(TagError, match="more than 10000 frames"):
            read(path)
    outcome = convert_one(path).outcome
    assert (outcome.status, outcome.kind) == ("failed", "file")
    assert "more than 10000 frames; remove the tag" in outcome.message


def test_a_cover_of_fifty_megabytes_is_dropped_and_the_track_converted(
    bases: dict[str, bytes], tmp_path: Path, convert_one: Callable[[Path], Result]
) -> None:
    cover = b"\0image/jpeg\0\3\0\xff\xd8\xff" + bytes(50 << 20)
    path = tagged(bases, tmp_path / "x.mp3", frame(b"APIC", cover))
    result = convert_one(path)
    assert result.outcome.status == "done"
    assert any("dropped: it is no picture" in warning for warning in result.outcome.warnings)


def test_a_compressed_frame_that_unfolds_to_a_gigabyte_is_not_unfolded(
    bases: dict[str, bytes], tmp_path: Path, convert_one: Callable[[Path], Result]
) -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    bomb = frame(b"TXXX", _syncsafe(len(packed)) + packed, flags=0x0009)
    result = convert_one(tagged(bases, tmp_path / "x.mp3", bomb))
    assert result.outcome.status == "done"
    assert any("it is compressed" in warning for warning in result.outcome.warnings)
    assert result.grown_bytes < 256 << 20


def test_a_list_of_a_megabyte_is_not_taken_apart(bases: dict[str, bytes], tmp_path: Path) -> None:
    artists = b"\3" + b"\0".join(b"artist%06d" % number for number in range(100_000))
    path = tagged(bases, tmp_path / "x.mp3", frame(b"TPE1", artists))
    assert any(problem.startswith("frame TPE1 of") for problem in read_tags(path).problems)


def test_what_is_beyond_the_limits_of_a_tag_is_counted(
    bases: dict[str, bytes], tmp_path: Path
) -> None:
    frames = (frame(b"TXXX", b"\3key%04d\0value" % number) for number in range(1_500))
    tags = read_tags(tagged(bases, tmp_path / "x.mp3", *frames))
    assert len(tags.extras) == 1000
    assert tags.problems == ("500 values, keys or pictures too many: dropped",)


def test_pictures_stop_at_the_limit_for_all() -> None:
    picture = image_bytes("JPEG") + bytes(15 << 20)
    pictures = tuple(Picture(data=picture + bytes([number])) for number in range(6))
    prepared, lost = prepare_pictures(pictures)
    assert sum(len(data) for data, _ in prepared) <= MAX_ALL_PICTURES_BYTES
    assert len(prepared) + len(lost) == 6
    assert "the pictures have more than" in lost[-1]


def test_a_reader_gets_no_more_room_than_the_file_has(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"RIFF" + bytes(100))
    with BoundedFile(path) as file:
        # Room for so much exists nowhere: without the limit this is a MemoryError.
        assert len(file.read(1 << 60)) == 104


def test_keys_in_any_script_arrive(encoded_m4a: Path) -> None:
    tags = Tags(extras={"エネルギー": ("7",), "Größe": ("8",)})
    assert write_tags(encoded_m4a, tags) == ()
    atoms = mutagen.File(encoded_m4a)
    assert atoms["----:com.apple.iTunes:" + "エネルギー".encode().decode("latin-1")] == [b"7"]
    assert dict(read_tags(encoded_m4a).extras) == dict(tags.extras)


@pytest.fixture
def encoded_m4a(bases: dict[str, bytes], tmp_path: Path) -> Path:
    """Return a fresh M4A."""
    path = tmp_path / "x.m4a"
    path.write_bytes(bases["m4a"])
    return path


def test_serato_data_that_is_no_base64_costs_only_itself(
    bases: dict[str, bytes], tmp_path: Path
) -> None:
    data = b"\0application/octet-stream\0\0Serato Markers2\0" + b"\1\1***" + bytes(400)
    path = tagged(bases, tmp_path / "x.mp3", frame(b"GEOB", data), frame(b"TIT2", b"\3Title"))
    tags = read_tags(path)
    assert tags.fields["title"] == ("Title",)
    assert any(problem.startswith("Serato Markers2") for problem in tags.problems)
