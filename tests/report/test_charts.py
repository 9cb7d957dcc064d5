"""The geometry of the report's charts."""

import dataclasses

import pytest

from libsep.report.charts import MAX_BARS, histogram, rising_edges, speed_chart
from libsep.track import Outcome

TRACK = Outcome(
    source="a", output="b", status="done", run="r1", duration_s=600.0, started_at=1000.0,
    ended_at=1100.0,
)  # fmt: skip


def test_the_bars_of_the_speed_add_up_to_the_audio() -> None:
    later = {"run": "r2", "started_at": 90_000.0, "ended_at": 90_050.0, "duration_s": 100.0}
    rows = [
        TRACK,
        dataclasses.replace(TRACK, started_at=1050.0, ended_at=1150.0),
        dataclasses.replace(TRACK, **later),
    ]
    chart = speed_chart(rows)
    assert chart is not None
    assert chart.note == "one bar: 5 seconds of work"
    assert len(chart.bars) == (150 + 50) / 5
    assert sum(bar.value for bar in chart.bars) * 5 == pytest.approx(1300)
    assert [bar.value for bar in chart.bars[:3]] == pytest.approx([6, 6, 6])
    assert chart.bars[12].value == pytest.approx(12)  # two tracks at once
    assert [i for i, bar in enumerate(chart.bars) if bar.is_first] == [0, 30]
    assert max(bar.height for bar in chart.bars) <= 1


def test_a_week_of_nights_has_no_more_bars_than_fit() -> None:
    nights = [
        dataclasses.replace(
            TRACK, run=f"r{night}", started_at=float(begin), ended_at=begin + 8 * 3600.0
        )
        for night, begin in enumerate(range(1_000_000, 1_000_000 + 7 * 86_400, 86_400))
    ]
    chart = speed_chart(nights)
    assert chart is not None
    assert 7 <= len(chart.bars) <= MAX_BARS
    assert sum(bar.is_first for bar in chart.bars) == 7


def test_without_a_timed_conversion_there_is_no_chart() -> None:
    assert speed_chart([]) is None
    assert speed_chart([dataclasses.replace(TRACK, action="retag")]) is None
    assert speed_chart([dataclasses.replace(TRACK, started_at=0.0)]) is None
    assert histogram("x", [], [0, 1], str) is None


def test_every_value_is_in_one_bar_also_beyond_the_ends() -> None:
    chart = histogram("x", [-5, 0, 0.5, 1, 2.9, 3, 99], [0, 1, 2, 3], str)
    assert chart is not None
    assert [bar.value for bar in chart.bars] == [3, 1, 3]
    assert chart.bars[0].label == "0 to 1: 3 tracks"


def test_ticks_of_counts_are_whole_numbers() -> None:
    for count in (1, 2, 3, 7, 1234):
        chart = histogram("x", [0.5] * count, [0, 1], str)
        assert chart is not None
        places = [float(text.replace(",", "")) for _, text in chart.y_ticks]
        assert all(place.is_integer() for place in places)
        assert places[0] == 0
        assert places[-1] >= count


def test_round_edges_reach_the_highest_value() -> None:
    assert rising_edges([0.3, 2.2], 6) == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3])
