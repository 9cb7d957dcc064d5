"""Give the attacks of a whole track's drums the clean sound of their drum, while it streams by."""

import collections
import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float32

from libsep.track import TARGETS
from libsep.transients.attack import LONGEST_S, SHORTEST_S, correction, fade
from libsep.transients.bank import Kind, StrokeBank
from libsep.transients.generated import DrumSounds
from libsep.transients.listener import HitListener
from libsep.transients.strokes import Stroke, StrokeGrid

DRUMS, OTHER = TARGETS.index("drums"), TARGETS.index("other")

SECTION_S = 10.0
"""Length of the sections in which a track is looked at, in seconds."""

CONTEXT_S = 0.5
"""What is heard of the neighbours of a section, in seconds."""

N_AHEAD = 2
"""Sections that are heard before one is changed: its templates know at least 20 s of what
follows, and all that went before."""

QUIETEST = 1e-4
"""Energy of a stroke, as a share of the loudest one's so far, below which it is none: -40 dB."""

Stretch = tuple[Float32[np.ndarray, "C _"], Float32[np.ndarray, "S C _"]]
"""A block of the mixture, and its stems."""


@dataclasses.dataclass(frozen=True, slots=True)
class Hit:
    """A hit: its first sample in the track, which drums, and samples until the next one."""

    place: int
    kind: Kind
    gap: int


@dataclasses.dataclass(eq=False)
class Section:
    """A stretch of the track from sample ``start`` on, in memory of its own."""

    start: int
    mixture: Float32[np.ndarray, "2 T"]
    stems: Float32[np.ndarray, "S 2 T"]
    hits: list[Hit] = dataclasses.field(default_factory=list)


class DrumReplacer:
    """Replaces attacks of one track; `n_replaced` counts them.

    Parameters
    ----------
    listener
        Hears the hits.
    sample_rate
        In Hz.
    sounds
        Makes the clean sounds of drums; without it they are the track's own.
    """

    def __init__(
        self, listener: HitListener, sample_rate: int, sounds: DrumSounds | None = None
    ) -> None:
        self._listener = listener
        self._sample_rate = sample_rate
        self._grid = StrokeGrid.of_rate(sample_rate)
        self._context = int(CONTEXT_S * sample_rate)
        self._bank = StrokeBank(sample_rate, self._grid.lag, sounds)
        self._before: Float32[np.ndarray, "2 2 _"] = np.zeros((2, 2, 0), np.float32)
        self._loudest = 0.0
        self.n_replaced = 0

    def through(self, stretches: Iterable[Stretch]) -> Iterator[Stretch]:
        """Yield the track again, in blocks of another length, with the attacks replaced.

        What an attack gains or loses is taken from or given to ``other``, so the stems add up to
        the mixture as before, or better. It does not matter how the track is cut. Held in memory
        are four sections of 10 s, whatever the length of the track.

        Parameters
        ----------
        stretches
            Blocks of the mixture and its stems, in the order of `libsep.track.TARGETS`; they must
            add up. Their memory is not changed.
        """
        waiting: collections.deque[Section] = collections.deque()
        for section in _sections(stretches, int(SECTION_S * self._sample_rate)):
            if waiting:
                self._listen(waiting[-1], section)
            waiting.append(section)
            if len(waiting) > N_AHEAD:
                yield self._replaced(waiting.popleft(), waiting[0])
        if waiting:
            self._listen(waiting[-1], None)
        while waiting:
            yield self._replaced(waiting.popleft(), waiting[0] if waiting else None)

    def _listen(self, section: Section, following: Section | None) -> None:
        """Find the hits of a section, and put those that are heard alone into the bank."""
        grid, n_before = self._grid, self._before.shape[-1]
        here = np.stack([section.stems[DRUMS], section.mixture - section.stems[DRUMS]])
        parts = [self._before, here]
        if following is not None:
            drums = following.stems[DRUMS, :, : self._context]
            parts.append(np.stack([drums, following.mixture[:, : self._context] - drums]))
        drums, rest = np.concatenate(parts, axis=-1)
        heard = self._listener.hear(np.ascontiguousarray(drums))
        places = [hit.place for hit in heard]
        # What a hit may change belongs to the section in which it begins.
        first = n_before + grid.before + grid.lag
        last = first + here.shape[-1]
        ends = [*places[1:], places[-1] + self._context] if places else []
        begins = [-self._context, *places[:-1]]
        for hit, begin, end in zip(heard, begins, ends, strict=False):
            around = grid.around(hit.place)
            if not first <= hit.place < last or around.start < 0 or around.stop > drums.shape[1]:
                continue
            place = section.start + hit.place - n_before
            section.hits.append(Hit(place, hit.kind, end - hit.place))
            sound = drums[:, around]
            energy = float(np.square(sound).mean())
            self._loudest = max(self._loudest, energy)
            is_alone = min(hit.place - begin, end - hit.place) >= grid.length
            if is_alone and energy > QUIETEST * self._loudest:
                other = float(np.square(rest[:, around]).mean())
                clean_db = 10 * np.log10(energy / max(other, 1e-12))
                self._bank.add(hit.kind, Stroke(place, float(clean_db), sound.copy()))
        self._bank.forget(section.start)
        self._before = here[..., max(here.shape[-1] - self._context, 0) :]

    def _replaced(self, section: Section, following: Section | None) -> Stretch:
        """Change the attacks that begin in a section, which may reach into the following one."""
        n_here = section.mixture.shape[1]
        n_reach = self._grid.length + 2 * self._grid.lag
        mixture, stems = section.mixture, section.stems
        if following is not None:
            mixture = np.concatenate([mixture, following.mixture[:, :n_reach]], axis=-1)
            stems = np.concatenate([stems, following.stems[..., :n_reach]], axis=-1)
        nexts = [hit.place for hit in section.hits[1:]]
        nexts += [following.hits[0].place] if following is not None and following.hits else []
        for index, hit in enumerate(section.hits):
            gap = min(hit.gap, nexts[index] - hit.place) if index < len(nexts) else hit.gap
            if self._replace(mixture, stems, hit.place - section.start, hit.kind, gap):
                self.n_replaced += 1
        if following is not None:
            n_after = stems.shape[-1] - n_here
            following.stems[..., :n_after] = stems[..., n_here:]
        return section.mixture, stems[..., :n_here]

    def _replace(
        self,
        mixture: Float32[np.ndarray, "2 T"],
        stems: Float32[np.ndarray, "S 2 T"],
        place: int,
        kind: Kind,
        gap: int,
    ) -> bool:
        """Change one attack, in place, if its drum is known and alike; return whether."""
        grid, around = self._grid, self._grid.around(place)
        # What is changed ends before the next attack is looked at.
        n_samples = min(int(LONGEST_S * self._sample_rate), gap - grid.before - 2 * grid.lag)
        if n_samples < int(SHORTEST_S * self._sample_rate) or around.stop > mixture.shape[1]:
            return False
        drums, other = stems[DRUMS, :, around], stems[OTHER, :, around]
        found = correction(
            drums, drums + other, mixture[:, around] - drums, self._bank.templates(kind), grid
        )
        if found is None:
            return False
        lag, change = found
        span = slice(around.start + lag, around.start + lag + grid.length)
        stems[DRUMS, :, span] += change * fade(n_samples, grid, self._sample_rate)
        others = stems[..., span].sum(axis=0, dtype=np.float64) - stems[OTHER, :, span]
        stems[OTHER, :, span] = mixture[:, span] - others
        return True


def _sections(stretches: Iterable[Stretch], n_section: int) -> Iterator[Section]:
    """Cut a track into sections; the last one is shorter, or up to a tenth longer."""
    mixture: Float32[np.ndarray, "2 _"] | None = None
    stems: Float32[np.ndarray, "S 2 _"] | None = None
    start = 0
    for next_mixture, next_stems in stretches:
        if mixture is None or stems is None:
            mixture, stems = next_mixture, next_stems
        else:
            mixture = np.concatenate([mixture, next_mixture], axis=-1)
            stems = np.concatenate([stems, next_stems], axis=-1)
        while mixture.shape[1] >= n_section + n_section // 10:
            yield Section(start, mixture[:, :n_section], stems[..., :n_section].copy())
            mixture, stems = mixture[:, n_section:], stems[..., n_section:]
            start += n_section
    if mixture is not None and stems is not None:
        yield Section(start, mixture, stems.copy())
