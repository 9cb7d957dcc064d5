"""How long a track stays in work: from earlier runs, and from the tracks of this one."""

import collections
from collections.abc import Iterable, Mapping

from libsep.batch.schedule.costs import Costs
from libsep.track import Outcome

SEPARATE_CPU_S = 0.045
"""CPU seconds that a model of cost 1 needs for a second of audio, as `benchmarks/stages.py`
measures."""

UNKNOWN_MACHINE = 2.0
"""How much slower than the machine of the benchmarks one may be that has converted nothing yet."""

START_S = 5.0
"""Seconds from handing a track to a process until that begins with it, before any is measured."""

MEMORY_TRACKS = 100
"""Conversions of each model in earlier runs that are remembered, the last ones."""

MEMORY_AUDIO_S = 600.0
"""Seconds of audio that earlier runs weigh as much as, beside what is measured in this one."""


class Pace:
    """Estimates how long a track will be in work, by its length and model.

    What it takes is measured apart for the network, by model, and for all other stages together.
    Each track that ends makes the estimate better; before any has, it rests on `remember`, and
    without that on the CPU seconds of another machine, twice over.

    Parameters
    ----------
    model_costs
        Cost of each model as a multiple of the one of `small`.
    cpu_s_per_audio_s
        CPU seconds of a whole conversion with `small` per second of audio.
    crowd
        Tracks in flight per CPU core: so much longer each takes.
    """

    def __init__(
        self, model_costs: Mapping[str, float], *, cpu_s_per_audio_s: float, crowd: float
    ) -> None:
        factor = UNKNOWN_MACHINE * max(crowd, 1.0)
        rest_s = max(cpu_s_per_audio_s - SEPARATE_CPU_S, 0.01)
        self._separate = Costs({m: c * SEPARATE_CPU_S * factor for m, c in model_costs.items()})
        self._rest = Costs({"": rest_s * factor})
        self._models = tuple(model_costs)
        self._n_started = 0
        self._starts_s = 0.0

    def remember(self, history: Iterable[Outcome]) -> None:
        """Learn from earlier runs.

        Parameters
        ----------
        history
            Outcomes, the oldest first; the last conversions with each model count.
        """
        last: dict[str, collections.deque[Outcome]] = {}
        for row in history:
            if row.model in self._models and _tells_its_time(row):
                rows = last.setdefault(row.model, collections.deque(maxlen=MEMORY_TRACKS))
                rows.append(row)
        for model, rows in last.items():
            audio_s = sum(row.duration_s for row in rows)
            weight = min(1.0, MEMORY_AUDIO_S / audio_s)
            separate_s = sum(row.separate_s for row in rows)
            rest_s = sum(row.wall_s for row in rows) - separate_s
            self._note(model, weight * audio_s, weight * separate_s, weight * rest_s)

    def note(self, outcome: Outcome, elapsed_s: float) -> None:
        """Learn from a track that has ended.

        Parameters
        ----------
        outcome
            What became of it; only conversions tell something.
        elapsed_s
            Seconds from handing it out to its end, as the driver saw it.
        """
        if not _tells_its_time(outcome):
            return
        self._n_started += 1
        self._starts_s += max(elapsed_s - outcome.wall_s, 0.0)
        rest_s = outcome.wall_s - outcome.separate_s
        self._note(outcome.model, outcome.duration_s, outcome.separate_s, rest_s)

    def expected_s(self, model: str | None, audio_s: float) -> float:
        """Return how long a track of ``audio_s`` will be in work, in seconds.

        Without a model, because its sound has to tell which, it is the cheapest one.
        """
        if model is None:
            separate_s = min(map(self._separate.of, self._models), default=0.0)
        else:
            separate_s = self._separate.of(model)
        start_s = self._starts_s / self._n_started if self._n_started else START_S
        return start_s + audio_s * (separate_s + self._rest.of(""))

    def _note(self, model: str, audio_s: float, separate_s: float, rest_s: float) -> None:
        self._separate.note(model, audio_s=audio_s, separate_s=separate_s)
        self._rest.note("", audio_s=audio_s, separate_s=rest_s)


def _tells_its_time(row: Outcome) -> bool:
    is_converted = row.status == "done" and row.action == "convert"
    return is_converted and row.duration_s > 0 and row.wall_s > row.separate_s
