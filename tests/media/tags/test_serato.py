"""Serato's data, built by hand after its description, on the way from ID3, FLAC and Ogg to MP4."""

import base64
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from mutagen import id3
from mutagen.aiff import AIFF
from mutagen.flac import FLAC
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.oggvorbis import OggVorbis

from libsep.media.mp3_header import Mp3Begin
from libsep.media.tags import read_tags, write_tags
from libsep.media.tags.serato import from_id3, from_vorbis

from ...serato_data import GRID, cue, loop, markers2

MP3_BEGIN = Mp3Begin(header="plain", sample_rate=44_100)
ENVELOPE = b"application/octet-stream\0\0"
UNSET_ID3 = bytes.fromhex("7f7f7f7f7f 7f7f7f7f7f 007f7f7f7f7f 00000000")


def markers_id3(cue_ms: bytes) -> bytes:
    """Return ``Serato Markers_`` with one cue of colour #cc8800 at a position in serato32."""
    first = b"\0" + cue_ms + bytes.fromhex("7f7f7f7f7f 007f7f7f7f7f 06321000 0100")
    entries = first + (UNSET_ID3 + b"\0\0") * 4 + (UNSET_ID3 + b"\3\0") * 9
    return bytes.fromhex("0205 0000000e") + entries + bytes.fromhex("077f7f7f")


def unwrap(text: bytes) -> tuple[bytes, bytes]:
    """Return name and content of an atom, as a reader that knows the description would."""
    assert all(len(line) == 72 for line in text.split(b"\n")[:-1])
    compact = text.replace(b"\n", b"")
    if len(compact) % 4 == 1:
        compact = compact[:-1]
    content = base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    assert content.startswith(ENVELOPE)
    name, _, data = content[len(ENVELOPE) :].partition(b"\0")
    return name, data


def read_entries(data: bytes) -> list[tuple[str, bytes]]:
    text = data[2:].split(b"\0")[0].replace(b"\n", b"")
    content = base64.b64decode(text + b"A" * (-len(text) % 4))
    entries, start = [], 2
    while content[start : start + 1].isalpha():
        end = content.index(b"\0", start)
        size = int.from_bytes(content[end + 1 : end + 5], "big")
        entries.append((content[start:end].decode(), content[end + 5 : end + 5 + size]))
        start = end + 5 + size
    return entries


def positions(data: bytes) -> list[tuple[int, ...]]:
    """Return the positions of all cues and loops of ``Serato Markers2``, in milliseconds."""
    sizes = {"CUE": ">I", "LOOP": ">II"}
    found = [(kind, entry) for kind, entry in read_entries(data) if kind in sizes]
    return [struct.unpack_from(sizes[kind], entry, 2) for kind, entry in found]


OBJECTS = {
    "Serato BeatGrid": GRID,
    "Serato Markers2": markers2(cue(0, 1000, "Bröt".encode()), cue(6, 10), loop(1, 2000, 4000)),
    "Serato Markers_": markers_id3(bytes.fromhex("00000768")),  # 1000 ms
    "Serato Autotags": b"\1\1" + b"115.00\0" + b"-3.257\0" + b"0.000\0",
    "Serato Offsets_": b"\1\2",
}


def test_an_aiff_gives_all_objects_as_they_are(audio: Callable[[str], Path], encoded: Path) -> None:
    file = AIFF(audio("aiff"))
    file.add_tags()
    for name, data in OBJECTS.items():
        file.tags.add(id3.GEOB(mime="application/octet-stream", desc=name, data=data))
    file.save()
    tags = read_tags(Path(file.filename))
    assert write_tags(encoded, tags) == ()
    atoms = {
        key.rpartition(":")[2]: bytes(value[0])
        for key, value in MP4(encoded).tags.items()
        if key.startswith("----:com.serato.dj:")
    }
    assert sorted(atoms) == ["autgain", "beatgrid", "markers", "markersv2"]
    assert unwrap(atoms["beatgrid"]) == (b"Serato BeatGrid", GRID)
    name, data = unwrap(atoms["markersv2"])
    assert (name, data[:470]) == (b"Serato Markers2", OBJECTS["Serato Markers2"])
    assert unwrap(atoms["autgain"])[1][:22] == OBJECTS["Serato Autotags"]
    assert read_tags(encoded).serato == tags.serato


def test_markers_take_the_layout_of_mp4() -> None:
    atoms, problems = from_id3(OBJECTS, mp3=None)
    name, data = unwrap(atoms["markers"])
    assert (name, problems) == (b"Serato Markers_", [])
    assert data[:6] == bytes.fromhex("0205 0000000e")
    assert data[6:25] == bytes.fromhex("000003e8 ffffffff 00ffffffff00 cc8800 01 00")
    assert data[25:44] == bytes.fromhex("ffffffff ffffffff 00ffffffff00 000000 00 00")
    assert data[6 + 13 * 19 : 6 + 14 * 19][-2:] == b"\3\0"
    assert data[6 + 14 * 19 :] == bytes.fromhex("00 ffffff")


@pytest.mark.parametrize(
    ("begin", "shift_ms"),
    [
        (MP3_BEGIN, 26),
        (Mp3Begin(header="plain", sample_rate=48_000), 24),
        (Mp3Begin(header="plain", sample_rate=44_100, dropped_samples=1105), 51),
        (Mp3Begin(header="lame", sample_rate=48_000, dropped_samples=1105), 47),
        (Mp3Begin(header="none", sample_rate=44_100), 0),
    ],
)
def test_positions_of_an_mp3_move_to_the_time_line_of_ffmpeg(
    begin: Mp3Begin, shift_ms: int
) -> None:
    atoms, problems = from_id3(OBJECTS, mp3=begin)
    assert problems == []
    _, data = unwrap(atoms["markersv2"])
    moved = 1000 - shift_ms
    first = max(10 - shift_ms, 0)
    assert positions(data) == [(moved,), (first,), (2000 - shift_ms, 4000 - shift_ms)]
    assert ("COLOR", b"\0\x99\x33\x33") in read_entries(data)
    assert ("BPMLOCK", b"\1") in read_entries(data)
    assert "Bröt".encode() in read_entries(data)[1][1]
    assert int.from_bytes(unwrap(atoms["markers"])[1][6:10], "big") == moved
    position_s, bpm = struct.unpack_from(">ff", unwrap(atoms["beatgrid"])[1], 6)
    assert position_s == pytest.approx(0.304994 - shift_ms / 1000, abs=5e-4)
    assert bpm == 115


def test_positions_without_a_known_shift_are_dropped_and_listed() -> None:
    atoms, problems = from_id3(OBJECTS, mp3=Mp3Begin(header="plain", sample_rate=22_050))
    assert list(atoms) == ["autgain"]
    assert len(problems) == 3
    assert all("22050 Hz" in problem for problem in problems)


@pytest.mark.parametrize(("is_with_header", "position_ms"), [("1", 949), ("0", 1000)])
def test_an_mp3_is_moved_when_it_is_read(
    is_with_header: str, position_ms: int, ffmpeg: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.mp3"
    command = [ffmpeg, "-v", "error", "-f", "lavfi", "-i", "sine=d=0.1", "-write_xing"]
    subprocess.run([*command, is_with_header, "-id3v2_version", "0", path], check=True)
    file = MP3(path)
    file.add_tags()
    file.tags.add(id3.GEOB(desc="Serato Markers2", data=OBJECTS["Serato Markers2"]))
    file.save()
    tags = read_tags(path)
    assert tags.problems == ()
    assert positions(unwrap(tags.serato["markersv2"])[1])[0] == (position_ms,)


def test_a_flip_of_an_mp3_is_listed_and_of_other_files_kept() -> None:
    objects = {"Serato Markers2": markers2(cue(0, 1000), b"FLIP\0\0\0\0\2\0\0")}
    atoms, problems = from_id3(objects, mp3=MP3_BEGIN)
    assert problems == ["Serato's FLIP of an MP3 cannot be moved in time: dropped"]
    assert "FLIP" not in dict(read_entries(unwrap(atoms["markersv2"])[1]))
    atoms, problems = from_id3(objects, mp3=None)
    assert problems == []
    assert "FLIP" in dict(read_entries(unwrap(atoms["markersv2"])[1]))


def grid(*markers: tuple[float, float]) -> bytes:
    packed = [struct.pack(">fI", position, int(beats)) for position, beats in markers[:-1]]
    packed.append(struct.pack(">ff", *markers[-1]))
    return b"\1\0" + struct.pack(">I", len(markers)) + b"".join(packed) + b"\x37"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (grid((0.01, 120.0)), grid((0.01 - 0.026122 + 0.5, 120.0))),
        (grid((0.01, 4), (2.01, 120.0)), grid((0.483878, 3), (1.983878, 120.0))),
        (grid((0.01, 1), (0.51, 120.0)), grid((0.483878, 120.0))),
        (
            grid((1.0, 4), (3.0, 8), (7.0, 90.0)),
            grid((0.973878, 4), (2.973878, 8), (6.973878, 90.0)),
        ),
    ],
)
def test_a_grid_never_begins_before_the_track(before: bytes, after: bytes) -> None:
    atoms, problems = from_id3({"Serato BeatGrid": before}, mp3=MP3_BEGIN)
    _, data = unwrap(atoms["beatgrid"])
    assert problems == []
    assert data[:6] == after[:6]
    n_markers = len(after) // 8
    for start in range(6, 6 + 8 * n_markers, 8):
        position_s, expected_s = (
            struct.unpack_from(">f", part, start)[0] for part in (data, after)
        )
        assert position_s == pytest.approx(expected_s, abs=1e-5)
        assert data[start + 4 : start + 8] == after[start + 4 : start + 8]
    assert data[len(after) - 1] == 0x37


@pytest.mark.parametrize("n_markers", [1, 2, 3])
def test_mixxx_finds_a_whole_beat_grid(n_markers: int) -> None:
    markers = [(float(index), 1.0) for index in range(n_markers - 1)]
    data = grid(*markers, (float(n_markers), 60.0))
    atoms, _ = from_id3({"Serato BeatGrid": data}, mp3=None)
    compact = atoms["beatgrid"].replace(b"\n", b"")[:-1]  # Mixxx drops the last character
    if len(compact) % 4 == 1:
        compact = compact[:-1]
    content = base64.b64decode(compact + b"=" * (-len(compact) % 4))
    assert content == ENVELOPE + b"Serato BeatGrid\0" + data


def flac_text(name: bytes, data: bytes) -> str:
    text = base64.b64encode(ENVELOPE + name + b"\0" + data).decode().rstrip("=")
    return "\n".join(text[start : start + 72] for start in range(0, len(text), 72))


def test_a_flac_gives_its_objects_and_the_markers_that_mp4_needs(
    audio: Callable[[str], Path],
) -> None:
    file = FLAC(audio("flac"))
    file.tags["SERATO_BEATGRID"] = flac_text(b"Serato BeatGrid", GRID)
    file.tags["SERATO_MARKERS_V2"] = flac_text(b"Serato Markers2", OBJECTS["Serato Markers2"])
    file.tags["TITLE"] = "t"
    file.save()
    tags = read_tags(Path(file.filename))
    assert tags.problems == ()
    assert tags.extras == {}
    assert unwrap(tags.serato["beatgrid"]) == (b"Serato BeatGrid", GRID)
    _, data = unwrap(tags.serato["markers"])
    assert data[6:25] == bytes.fromhex("000003e8 ffffffff 00ffffffff00 cc8800 01 00")
    loop_start = 6 + (5 + 1) * 19
    assert data[loop_start : loop_start + 19] == bytes.fromhex(
        "000007d0 00000fa0 00ffffffff00 27aae1 03 00"
    )
    assert data[6 + 14 * 19 :] == bytes.fromhex("00 993333")


def test_an_ogg_gives_its_markers_and_lists_the_grid(audio: Callable[[str], Path]) -> None:
    file = OggVorbis(audio("ogg"))
    if file.tags is None:
        file.add_tags()
    inner = OBJECTS["Serato Markers2"][2:].split(b"\0")[0].decode()
    file.tags["serato_markers2"] = inner
    file.tags["serato_beatgrid"] = "000000010000000000000001(0.254858,115.000000)"
    file.tags["serato_overview"] = "0000000100000005" * 4
    file.save()
    tags = read_tags(Path(file.filename))
    assert positions(unwrap(tags.serato["markersv2"])[1]) == [(1000,), (10,), (2000, 4000)]
    assert len(tags.problems) == 1
    assert "SERATO_BEATGRID" in tags.problems[0]


@pytest.mark.parametrize("name", ["Serato BeatGrid", "Serato Markers2", "Serato Markers_"])
@pytest.mark.parametrize(
    "data", [b"", b"\1", b"\1\1", b"\1\1!!!!", b"\xff" * 40, b"\1\0" + bytes(9)]
)
def test_objects_that_are_broken_cost_only_themselves(name: str, data: bytes) -> None:
    atoms, problems = from_id3({**OBJECTS, name: data}, mp3=MP3_BEGIN)
    assert "autgain" in atoms
    assert len(problems) == 1
    assert problems[0].startswith(f"{name} could not be read: ")


def test_a_comment_that_is_no_object_is_an_error() -> None:
    for text in ("", "!!", "AAAA", flac_text(b"Other Thing", b"x")):
        with pytest.raises(ValueError, match=r"Serato|base64"):
            from_vorbis(text)
