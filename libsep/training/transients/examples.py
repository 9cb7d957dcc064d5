"""Hits of rendered drum parts, of which it is known what was hit when."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float16, Float32

from libsep.nets.drum_hits import DRUMS, DrumHitNet
from libsep.track import TARGETS
from libsep.training.synthesis import effects
from libsep.training.synthesis.chance import one_of
from libsep.training.synthesis.clips import Collection
from libsep.training.synthesis.composition import random_harmony
from libsep.training.synthesis.drums import DrumPart, drum_part
from libsep.training.synthesis.effects import Stereo
from libsep.training.synthesis.rooms import synthetic_room
from libsep.training.synthesis.session import Session
from libsep.training.synthesis.styles import STYLES

DRUM_OF_CLASS = {
    "kick": "kick", "snare": "snare", "clap": "snare", "rim": "snare", "hat_closed": "hat",
    "hat_open": "hat", "tom": "tom", "crash": "cymbal", "ride": "cymbal",
}  # fmt: skip
"""Which of `DRUMS` the classes of the sampler are; other percussion is none."""

TOGETHER_S = 0.025
"""Hits that are no further apart count as one, of several drums."""

FAINTEST = 0.08
"""Strokes of less than this level, of 1, are not asked for."""

N_PER_LOOP = 96
"""Hits of a drum part that become examples."""

JITTER_S = 0.006
"""How far an onset that is found may be from the stroke."""

P_NOTHING = 0.1
"""Share of the examples that show no onset."""


@dataclasses.dataclass(frozen=True)
class HitExamples:
    """Spectrograms of hits, and for each drum whether it is hit."""

    features: Float16[np.ndarray, "N bands frames"]
    labels: Float32[np.ndarray, "N D"]


def render_examples(
    collection: Collection, seed: tuple[int, int], n_loops: int, network: DrumHitNet
) -> HitExamples:
    """Return the hits of random drum parts; the same for the same seed and collection.

    Each window is heard through what other sources of a song might leave in a drum stem: 0 to
    -40 dB of an instrument or a voice, where the collection has songs.
    """
    features, labels = [], []
    for index in range(n_loops):
        rng = np.random.default_rng([*seed, index])
        session = random_session(collection, rng)
        part = drum_part(session)
        windows, hit = _windows(part, session, network)
        if len(windows):
            with torch.inference_mode():
                features.append(network.features(torch.from_numpy(windows)).numpy())
            labels.append(hit)
    return HitExamples(np.concatenate(features).astype(np.float16), np.concatenate(labels))


def random_session(collection: Collection, rng: np.random.Generator) -> Session:
    """Return a session of a random style."""
    style = STYLES[one_of(sorted(STYLES), rng)]
    harmony = random_harmony(rng, style)
    sample_rate = 44100
    n_samples = effects.loop_length(int(harmony.n_beats * harmony.beat_s * sample_rate))
    tempo_bpm = 60 * harmony.n_beats * sample_rate / n_samples
    harmony = dataclasses.replace(harmony, tempo_bpm=tempo_bpm)
    room = synthetic_room(float(np.exp(rng.uniform(*np.log(style.room_s)))), rng, sample_rate)
    return Session(collection, style, harmony, rng, room, n_samples, sample_rate)


def _windows(
    part: DrumPart, session: Session, network: DrumHitNet
) -> tuple[Float32[np.ndarray, "N 2 T"], Float32[np.ndarray, "N D"]]:
    rng, sound = session.rng, part.sound
    struck = _struck(part, session)
    places = rng.permutation(sorted(struck))[:N_PER_LOOP].tolist()
    n_nothing = int(P_NOTHING * len(places))
    distance = int(0.06 * session.sample_rate)
    onsets = np.array(sorted(session.sample_at(beat) for beat, _, _ in part.hits))
    for place in rng.integers(session.n_samples, size=4 * n_nothing).tolist():
        if n_nothing and len(onsets) and np.abs(onsets - place).min() > distance:
            places.append(place)
            n_nothing -= 1
    jitter = int(JITTER_S * session.sample_rate)
    windows = np.zeros((len(places), 2, network.window_samples), np.float32)
    labels = np.zeros((len(places), len(DRUMS)), np.float32)
    for row, place in enumerate(places):
        start = place - network.before_samples + int(rng.integers(-jitter, jitter + 1))
        taken = np.arange(start, start + network.window_samples) % sound.shape[1]
        windows[row] = _with_leakage(sound[:, taken], session)
        for drum in struck.get(place, ()):
            labels[row, DRUMS.index(drum)] = 1
    return windows, labels


def _struck(part: DrumPart, session: Session) -> Mapping[int, set[str]]:
    """Return the drums that are hit, by the sample of the first of those that are hit together."""
    found: dict[int, set[str]] = {}
    last = None
    together = int(TOGETHER_S * session.sample_rate)
    for beat, name, level in sorted(part.hits):
        if level < FAINTEST:
            continue
        place = session.sample_at(beat)
        if last is None or place - last > together:
            last = place
            found[last] = set()
        if name in DRUM_OF_CLASS:
            found[last].add(DRUM_OF_CLASS[name])
    return found


def _with_leakage(window: Stereo, session: Session) -> Stereo:
    rng, songs = session.rng, session.collection.songs
    if not songs or rng.uniform() < 0.3:
        return window
    song = one_of(songs, rng)
    target = one_of([target for target in TARGETS if target != "drums"], rng)
    start = int(rng.integers(max(song.n_samples - window.shape[1], 1)))
    leaked = song.source(target, start, start + window.shape[1])
    level = effects.rms(leaked)
    if level < 1e-4 or leaked.shape != window.shape:
        return window
    gain = effects.rms(window) / level * 10 ** (rng.uniform(-40, 0) / 20)
    mixed: Stereo = window + np.float32(gain) * leaked
    return mixed
