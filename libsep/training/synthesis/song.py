"""Synthetic songs: parts that share tempo, key, room and genre, in sections of the same loop."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float32

from libsep.track import TARGETS
from libsep.training.synthesis import effects
from libsep.training.synthesis.arrangement import Arranged, arranged
from libsep.training.synthesis.bass import bass_part
from libsep.training.synthesis.bass_lines import following
from libsep.training.synthesis.chance import one_of, weighted
from libsep.training.synthesis.clips import Collection
from libsep.training.synthesis.composition import PlayedNote, random_harmony
from libsep.training.synthesis.drums import drum_part
from libsep.training.synthesis.effects import Stereo
from libsep.training.synthesis.instruments import faded
from libsep.training.synthesis.layers import layer, written
from libsep.training.synthesis.rooms import Room, recorded_room, synthetic_room
from libsep.training.synthesis.session import Session, ducked
from libsep.training.synthesis.styles import STYLES, Style
from libsep.training.synthesis.vocals import vocal_part

LEVEL = 0.1
"""RMS of a target whose style gives it 0 dB, relative to full scale."""


STRETCH = 32 * effects.BLOCK
"""Samples of a song that are mastered at once."""

RIFFS = ("power_guitar", "riff_guitar")
"""Layers that a bass may play along with."""

P_FOLLOWED = 0.65
"""How often it does."""

SHORT_S = 6.0
"""The voice sings something new over each repeat of a loop shorter than this."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A loop of a target, and how likely it is that a section has it."""

    target: str
    loop: Stereo
    p_section: float


def render_song(
    collection: Collection,
    style_name: str,
    rng: np.random.Generator,
    duration_s: float,
    sample_rate: int,
) -> Float32[np.ndarray, "S 2 T"]:
    """Return the sources of a random song of a style, in the order of `TARGETS`.

    The same collection, style and generator state give the same song. Parts are loops of a few
    bars; sections repeat them, some parts paused. No sample is beyond full scale, neither of a
    source nor of their sum.
    """
    style = STYLES[style_name]
    score = arranged(collection, style, rng)
    harmony = score.harmony if score else random_harmony(rng, style)
    n_loop = effects.loop_length(int(harmony.n_beats * harmony.beat_s * sample_rate))
    harmony = dataclasses.replace(harmony, tempo_bpm=60 * harmony.n_beats * sample_rate / n_loop)
    room = _room(collection, style, rng, sample_rate)
    session = Session(collection, style, harmony, rng, room, n_loop, sample_rate)
    n_samples = int(duration_s * sample_rate)
    n_blocks = -(-n_samples // effects.BLOCK)
    sources = _laid_out(_parts(session, score), session, n_blocks * effects.BLOCK)
    _master(sources, style, rng)
    return sources[..., :n_samples]


def _parts(session: Session, score: Arranged | None) -> list[Part]:
    """Return the parts of a song; silent ones are left out."""
    rng, style = session.rng, session.style
    layers = list(score.layers) if score and score.layers else random_layers(session)
    drums = drum_part(session, score.drums if score else ())
    bass = bass_part(session, score.bass if score else riff_to_follow(layers, rng))
    parts = [Part("drums", drums.sound, style.p_drums), Part("bass", bass, style.p_bass)]
    wet = rng.uniform(*style.wet)
    for kind, notes in layers:
        loop = layer(session, kind, notes)
        loudness = max(effects.rms(loop), 1e-6)
        loop *= np.float32(10 ** (rng.uniform(-9, 3) / 20) / loudness)
        if rng.uniform() < style.p_room:
            loop = session.room.around(loop, wet)
        parts.append(Part("other", loop, 0.75 if len(layers) > 1 else 0.95))
    if rng.uniform() < style.p_vocals:
        is_short = session.n_samples < SHORT_S * session.sample_rate
        sung = vocal_part(session.twice() if is_short else session)
        parts.append(Part("vocals", sung, 0.85))
    if rng.uniform() < style.p_pump:
        parts = [_pumped(part, drums.kicks, session) for part in parts]
    return parts


def random_layers(session: Session) -> list[tuple[str, Sequence[PlayedNote]]]:
    """Return kinds of layers, with the notes of those that a bass may follow."""
    rng, style = session.rng, session.style
    lowest, highest = style.n_layers
    n_layers = int(rng.integers(lowest, highest + 1))
    kinds = [weighted(style.layers, rng) for _ in range(n_layers)]
    return [(kind, written(session, kind) if kind in RIFFS else ()) for kind in kinds]


def riff_to_follow(
    layers: Sequence[tuple[str, Sequence[PlayedNote]]], rng: np.random.Generator
) -> Sequence[PlayedNote]:
    """Return what the bass plays with a guitar; nothing if there is none, or it goes its way."""
    riffs = [notes for kind, notes in layers if kind in RIFFS and notes]
    return following(riffs[0]) if riffs and rng.uniform() < P_FOLLOWED else ()


def _pumped(part: Part, kicks: Sequence[float], session: Session) -> Part:
    """Duck bass and other instruments, seldom the voice, under the kick."""
    p_ducked: Mapping[str, float] = {"bass": 0.8, "other": 0.9, "vocals": 0.15}
    if part.loop.shape[1] != session.n_samples or session.rng.uniform() >= p_ducked.get(
        part.target, 0.0
    ):
        return part
    depth = session.rng.uniform(0.3, 0.95)
    return dataclasses.replace(part, loop=ducked(part.loop, kicks, session, depth))


def _laid_out(
    parts: Sequence[Part], session: Session, n_samples: int
) -> Float32[np.ndarray, "S 2 T"]:
    """Return the song: sections of the length of a loop, from somewhere in the first one on."""
    rng, n_loop = session.rng, session.n_samples
    levels_db = {target: session.style.levels_db[target] + rng.normal(0, 2) for target in TARGETS}
    sources = np.zeros((len(TARGETS), 2, n_samples), np.float32)
    first = int(rng.integers(n_loop))
    extent = slice(first, first + n_samples)
    n_sections = -(-extent.stop // n_loop)
    for target in TARGETS:
        own = [part for part in parts if part.target == target]
        loudness = float(np.sqrt(sum(effects.rms(part.loop) ** 2 for part in own)))
        if loudness < 1e-6:
            continue
        gain = LEVEL / loudness * 10 ** (levels_db[target] / 20)
        for part in own:
            sounding = rng.uniform(size=n_sections) < part.p_section
            part.loop[:] *= np.float32(gain)
            canvas = sources[TARGETS.index(target)]
            for place, sound in _sections(part.loop, sounding, session, extent):
                canvas[:, place] += sound
    return sources


def _sections(
    loop: Stereo, sounding: Bool[np.ndarray, " sections"], session: Session, extent: slice
) -> Iterator[tuple[slice, Stereo]]:
    """Return where the sections are that have a part, and what it plays there.

    ``extent``: which samples of the sections are wanted. A part fades before it pauses.
    """
    n_loop = session.n_samples
    for section in np.flatnonzero(sounding).tolist():
        begin, end = max(section * n_loop, extent.start), min((section + 1) * n_loop, extent.stop)
        start = begin % loop.shape[1]
        sound = loop[:, start : start + end - begin]
        is_last = section + 1 == len(sounding) or not sounding[section + 1]
        place = slice(begin - extent.start, end - extent.start)
        yield place, faded(sound.copy(), session.sample_rate) if is_last else sound


def _master(sources: Float32[np.ndarray, "S 2 T"], style: Style, rng: np.random.Generator) -> None:
    """Limit the loudest peaks of the mixture, in place; every source gets the mixture's gain.

    Works through stretches that fit into the cache: a song is larger than all of them.
    """
    stretches = [slice(first, first + STRETCH) for first in range(0, sources.shape[2], STRETCH)]
    peaks = np.concatenate(
        [effects.block_peaks(sources[..., stretch].sum(axis=0)) for stretch in stretches]
    )
    loudest = float(peaks.max())
    if loudest == 0:
        return
    ceiling = loudest * 10 ** (-rng.uniform(*style.limit_db) / 20)
    width = int(rng.choice([3, 5, 9]))
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(peaks, width // 2, mode="edge"), width
    ).max(axis=1)
    gains = np.minimum(ceiling / np.maximum(around, 1e-9), 1)
    smooth = np.convolve(np.pad(gains, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    line = effects.gain_line(smooth)
    highest = 0.0
    for stretch in stretches:
        sources[..., stretch] *= line[stretch]
        part = sources[..., stretch]
        mixture = part.sum(axis=0)
        highest = max(highest, float(np.abs(mixture).max()), float(part.max()), -float(part.min()))
    if highest > 1:
        sources /= np.float32(highest)


def _room(collection: Collection, style: Style, rng: np.random.Generator, sample_rate: int) -> Room:
    recorded = collection.impulse_responses
    if recorded and rng.uniform() < 0.4:
        return recorded_room(one_of(recorded, rng).samples)
    lowest, highest = np.log(style.room_s)
    return synthetic_room(float(np.exp(rng.uniform(lowest, highest))), rng, sample_rate)
