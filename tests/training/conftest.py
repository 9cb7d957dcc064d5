"""A tiny pack, written as real files."""

import csv
import io
import struct
import tarfile
from pathlib import Path

import numpy as np
import pytest

from ..conftest import SAMPLE_RATE, tone, write_wave

COLUMNS = ["path", "offset_s", "duration_s", "kind", "stem", "instrument", "midi_pitch", "kit",
           "song", "member", "note"]  # fmt: skip


def midi_file(notes: list[tuple[int, int, int]]) -> bytes:
    """Return a MIDI file of (delta ticks, pitch, velocity); 480 ticks are a quarter note."""
    events = b""
    for delta, pitch, velocity in notes:
        events += bytes([0x80 | delta >> 7, delta & 0x7F]) + bytes([0x99, pitch, velocity])
    events += bytes([0, 0xFF, 0x2F, 0])
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(
        ">I", len(events)
    ) + events  # fmt: skip


@pytest.fixture
def pack_folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Return a pack with one of everything that the sampler plays."""
    folder = tmp_path / "pack"
    noise = rng.uniform(-0.5, 0.5, (2, SAMPLE_RATE // 4))
    write_wave(folder / "kick.wav", tone(60, 0.25))
    write_wave(folder / "snare.wav", noise)
    write_wave(folder / "hat.wav", noise[:, :2000])
    write_wave(folder / "bass.wav", tone(110, 1.0))
    write_wave(folder / "guitar.wav", tone(220, 1.0))
    write_wave(folder / "voice.wav", tone(330, 3.0))
    write_wave(folder / "room.wav", noise * np.linspace(1, 0, noise.shape[1]))
    groove = midi_file([(0, 36, 100), (480, 38, 90), (480, 36, 100), (480, 38, 80)] * 8)
    with tarfile.open(folder / "grooves.tar.xz", "w:xz") as tar:
        info = tarfile.TarInfo("groove.mid")
        info.size = len(groove)
        tar.addfile(info, io.BytesIO(groove))
    rows = [
        ["kick.wav", 0, 0.25, "oneshot", "drums", "kick", "", "kit", "", "", ""],
        ["snare.wav", 0, 0.25, "oneshot", "drums", "snare", "", "kit", "", "", ""],
        ["hat.wav", 0, 0.04, "oneshot", "drums", "hat_closed", "", "kit", "", "", ""],
        ["snare.wav", 0.05, 0.1, "loop", "drums", "drum loop", "", "", "", "", ""],
        ["bass.wav", 0, 1, "note", "bass", "bass", 45, "", "", "", ""],
        ["guitar.wav", 0, 1, "note", "other", "guitar", 57, "", "", "", ""],
        ["guitar.wav", 0, 1, "note", "other", "choir aahs", 57, "", "", "", "choir"],
        ["voice.wav", 0, 3, "voice", "vocals", "singer", 64.0, "singer", "", "", ""],
        ["room.wav", 0, 0.2, "ir", "", "", "", "", "", "", ""],
        ["grooves.tar.xz", "", 16, "midi", "drums", "", "", "", "", "groove.mid", ""],
        ["guitar.wav", 0, 1, "stem", "other", "", "", "", "Song", "", ""],
        ["bass.wav", 0, 1, "stem", "bass", "", "", "", "Song", "", ""],
    ]
    with (folder / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *rows])
    return folder
