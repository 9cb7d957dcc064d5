from pathlib import Path

import pytest

from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.training.synthesis.material import open_collection
from libsep.training.synthesis.midi import Note, Score, read_score
from libsep.training.synthesis.pack import load_pack

from ..conftest import midi_file


def test_a_pack_is_read_by_kind(pack_folder: Path, cache: AudioCache) -> None:
    pack = load_pack(pack_folder, cache)
    assert {name: len(clips) for name, clips in pack.kits["kit"].items()} == {
        "kick": 1, "snare": 1, "hat_closed": 1,
    }  # fmt: skip
    assert pack.notes["bass"]["bass"][0].pitch == 45
    assert len(pack.notes["other"]["guitar"]) == 1, "choirs sound like vocals"
    assert pack.voices["singer"][0].samples.shape == (2, 3 * 44100)
    assert pack.loops["drums"][0].samples.shape == (2, 4410)
    assert len(pack.impulse_responses) == 1
    assert [song.name for song in pack.songs] == ["Song"]
    assert pack.songs[0].scored_targets == ("bass", "other")
    assert len(pack.grooves[0].score.notes) == 32


def test_a_table_without_a_column_is_refused(pack_folder: Path, cache: AudioCache) -> None:
    manifest = pack_folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("midi_pitch", "pitch"))
    with pytest.raises(ConfigError, match="columns are missing: midi_pitch"):
        load_pack(pack_folder, cache)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "kick.wav,0,",
            "kick.wav,soon,",
            r"manifest\.csv, line 2: offset_s 'soon', expected",
        ),
        ("bass.wav,0,1,note,bass", "bass.wav,0,1,note,sub", "line 6: stem 'sub', expected one of"),
        ("guitar.wav,0,1,note", "guitar.wav,0,,note", "line 7: duration_s '', expected a number"),
        ("grooves.tar.xz", "kick.wav", r"kick\.wav: named in manifest\.csv, no archive"),
        (
            "grooves.tar.xz",
            "gone.tar.xz",
            r"gone\.tar\.xz: named in manifest\.csv, no archive: No such file",
        ),
    ],
)
def test_a_wrong_row_is_named(
    pack_folder: Path, cache: AudioCache, old: str, new: str, message: str
) -> None:
    manifest = pack_folder / "manifest.csv"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError, match=message):
        load_pack(pack_folder, cache)


def test_a_folder_without_a_table_is_no_pack(tmp_path: Path, cache: AudioCache) -> None:
    with pytest.raises(ConfigError, match=r"manifest\.csv: cannot be read as the table of a pack"):
        open_collection([tmp_path / "gone"], cache)
    (tmp_path / "manifest.csv").write_bytes(b"path,\xff\n")
    with pytest.raises(ConfigError, match=r"cannot be read as the table of a pack: .*utf-8"):
        open_collection([tmp_path], cache)


def event(delta: int, *values: int) -> bytes:
    return bytes([0x80 | delta >> 7, delta & 0x7F, *values])


def track(*events: bytes) -> bytes:
    """Return a MIDI file with one track of events; 480 ticks are a quarter note."""
    data = b"".join(events) + bytes([0, 0xFF, 0x2F, 0])
    return midi_file([])[:14] + b"MTrk" + len(data).to_bytes(4, "big") + data


def test_notes_are_read_with_their_times() -> None:
    assert read_score(midi_file([(0, 36, 100), (480, 38, 90), (240, 42, 0)])) == Score(
        [Note(0.0, 36, 100, 1.0), Note(1.0, 38, 90, 1.0)]
    )


def test_running_status_and_system_exclusive_events_are_understood() -> None:
    data = track(
        event(96, 0x99, 36, 100),
        bytes([0x60, 38, 90]),  # without a status byte
        event(0, 0xF0, 2, 1, 0xF7),
        event(0, 0x89, 36, 0),
    )
    assert read_score(data).notes == [Note(0.2, 36, 100, 0.2), Note(0.4, 38, 90, 1.0)]


def test_arrangements_have_lengths_channels_programs_and_a_tempo() -> None:
    data = track(
        event(0, 0xFF, 0x51, 3, 0x0F, 0x42, 0x40),  # a second for each quarter note
        event(0, 0xC2, 33),
        event(0, 0x92, 40, 80),
        event(480, 0x92, 40, 0),
        event(0, 0xC2, 0),
        event(0, 0x92, 64, 70),
        event(240, 0x82, 64, 0),
    )
    assert read_score(data) == Score(
        [Note(0.0, 40, 80, 1.0, 2, 33), Note(1.0, 64, 70, 0.5, 2, 0)], tempo_bpm=60.0
    )


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"RIFF", "header MThd is missing"),
        (midi_file([])[:12] + b"\xe2\x50" + midi_file([])[14:], "SMPTE"),
        (midi_file([])[:16], "a track is missing"),
        (track()[:14] + b"MTrk" + bytes([0, 0, 0, 2, 0, 0x99]), "in the middle of an event"),
    ],
)
def test_damaged_midi_files_are_refused(data: bytes, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        read_score(data)
