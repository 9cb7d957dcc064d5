"""When a window closes, whatever clocks do; tests set the time zone themselves."""

import datetime
import math
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from libsep.batch.schedule.window import MAX_CORRECTION_S, Window, next_time, steady_s

HOUR_S = 3600.0
HEALTH = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
SIX = datetime.time(6, 0)

Zone = Callable[[str], None]


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """Return a function that moves the process to a time zone, until the test ends."""

    def move(rules: str) -> None:
        monkeypatch.setenv("TZ", rules)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
"""Clocks go forward on 29 March 2026 at 1:00 UTC, and back on 25 October 2026 at 1:00 UTC."""


def utc(text: str) -> float:
    return datetime.datetime.fromisoformat(f"{text}+00:00").timestamp()


@pytest.mark.parametrize(
    ("opened", "until", "hours"),
    [
        ("2026-11-20T22:00", "06:00", 7.0),
        ("2026-11-20T01:00", "06:00", 4.0),
        ("2026-11-20T05:00", "06:00", 24.0),
        ("2026-11-20T04:59:30", "06:00", 30 / 3600),
        ("2026-12-31T22:00", "00:00", 1.0),
        ("2026-03-28T22:00", "06:00", 6.0),
        ("2026-03-28T22:00", "02:30", 3.0),
        ("2026-03-28T22:00", "02:00", 3.0),
        ("2026-10-24T21:00", "06:00", 8.0),
        ("2026-10-24T21:00", "02:30", 3.5),
        ("2026-10-25T00:45", "02:30", 0.75),
        ("2026-10-25T00:30", "02:00", 0.5),
        ("2026-10-25T01:45", "02:30", 23.75),
    ],
)
def test_the_hour_comes_after_midnight_and_when_clocks_change(
    zone: Zone, opened: str, until: str, hours: float
) -> None:
    zone(BERLIN)
    found_s = next_time(datetime.time.fromisoformat(until), utc(opened)) - utc(opened)
    assert found_s / HOUR_S == pytest.approx(hours)


@given(
    rules=st.sampled_from([BERLIN, "UTC0", "NST3:30NDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11"]),
    after_s=st.floats(utc("2020-01-01"), utc("2037-01-01")),
    minutes=st.integers(0, 24 * 60 - 1),
)
@settings(max_examples=200, suppress_health_check=HEALTH)
def test_it_is_the_first_moment_at_which_the_clock_shows_the_hour(
    zone: Zone, rules: str, after_s: float, minutes: int
) -> None:
    zone(rules)
    until = datetime.time(*divmod(minutes, 60))
    today = datetime.datetime.fromtimestamp(after_s)
    moments_s = [
        datetime.datetime.combine(today + datetime.timedelta(days), until, None)
        .replace(fold=fold)
        .timestamp()
        for days in (0, 1, 2)
        for fold in (0, 1)
    ]
    shown_s = [m for m in moments_s if datetime.datetime.fromtimestamp(m).time() == until]
    found_s = next_time(until, after_s)
    assert found_s > after_s
    if datetime.datetime.fromtimestamp(found_s).time() == until:
        assert found_s == min(moment_s for moment_s in shown_s if moment_s > after_s)
    else:  # skipped: the clock jumps over it there
        before = datetime.datetime.fromtimestamp(found_s - 60)
        now = datetime.datetime.fromtimestamp(found_s)
        wanted = datetime.datetime.combine(now, until)
        assert before < wanted < now
        assert now - before > datetime.timedelta(minutes=1)


class Clocks:
    """Both clocks of a machine, and what may happen to them."""

    def __init__(self, now: str) -> None:
        self.wall_s = utc(now)
        self.since_start_s = 100.0

    def pass_(self, duration_s: float) -> None:
        self.wall_s += duration_s
        self.since_start_s += duration_s

    def set_by(self, duration_s: float) -> None:
        self.wall_s += duration_s

    def window(self, **limits: object) -> Window:
        return Window(
            **limits,  # type: ignore[arg-type]
            wall=lambda: self.wall_s,
            steady=lambda: self.since_start_s,
        )


@pytest.fixture
def clocks(zone: Zone) -> Clocks:
    zone("UTC0")
    return Clocks("2026-11-20T23:00")


def test_time_passes_also_while_the_machine_sleeps(clocks: Clocks) -> None:
    window = clocks.window(until=SIX)
    assert (window.is_limited, window.closes_at()) == (True, "06:00")
    clocks.pass_(6.5 * HOUR_S)
    assert window.left_s() == 0.5 * HOUR_S
    clocks.pass_(HOUR_S)
    assert window.left_s() == -0.5 * HOUR_S
    assert window.closes_at() == "06:00"


def test_what_comes_first_closes_it(clocks: Clocks) -> None:
    assert clocks.window(until=SIX, max_hours=8.0).left_s() == 7 * HOUR_S
    assert clocks.window(until=SIX, max_hours=2.5).left_s() == 2.5 * HOUR_S
    assert clocks.window(max_hours=2.5).closes_at() == "01:30"


def test_without_limits_it_never_closes(clocks: Clocks) -> None:
    window = clocks.window()
    clocks.pass_(1e9)
    assert (window.left_s(), window.is_limited) == (math.inf, False)


def test_a_clock_that_is_set_back_makes_the_night_no_longer(clocks: Clocks) -> None:
    window = clocks.window(until=SIX)
    clocks.pass_(HOUR_S)
    clocks.set_by(-3 * HOUR_S)
    assert window.left_s() == 6 * HOUR_S


def test_a_clock_that_was_slow_ends_the_night_at_the_right_hour(clocks: Clocks) -> None:
    window = clocks.window(until=SIX)
    clocks.set_by(2 * HOUR_S)
    assert window.left_s() == 5 * HOUR_S
    clocks.set_by(5.5 * HOUR_S)
    assert window.left_s() == -0.5 * HOUR_S


def test_hours_that_are_counted_do_not_care_for_the_clock_on_the_wall(clocks: Clocks) -> None:
    window = clocks.window(max_hours=7.0)
    clocks.set_by(-30 * 365 * 24 * HOUR_S)
    clocks.pass_(HOUR_S)
    assert window.left_s() == 6 * HOUR_S


def test_a_clock_that_had_the_wrong_date_neither_ends_the_night_nor_makes_it_longer(
    zone: Zone,
) -> None:
    zone("UTC0")
    clocks = Clocks("1970-01-01T00:10")
    window = clocks.window(until=SIX)
    clocks.set_by(utc("2026-11-20T04:00") - clocks.wall_s)
    assert window.left_s() == 2 * HOUR_S
    clocks.pass_(HOUR_S)
    assert window.left_s() == HOUR_S
    clocks.set_by(utc("1999-01-01T08:00") - clocks.wall_s)
    assert window.left_s() == pytest.approx(4 * HOUR_S + 50 * 60), "what there was at first"
    clocks = Clocks("2036-01-01T00:10")
    window = clocks.window(until=SIX)
    clocks.set_by(utc("2026-11-20T04:00") - clocks.wall_s)
    assert window.left_s() == 2 * HOUR_S


@given(
    limits=st.fixed_dictionaries(
        {},
        optional={
            "until": st.times(datetime.time(0, 0), datetime.time(23, 59)).map(
                lambda t: t.replace(second=0, microsecond=0)
            ),
            "max_hours": st.floats(0.01, 100),
        },
    ),
    events=st.lists(
        st.tuples(st.floats(0, 20_000), st.one_of(st.just(0.0), st.floats(-1e9, 1e9))), max_size=30
    ),
)
@example(limits={"until": SIX}, events=[(60.0, MAX_CORRECTION_S + 1), (60.0, -MAX_CORRECTION_S)])
@settings(suppress_health_check=HEALTH)
def test_whatever_the_clock_does_the_night_is_no_longer_than_it_was_to_be(
    zone: Zone, limits: dict[str, object], events: list[tuple[float, float]]
) -> None:
    zone(BERLIN)
    clocks = Clocks("2026-03-28T20:00")
    window = clocks.window(**limits)
    at_first_s, passed_s = window.left_s(), 0.0
    for duration_s, set_by_s in events:
        clocks.pass_(duration_s)
        clocks.set_by(set_by_s)
        passed_s += duration_s
        assert window.left_s() <= at_first_s - passed_s + 1e-3
    if "max_hours" not in limits and "until" not in limits:
        assert window.left_s() == math.inf


def test_the_steady_clock_does_not_go_back() -> None:
    readings = [steady_s() for _ in range(1000)]
    assert readings == sorted(readings)
