"""Attacks of recorded drums, cut out of kits, and varied as other drums might sound."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float32, Int64

from libsep.nets.drum_hits import DRUMS
from libsep.nets.one_shot_gan import LEAD, N_SAMPLES
from libsep.training.synthesis.clips import ONSET, Clip, Collection
from libsep.training.transients.examples import DRUM_OF_CLASS

MAX_SPEED = 1.3
"""Largest change of pitch and length, up or down."""

MAX_TILT_DB = 6.0
"""Largest change of level from the lowest to the highest octave, up or down."""

N_OCTAVES = 10.0
"""From 20 Hz to 20 kHz."""

MAX_DAMPING_DB = 12.0
"""Largest fall of level by the end of the sound, beside the drum's own."""

QUIETEST = 1e-3
"""Loudest sample of a recording below which it is none."""

N_KEPT = int(N_SAMPLES * MAX_SPEED) + 2
"""Samples that are kept of a recording, so that it can be played faster."""


@dataclasses.dataclass(frozen=True)
class OneShots:
    """Attacks in one channel from `LEAD` samples before their onset on, and which drums they are.

    ``drums`` are indices into `DRUMS`.
    """

    sounds: Float32[np.ndarray, "N T"]
    drums: Int64[np.ndarray, " N"]

    def of_drum(self, drum: str) -> "OneShots":
        """Return those of one drum."""
        chosen = self.drums == DRUMS.index(drum)
        return OneShots(self.sounds[chosen], self.drums[chosen])


def find_one_shots(collection: Collection) -> OneShots:
    """Return every stroke of every drum of a collection's kits that is one of `DRUMS`.

    Where a stroke has several microphones they are mixed at one level. Silent recordings are left
    out.
    """
    sounds, drums = [], []
    for _, kit in sorted(collection.kits.items()):
        for name, strokes in sorted(kit.items()):
            if name not in DRUM_OF_CLASS:
                continue
            for stroke in (each for drum in strokes for each in drum):
                sound = _attack(stroke)
                if sound is not None:
                    sounds.append(sound)
                    drums.append(DRUMS.index(DRUM_OF_CLASS[name]))
    found = np.stack(sounds) if sounds else np.zeros((0, N_KEPT), np.float32)
    return OneShots(found, np.array(drums, np.int64))


def plain(shots: OneShots) -> Float32[np.ndarray, "N samples"]:
    """Return the sounds as they are, as long as the network makes them, of mean square one."""
    return _levelled(shots.sounds[:, :N_SAMPLES])


def varied(shots: OneShots, rng: np.random.Generator) -> Float32[np.ndarray, "N samples"]:
    """Return the sounds faster or slower, brighter or darker, drier or not; mean square one."""
    n_shots = len(shots.sounds)
    speeds = MAX_SPEED ** rng.uniform(-1, 1, n_shots)
    times = np.arange(N_SAMPLES) - LEAD
    kept = np.arange(shots.sounds.shape[1]) - LEAD
    played = np.stack(
        [
            np.interp(times * speed, kept, sound)
            for speed, sound in zip(speeds, shots.sounds, strict=True)
        ]
    )
    tilts_db = rng.uniform(-MAX_TILT_DB, MAX_TILT_DB, (n_shots, 1))
    octaves = np.log2(np.maximum(np.arange(N_SAMPLES // 2 + 1), 1)) / N_OCTAVES - 0.5
    spectra = np.fft.rfft(played) * 10 ** (tilts_db * octaves / 20)
    damping_db = rng.uniform(0, MAX_DAMPING_DB, (n_shots, 1)) * np.maximum(times, 0) / N_SAMPLES
    return _levelled(np.fft.irfft(spectra, N_SAMPLES) * 10 ** (-damping_db / 20))


def _attack(stroke: Mapping[str, Clip]) -> Float32[np.ndarray, " kept"] | None:
    heard = [clip.mono() for clip in stroke.values()]
    length = min(len(signal) for signal in heard)
    sound = np.sum([signal[:length] for signal in heard], axis=0)
    loudest = np.abs(sound).max(initial=0)
    if loudest < QUIETEST:
        return None
    first = int(np.argmax(np.abs(sound) >= ONSET * loudest)) - LEAD
    sound = np.pad(sound[max(first, 0) :], (max(-first, 0), N_KEPT))[:N_KEPT]
    kept: np.ndarray = (sound / loudest).astype(np.float32)
    return kept


def _levelled(sounds: np.ndarray) -> Float32[np.ndarray, "N samples"]:
    level = np.sqrt(np.square(sounds).mean(axis=1, keepdims=True))
    levelled: np.ndarray = (sounds / np.maximum(level, 1e-6)).astype(np.float32)
    return levelled
