"""Songs whose notes come from a MIDI arrangement: a stretch of it, as parts of a loop."""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from libsep.training.synthesis.chance import one_of
from libsep.training.synthesis.clips import Collection
from libsep.training.synthesis.composition import LOOP_S, SCALES, Harmony, PlayedNote
from libsep.training.synthesis.layers import layer_of_program
from libsep.training.synthesis.midi import DRUM_CHANNEL, Note, Score
from libsep.training.synthesis.styles import Style

BEATS_PER_BAR = 4
MOST_LAYERS = 6
FEWEST_NOTES = 3
"""A part with fewer notes in the stretch is left out."""

LOWEST_BASS, HIGHEST_BASS = 26, 57


@dataclasses.dataclass(frozen=True)
class Arranged:
    """A stretch of an arrangement: harmony, and the notes of drums, bass and layers by kind."""

    harmony: Harmony
    drums: Sequence[Note]
    bass: Sequence[PlayedNote]
    layers: Sequence[tuple[str, Sequence[PlayedNote]]]


def arranged(collection: Collection, style: Style, rng: np.random.Generator) -> Arranged | None:
    """Return a stretch of an arrangement of the collection, transposed, as often as styles want."""
    if rng.uniform() >= style.p_arrangement or not collection.arrangements:
        return None
    score = one_of(collection.arrangements, rng)
    tempo_bpm = float(np.clip(score.tempo_bpm * rng.uniform(0.9, 1.1), 50, 220))
    bar_s = BEATS_PER_BAR * 60 / tempo_bpm
    n_bars = int(np.clip(LOOP_S[1] // bar_s, 1, 8))
    notes = _fullest(score, n_bars * BEATS_PER_BAR, rng)
    parts: dict[tuple[int, int], list[Note]] = defaultdict(list)
    for note in notes:
        parts[note.channel, note.program].append(note)
    drums = [note for note in notes if note.channel == DRUM_CHANNEL]
    pitched = {
        key: part
        for key, part in sorted(parts.items())
        if key[0] != DRUM_CHANNEL and len(part) >= FEWEST_NOTES
    }
    if len(pitched) < 2:
        return None
    shift = int(rng.integers(-3, 4))
    bass = [note for (_, program), part in pitched.items() if 32 <= program < 40 for note in part]
    layers = [
        (kind, _played(part, shift))
        for (_, program), part in pitched.items()
        if not 32 <= program < 40 and (kind := layer_of_program(program))
    ]
    chosen = [layers[i] for i in sorted(rng.permutation(len(layers))[:MOST_LAYERS])]
    return Arranged(
        harmony=_harmony(
            [note for part in pitched.values() for note in part], shift, n_bars, tempo_bpm
        ),
        drums=drums,
        bass=_folded(_played(bass, shift)),
        layers=chosen,
    )


def _fullest(score: Score, n_beats: int, rng: np.random.Generator) -> list[Note]:
    """Return the fullest of three random stretches, that begins on a bar, from beat 0 on."""
    last_bar = max(int((score.notes[-1].start_beats - n_beats) // BEATS_PER_BAR), 0)
    starts = BEATS_PER_BAR * rng.integers(0, last_bar + 1, 3)
    stretches = [
        [
            dataclasses.replace(note, start_beats=note.start_beats - start)
            for note in score.notes
            if start <= note.start_beats < start + n_beats
        ]
        for start in starts.tolist()
    ]
    return max(stretches, key=lambda notes: len({(note.channel, note.program) for note in notes}))


def _played(notes: Sequence[Note], shift: int) -> list[PlayedNote]:
    return [
        PlayedNote(note.start_beats, note.length_beats, note.pitch + shift, note.velocity / 127)
        for note in notes
    ]


def _folded(notes: Sequence[PlayedNote]) -> list[PlayedNote]:
    """Return notes moved by octaves into the range of a bass."""
    moved = []
    for note in notes:
        pitch = note.pitch
        while pitch < LOWEST_BASS:
            pitch += 12
        while pitch > HIGHEST_BASS:
            pitch -= 12
        moved.append(dataclasses.replace(note, pitch=pitch))
    return moved


def _harmony(notes: Sequence[Note], shift: int, n_bars: int, tempo_bpm: float) -> Harmony:
    """Return the key that most of the sounding time belongs to; the chords are not known."""
    heard = np.zeros(12)
    for note in notes:
        heard[(note.pitch + shift) % 12] += note.length_beats
    fits = {
        (root, name): sum(heard[(root + step) % 12] for step in SCALES[name]) + heard[root] / 2
        for root in range(12)
        for name in ("major", "minor")
    }
    root, name = max(fits, key=lambda key: float(fits[key]))
    return Harmony(tempo_bpm, BEATS_PER_BAR, n_bars, root, SCALES[name], (0,), 0.0)
