"""Notes of standard MIDI files: drum performances, and arrangements in General MIDI."""

import dataclasses
import struct
from collections import defaultdict
from collections.abc import Sequence

DRUM_CHANNEL = 9


@dataclasses.dataclass(frozen=True)
class Note:
    """A note: when it begins and how long it is, in quarter notes, and what is played by whom.

    ``program``: instrument of General MIDI, counted from 0, of which drums have none.
    """

    start_beats: float
    pitch: int
    velocity: int
    length_beats: float = 0.0
    channel: int = DRUM_CHANNEL
    program: int = 0


@dataclasses.dataclass(frozen=True)
class Score:
    """The notes of a file in order of time, all channels together, and its first tempo."""

    notes: Sequence[Note]
    tempo_bpm: float = 120.0


def read_score(data: bytes) -> Score:
    """Return the notes of a MIDI file; one that is never released is as long as a quarter note.

    Raises
    ------
    ValueError
        It is no MIDI file, is cut short, or counts time in frames instead of beats.
    """
    if data[:4] != b"MThd" or len(data) < 14:
        raise ValueError("no MIDI file: the header MThd is missing")
    header_bytes, _, n_tracks, division = struct.unpack(">IHHH", data[4:14])
    if division & 0x8000:
        raise ValueError("MIDI file in SMPTE time, expected ticks per quarter note")
    tracks = []
    position = 8 + header_bytes
    for _ in range(n_tracks):
        if data[position : position + 4] != b"MTrk" or len(data) < position + 8:
            raise ValueError("MIDI file is cut short: a track is missing")
        size = int.from_bytes(data[position + 4 : position + 8], "big")
        tracks.append(_Track(data[position + 8 : position + 8 + size], division))
        position += 8 + size
    notes = sorted(
        (note for track in tracks for note in track.notes),
        key=lambda note: (note.start_beats, note.channel, note.pitch),
    )
    tempos = [track.tempo_bpm for track in tracks if track.tempo_bpm]
    return Score(notes, tempos[0] if tempos else 120.0)


class _Track:
    """Reads the events of a track."""

    def __init__(self, data: bytes, division: int) -> None:
        self.notes: list[Note] = []
        self.tempo_bpm = 0.0
        self._division = division
        self._programs: dict[int, int] = defaultdict(int)
        self._sounding: dict[tuple[int, int], list[Note]] = defaultdict(list)
        position = ticks = status = 0
        while position < len(data):
            delta, position = _variable_length(data, position)
            ticks += delta
            if position < len(data) and data[position] & 0x80:
                status = data[position]
                position += 1
            n_bytes = 1 if status & 0xE0 == 0xC0 else 2
            if status >= 0xF0:  # meta and system exclusive events say their length
                kind = data[position] if status == 0xFF and position < len(data) else 0
                n_bytes, position = _variable_length(data, position + (status == 0xFF))
                if kind == 0x51 and not self.tempo_bpm:
                    microseconds = int.from_bytes(data[position : position + n_bytes], "big")
                    self.tempo_bpm = 60e6 / max(microseconds, 1)
            elif position + n_bytes > len(data):
                raise ValueError("MIDI file is cut short in the middle of an event")
            else:
                self._channel_event(status, data[position : position + n_bytes], ticks)
            position += n_bytes
        self.notes += [
            dataclasses.replace(note, length_beats=1.0)
            for pending in self._sounding.values()
            for note in pending
        ]

    def _channel_event(self, status: int, values: bytes, ticks: int) -> None:
        kind, channel, beats = status & 0xF0, status & 0x0F, ticks / self._division
        if kind == 0xC0:
            self._programs[channel] = values[0]
        elif kind == 0x90 and values[1] > 0:
            program = 0 if channel == DRUM_CHANNEL else self._programs[channel]
            note = Note(beats, values[0], values[1], 0.0, channel, program)
            self._sounding[channel, values[0]].append(note)
        elif kind in (0x80, 0x90):
            for note in self._sounding.pop((channel, values[0]), []):
                length = beats - note.start_beats
                self.notes.append(dataclasses.replace(note, length_beats=length))


def _variable_length(data: bytes, position: int) -> tuple[int, int]:
    """Return a number of seven bits per byte, and the position after it."""
    value = 0
    while True:
        if position >= len(data):
            raise ValueError("MIDI file is cut short in the middle of an event")
        byte = data[position]
        position += 1
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, position
