"""Conversions, by hand."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsep import units


@given(st.integers(0, 10**9), st.sampled_from([8000, 44100, 48000, 96000]))
def test_samples_survive_the_way_through_seconds(n_samples: int, sample_rate: int) -> None:
    duration_s = units.samples_to_seconds(n_samples, sample_rate)
    assert units.seconds_to_samples(duration_s, sample_rate) == n_samples


def test_a_count_agrees_with_its_noun() -> None:
    counts = [units.counted(n, "track") for n in (0, 1, 2, 20_000)]
    assert counts == ["0 tracks", "1 track", "2 tracks", "20,000 tracks"]


def test_levels_are_those_of_the_textbook() -> None:
    assert units.amplitude_to_db(1.0) == 0
    assert units.amplitude_to_db(0.5) == pytest.approx(-6.0206, abs=1e-4)
    assert units.power_to_db(0.5) == pytest.approx(-3.0103, abs=1e-4)
    assert units.db_to_amplitude(-20.0) == pytest.approx(0.1)
    assert units.amplitude_to_db(0.0) == units.power_to_db(0.0) == -math.inf


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (245, "4:05"), (7200, "2:00:00")],
)
def test_durations_read_as_on_a_player(duration_s: float, text: str) -> None:
    assert units.format_duration(duration_s) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (9_600_000, "9.6 MB"), (1.3e12, "1.3 TB"), (5e15, "5000.0 TB")],
)
def test_sizes_have_decimal_prefixes(n_bytes: float, text: str) -> None:
    assert units.format_bytes(n_bytes) == text
