"""How long a track is expected to be in work."""

import pytest

from libsep.batch.schedule.pace import MEMORY_AUDIO_S, START_S, UNKNOWN_MACHINE, Pace
from libsep.track import Outcome


def conversion(model: str, *, audio_s: float, separate_s: float, rest_s: float) -> Outcome:
    return Outcome(
        source="a",
        output="a",
        status="done",
        model=model,
        duration_s=audio_s,
        separate_s=separate_s,
        wall_s=separate_s + rest_s,
    )


def pace_of(**costs: float) -> Pace:
    return Pace(costs, cpu_s_per_audio_s=0.2, crowd=1.5)


def per_second(pace: Pace, model: str | None) -> float:
    return (pace.expected_s(model, 1000.0) - pace.expected_s(model, 0.0)) / 1000.0


def test_a_machine_that_has_converted_nothing_is_taken_for_a_slow_one() -> None:
    pace = pace_of(generic=1.0, large=11.0)
    factor = UNKNOWN_MACHINE * 1.5
    assert pace.expected_s("generic", 100.0) == pytest.approx(START_S + 100 * 0.2 * factor)
    more = per_second(pace, "large") - per_second(pace, "generic")
    assert more == pytest.approx(10 * 0.045 * factor)
    assert per_second(pace, None) == per_second(pace, "generic"), "at least that"


def test_earlier_runs_tell_what_each_stage_takes_and_the_network_by_model() -> None:
    pace = pace_of(generic=1.0, large=11.0)
    pace.remember(
        [
            conversion("generic", audio_s=100.0, separate_s=10.0, rest_s=40.0),
            conversion("gone", audio_s=100.0, separate_s=900.0, rest_s=900.0),
            conversion("generic", audio_s=300.0, separate_s=30.0, rest_s=40.0),
        ]
    )
    assert per_second(pace, "generic") == pytest.approx(0.1 + 0.2)
    assert per_second(pace, "large") == pytest.approx(1.1 + 0.2), "by its cost beside the other's"


def test_only_the_last_conversions_of_a_model_are_remembered() -> None:
    rows = [conversion("generic", audio_s=60.0, separate_s=600.0, rest_s=600.0)] * 100
    rows += [conversion("generic", audio_s=60.0, separate_s=6.0, rest_s=6.0)] * 100
    pace = pace_of(generic=1.0)
    pace.remember(rows)
    assert per_second(pace, "generic") == pytest.approx(0.2)


def test_what_this_run_measures_outweighs_what_was_before() -> None:
    pace = pace_of(generic=1.0)
    pace.remember([conversion("generic", audio_s=1e6, separate_s=1e5, rest_s=1e5)])
    slow = conversion("generic", audio_s=3 * MEMORY_AUDIO_S, separate_s=0.3, rest_s=0.3)
    for seconds in (0.0, 8.0):
        pace.note(slow, slow.wall_s + seconds)
    assert per_second(pace, "generic") < 0.2 / 6
    assert pace.expected_s("generic", 0.0) == pytest.approx(4.0), "until its process begins"


def test_tracks_that_were_not_converted_tell_nothing() -> None:
    pace = pace_of(generic=1.0)
    before = pace.expected_s("generic", 60.0)
    kept = conversion("generic", audio_s=60.0, separate_s=0.0, rest_s=0.0)
    failed = Outcome(source="a", output="a", status="failed", duration_s=60.0, wall_s=99.0)
    skipped = Outcome(source="a", output="a", status="skipped", duration_s=60.0, wall_s=9.0)
    for row in (kept, failed, skipped):
        pace.note(row, 100.0)
    pace.remember([kept, failed, skipped])
    assert pace.expected_s("generic", 60.0) == before
