"""What a second of audio costs with each model."""

import dataclasses

import pytest

from libsep.batch.schedule.costs import Costs
from libsep.track import Outcome


def test_until_something_is_measured_the_expectations_count() -> None:
    costs = Costs({"small": 1.0, "large": 40.0})
    assert costs.of("large") / costs.of("small") == 40.0


def test_what_was_measured_counts_and_scales_the_expectations_of_the_rest() -> None:
    costs = Costs({"small": 1.0, "large": 40.0, "other": 10.0})
    costs.note("small", audio_s=100.0, separate_s=5.0)
    costs.note("small", audio_s=100.0, separate_s=15.0)
    assert costs.of("small") == pytest.approx(0.1)
    assert costs.of("large") == pytest.approx(4.0)
    costs.note("large", audio_s=10.0, separate_s=10.0)
    assert costs.of("large") == pytest.approx(1.0)
    assert costs.of("other") == pytest.approx(10.0 * (0.1 + 1.0) / 41.0)


def test_a_track_that_was_not_separated_says_nothing_about_costs() -> None:
    costs = Costs({"m": 2.0})
    costs.note("m", audio_s=0.0, separate_s=3.0)
    costs.note("m", audio_s=60.0, separate_s=0.0)
    assert costs.of("m") == 2.0


def test_a_track_that_failed_in_its_midst_says_nothing_about_costs() -> None:
    """Its length is that of its header, of which little was separated."""
    costs = Costs({"small": 1.0, "large": 40.0})
    made = Outcome(
        source="a", output="a.stem.mp4", status="done", model="small", duration_s=200.0,
        separate_s=10.0,
    )  # fmt: skip
    costs.learn(made)
    for other in (
        dataclasses.replace(made, status="failed", duration_s=36_000.0, separate_s=0.5),
        dataclasses.replace(made, action="retag"),
    ):
        costs.learn(other)
    assert costs.of("small") == pytest.approx(0.05)
