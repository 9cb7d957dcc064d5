"""What a run is expected to take."""

import pytest

from libsep.report.estimate import CPU_S_PER_AUDIO_S, Estimate, estimate, n_within
from libsep.track import Outcome, Track

from ..conftest import track_called


def track(duration_s: float) -> Track:
    return track_called("a", duration_s=duration_s)


def of(tracks: list[Track], history: list[Outcome]) -> Estimate:
    return estimate(tracks, history, codec="aac", bitrate_kbps=256, n_cores=2)


def test_the_speed_is_that_of_the_last_run_and_before_that_a_guess() -> None:
    tracks = [track(600.0), track(300.0)]
    guess = of(tracks, [])
    assert not guess.is_measured
    assert guess.wall_s == pytest.approx(900 * CPU_S_PER_AUDIO_S["aac"] / 2)
    assert guess.output_bytes == pytest.approx(900 * 5 * 256_000 / 8)
    history = [
        Outcome(source="a", output="a", status="done", run=run, duration_s=100.0, **times)
        for run, times in (
            ("first", {"started_at": 10.0, "ended_at": 11.0}),
            ("last", {"started_at": 1000.0, "ended_at": 1040.0}),
            ("last", {"started_at": 1010.0, "ended_at": 1050.0}),
        )
    ]
    measured = of(tracks, history)
    assert measured.is_measured
    assert measured.wall_s == pytest.approx(900 / (200 / 50))


def test_a_window_has_time_for_the_first_tracks_whose_audio_it_can_take() -> None:
    tracks = [track(100.0), track(300.0), track(50.0)]
    expected = Estimate(n_tracks=3, audio_s=450.0, wall_s=45.0, output_bytes=0.0, is_measured=True)
    found = [n_within(limit_s, tracks, expected) for limit_s in (-1.0, 9.0, 10.0, 41.0, 45.0, 99.0)]
    assert found == [0, 0, 1, 2, 3, 3]
