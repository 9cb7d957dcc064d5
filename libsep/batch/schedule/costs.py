"""What a second of audio costs with each model: how the work of several models is compared."""

from collections.abc import Mapping

from libsep.separation.registry import Model
from libsep.track import Outcome

TYPICAL_COST = 1.0
"""Cost of a model whose description does not say, as a multiple of the one of `small`."""


def described_costs(models: Mapping[str, Model]) -> dict[str, float]:
    """Return what models cost by their descriptions, as multiples of the cost of `small`."""
    return {name: model.cost or TYPICAL_COST for name, model in models.items()}


class Costs:
    """Seconds that a model needs for a second of audio, measured as soon as it has separated some.

    Before that, a model costs what is expected of it, on the scale of the models that were
    measured: so one unit serves for all.

    Parameters
    ----------
    expected
        Cost of each model before anything is measured, in any unit, above zero.
    """

    def __init__(self, expected: Mapping[str, float]) -> None:
        self._expected = dict(expected)
        self._audio_s = dict.fromkeys(expected, 0.0)
        self._separate_s = dict.fromkeys(expected, 0.0)

    def note(self, model: str, *, audio_s: float, separate_s: float) -> None:
        """Note that a model needed ``separate_s`` for ``audio_s`` of audio."""
        if audio_s > 0 and separate_s > 0:
            self._audio_s[model] += audio_s
            self._separate_s[model] += separate_s

    def learn(self, outcome: Outcome) -> None:
        """Note what a track took, if it was separated to its end; a failure tells its length only.

        The length of a track that failed is what its header says: whatever was separated of it
        would make its model look cheaper than it is.
        """
        if outcome.status == "done" and outcome.action == "convert":
            self.note(outcome.model, audio_s=outcome.duration_s, separate_s=outcome.separate_s)

    def of(self, model: str) -> float:
        """Return the cost of a second of audio; only ratios between models mean something."""
        if self._audio_s[model]:
            return self._separate_s[model] / self._audio_s[model]
        return self._expected[model] * self._seconds_per_unit()

    def _seconds_per_unit(self) -> float:
        """Return how the expectations compare with what was measured; 1 before that."""
        measured = [model for model, audio_s in self._audio_s.items() if audio_s]
        if not measured:
            return 1.0
        costs = sum(self._separate_s[model] / self._audio_s[model] for model in measured)
        return costs / sum(self._expected[model] for model in measured)
