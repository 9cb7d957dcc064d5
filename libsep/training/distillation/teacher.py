"""What a teacher says of a block of a track, as the sources of a song."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int16

from libsep.config import SeparationConfig
from libsep.datasets.audio_cache import FULL_SCALE
from libsep.datasets.sums import name_of
from libsep.errors import ConfigError, DecodeError
from libsep.media.decode import SAMPLE_RATE
from libsep.media.excerpt import decode_excerpt
from libsep.separation.grid import segment_grid
from libsep.separation.model import Model
from libsep.separation.stream import SegmentSeparator, separate_blocks
from libsep.track import TARGETS
from libsep.training.distillation.blocks import LEAST_S, Block
from libsep.units import seconds_to_samples

CONTEXT_S = 1.0
"""What the teacher hears before and after a block, without labelling it."""

CEILING = 0.99
"""Largest sample of a label; louder ones are turned down as a whole."""


def check_teacher(teacher: Model) -> None:
    """Refuse a model that cannot teach.

    Raises
    ------
    ConfigError
        It works at another sample rate than stem files, or gives none of their targets.
    """
    if teacher.sample_rate != SAMPLE_RATE or not set(teacher.targets) & set(TARGETS):
        raise ConfigError(
            f"{teacher.name}: gives {', '.join(teacher.targets)} at {teacher.sample_rate} Hz, "
            f"expected some of {', '.join(TARGETS)} at {SAMPLE_RATE} Hz"
        )


def sources_of(targets: Sequence[str]) -> tuple[str, ...]:
    """Return which sources a model gives: its own among `TARGETS`, and the sum of all others.

    Spleeter's vocals and accompaniment are ``vocals`` and ``drums+bass+other``.
    """
    missing = name_of(target for target in TARGETS if target not in targets)
    return (*(target for target in TARGETS if target in targets), *([missing] if missing else []))


def as_sources(
    targets: Sequence[str], estimates: Float32[np.ndarray, "S 2 T"]
) -> Mapping[str, Float32[np.ndarray, "2 T"]]:
    """Return the estimates of a model by source; what has no target of ours is added up."""
    by_name = dict(zip(targets, estimates, strict=True))
    sources = {name: by_name.pop(name) for name in TARGETS if name in by_name}
    missing = [name for name in sources_of(targets) if name not in sources]
    if missing:
        (name,) = missing
        sources[name] = np.sum(list(by_name.values()), axis=0, dtype=np.float32)
    return sources


def label_block(
    block: Block,
    teacher: Model,
    separator: SegmentSeparator,
    config: SeparationConfig,
    *,
    ffmpeg: Path,
) -> tuple[Mapping[str, Int16[np.ndarray, "2 T"]], float]:
    """Return what a teacher says of a block, by source, and the gain that fits it into 16 bit.

    Parameters
    ----------
    block
        Where it is.
    teacher, separator, config
        The teacher, its network or networks, and how they run.
    ffmpeg
        The ffmpeg program.

    Raises
    ------
    DecodeError, SeparationError
        The track cannot be read there, ends before, or the network fails.
    """
    path = block.track.path
    before_s = min(CONTEXT_S, block.start_s)
    length_s = before_s + block.duration_s + CONTEXT_S
    mixture = decode_excerpt(
        path,
        start_s=block.start_s - before_s,
        n_samples=seconds_to_samples(length_s, SAMPLE_RATE),
        sample_rate=SAMPLE_RATE,
        ffmpeg=ffmpeg,
    )
    first = seconds_to_samples(before_s, SAMPLE_RATE)
    own = slice(first, first + seconds_to_samples(block.duration_s, SAMPLE_RATE))
    if mixture[:, own].shape[1] < seconds_to_samples(min(LEAST_S, block.duration_s), SAMPLE_RATE):
        raise DecodeError(path, f"ends before {block.start_s + block.duration_s:.0f} s")
    parts = separate_blocks(
        [mixture], separator, segment_grid(config, teacher, sample_rate=SAMPLE_RATE), path=path
    )
    estimates = np.concatenate([stems for _, stems in parts], axis=-1)[..., own]
    sources = as_sources(teacher.targets, estimates)
    peak = max(float(np.abs(source).max()) for source in sources.values())
    gain = min(1.0, CEILING / max(peak, 1e-9))
    scaled = {
        name: np.rint(source * (gain * FULL_SCALE)).astype(np.int16)
        for name, source in sources.items()
    }
    return scaled, gain
