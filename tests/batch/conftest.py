"""Ray reads its environment when it is imported, so ours has to be there before any test file."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

import libsep.batch  # noqa: F401  imported for what it sets, before a test imports Ray itself
from libsep.separation.registry import Model
from libsep.track import Outcome, Track

from ..conftest import copied


@dataclasses.dataclass
class Notes:
    """A listener that remembers."""

    outcomes: list[Outcome] = dataclasses.field(default_factory=list)
    reasons: list[str] = dataclasses.field(default_factory=list)
    live: list[dict[str, int]] = dataclasses.field(default_factory=list)
    descriptions: list[str] = dataclasses.field(default_factory=list)
    machines: list[str] = dataclasses.field(default_factory=list)

    def separators_ready(self, description: str, n_separators: int) -> None:
        self.descriptions.append(description)

    def machines_changed(self, description: str) -> None:
        self.machines.append(description)

    def models_changed(self, live: dict[str, int]) -> None:
        self.live.append(live)

    def track_started(self, track: Track) -> None:
        pass

    def track_crashed(self, track: Track) -> None:
        pass

    def track_ended(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def drains(self, reason: str, *, is_interrupted: bool) -> None:
        self.reasons.append(reason)

    def by_source(self) -> dict[str, Outcome]:
        """Return what became of each track."""
        return {outcome.source: outcome for outcome in self.outcomes}


@pytest.fixture(scope="session")
def genre_models(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Sequence[Model]:
    """Return three models for three genres."""
    folder: Path = tmp_path_factory.mktemp("genres")
    return [copied(tiny_model, name, folder) for name in ("club", "band", "combo")]
