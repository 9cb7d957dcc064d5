"""Passages of unlabelled mixes in which a target is silent, as material for a separator."""

import dataclasses
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int16

from libsep.datasets.sums import name_of
from libsep.errors import ConfigError, StemsError, reason_of
from libsep.media.atomic import replacing
from libsep.media.decode import SAMPLE_RATE
from libsep.track import TARGETS
from libsep.training.presence.network import starts_of

SAMPLE_BYTES = 4
"""Of two channels in 16 bit."""


@dataclasses.dataclass(frozen=True, order=True)
class Passage:
    """A stretch of a mix, in samples, in which ``target`` is silent.

    ``draw`` orders passages in a way that depends on their names alone.
    """

    draw: str
    mix: str
    target: str
    start: int
    stop: int

    @property
    def n_bytes(self) -> int:
        """Disk that it takes, with the head of its file."""
        return (self.stop - self.start) * SAMPLE_BYTES + 128

    @property
    def place(self) -> Path:
        """Its file below the folder of all passages: a recording of the sum of what is left.

        ``bass+other+vocals/NAME-12.npy`` begins at 12 s and lacks drums.
        """
        left = name_of(target for target in TARGETS if target != self.target)
        slug = re.sub(r"[^a-z0-9]+", "-", Path(self.mix).stem.lower()).strip("-")[:40] or "mix"
        start_s = f"{self.start / SAMPLE_RATE:g}"
        return Path(left) / f"{slug}-{_digits(self.mix)[:6]}-{start_s}.npy"


def passages_of(
    mix: str,
    chances: Float[np.ndarray, "N S"],
    window_samples: int,
    hop_s: float,
    limits: Mapping[str, float],
) -> Iterator[Passage]:
    """Yield where a target is silent in one window or several that overlap or touch.

    Parameters
    ----------
    mix
        Name of the recording.
    chances
        How likely each of `TARGETS` sounds in each window; NaN is neither.
    window_samples, hop_s
        Length of a window, and distance of their starts.
    limits
        For each target that is looked for, the chance below which it is silent.
    """
    starts = np.array(starts_of(10**12, window_samples, hop_s)[: len(chances)])
    for target, limit in limits.items():
        chosen = starts[chances[:, TARGETS.index(target)] < limit]
        breaks = np.flatnonzero(np.diff(chosen) > window_samples) + 1
        for run in np.split(chosen, breaks) if len(chosen) else ():
            start, stop = int(run[0]), int(run[-1]) + window_samples
            yield Passage(_digits(f"{mix}|{target}|{start}"), mix, target, start, stop)


def write_passages(
    folder: Path,
    found: Sequence[Passage],
    mixes: Mapping[str, Int16[np.ndarray, "2 _"]],
    max_bytes: float,
) -> list[Passage]:
    """Write passages as recordings that ``--data`` takes, and return those that fit.

    Which ones fit does not depend on the order of the mixes. What lies in the folder from an
    earlier search and is not found again is deleted.

    Raises
    ------
    ConfigError
        The folder cannot be written.
    """
    kept: list[Passage] = []
    for passage in sorted(found):
        if passage.n_bytes <= max_bytes:
            max_bytes -= passage.n_bytes
            kept.append(passage)
    wanted = {folder / passage.place for passage in kept}
    try:
        for path in set(folder.glob("*+*/*.npy")) - wanted:
            path.unlink()
        for passage in kept:
            path = folder / passage.place
            path.parent.mkdir(parents=True, exist_ok=True)
            cut = mixes[passage.mix][:, passage.start : passage.stop]
            with replacing(path) as part, part.open("wb") as file:
                np.save(file, cut)
    except (OSError, StemsError) as exc:
        raise ConfigError(f"{folder}: passages cannot be written: {reason_of(exc)}") from exc
    return kept


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:20]
