"""Outcomes, counted."""

import pytest

from libsep.cli.tables import bandwidth
from libsep.library.plan import Action, Decision, PlannedTrack
from libsep.report.estimate import CPU_S_PER_AUDIO_S, estimate
from libsep.report.genres import UNHEARD, shares
from libsep.report.summary import Summary
from libsep.track import Assignment, Outcome, Track

from ..conftest import track_called


def outcome(source: str, status: str, **fields: object) -> Outcome:
    return Outcome(source=source, output=f"{source}.stem.mp4", status=status, **fields)


def test_every_outcome_is_counted_once() -> None:
    summary = Summary.of(
        [
            outcome("a", "done", duration_s=60.0, output_size_bytes=10, encode_s=2.0),
            outcome("b", "done", action="retag", duration_s=60.0),
            outcome("c", "skipped", action="skip"),
            outcome("d", "failed", stage="probe", message="is text"),
        ]
    )
    counts = (summary.n_converted, summary.n_retagged, summary.n_skipped, summary.n_failed)
    assert counts == (1, 1, 1, 1)
    assert summary.n_ended == 4
    assert (summary.audio_s, summary.output_bytes, summary.stage_s["encode"]) == (60.0, 10, 2.0)
    assert [row["source"] for row in summary.as_json()["failures"]] == ["d"]


def test_tracks_that_were_cut_off_and_restored_are_counted() -> None:
    summary = Summary.of(
        [
            outcome("whole", "done"),
            outcome("high", "done", cutoff_hz=20_069.0),
            outcome("cut", "done", cutoff_hz=19_000.0),
            outcome("mp3", "done", cutoff_hz=16_000.0, restored_from_hz=16_000.0),
            outcome("old", "done", cutoff_hz=11_000.0, restored_from_hz=11_000.0),
            outcome("again", "skipped", cutoff_hz=8_000.0, restored_from_hz=8_000.0),
        ]
    )
    assert (summary.n_cut_off, summary.n_restored) == (3, 2)
    assert summary.as_json()["lowest_restored_hz"] == 11_000.0
    expected = "3 tracks cut off below 20 kHz, 2 restored from 11.0 kHz up"
    assert bandwidth(summary) == expected
    assert bandwidth(Summary.of([outcome("whole", "done")])) == ""


def track(duration_s: float | None) -> Track:
    return track_called("x.mp3", duration_s=duration_s, size_bytes=720_000)


def test_without_history_the_estimate_says_that_it_is_a_guess() -> None:
    guess = estimate([track(100.0)], [], codec="aac", bitrate_kbps=256, n_cores=4)
    assert not guess.is_measured
    assert guess.wall_s == pytest.approx(100 * CPU_S_PER_AUDIO_S["aac"] / 4)
    assert guess.output_bytes == pytest.approx(100 * 5 * 256_000 / 8)


def test_the_estimate_takes_the_speed_of_the_last_run() -> None:
    history = [
        outcome("a", "done", run="1", duration_s=10.0, started_at=100.0, ended_at=200.0),
        outcome("b", "done", run="2", duration_s=60.0, started_at=1000.0, ended_at=1010.0),
        outcome("c", "done", run="2", duration_s=60.0, started_at=1005.0, ended_at=1020.0),
        outcome("d", "failed", run="3", started_at=2000.0, ended_at=2001.0),
    ]
    known = estimate([track(60.0), track(None)], history, codec="aac", bitrate_kbps=256, n_cores=1)
    assert known.is_measured
    assert known.wall_s == pytest.approx((60 + 30) / 6)


def test_tracks_hours_and_speed_are_counted_by_genre_and_model() -> None:
    rock = {"genre": "rock", "model": "generic", "duration_s": 60.0, "wall_s": 30.0}
    jazz = rock | {"genre": "jazz", "duration_s": 200.0}
    rows = [
        outcome("a", "done", **rock),
        outcome("b", "done", **rock),
        outcome("c", "done", **(rock | {"model": "guitars"})),
        outcome("d", "done", **jazz),
        outcome("e", "failed", **jazz),
    ]
    found = Summary.of(rows).as_json()["genres"]
    assert [(row["genre"], row["model"], row["n_converted"]) for row in found] == [
        ("jazz", "generic", 1),
        ("rock", "generic", 2),
        ("rock", "guitars", 1),
    ]
    assert (found[1]["audio_s"], found[1]["times_real_time"]) == (120.0, 2.0)


def test_what_is_to_be_done_is_counted_by_genre_with_the_reasons() -> None:
    def planned(reason: str | None, duration_s: float | None) -> PlannedTrack:
        assignment = reason and Assignment(
            model="generic",
            model_sha256="",
            genre="rock",
            genre_reason=reason,
            genre_source="tag",
        )
        return PlannedTrack(
            track(duration_s), None, assignment or None, Decision(Action.CONVERT, "new")
        )

    work = [planned('tag "Rock"', 60.0), planned('tag "Rock"', None), planned(None, 90.0)]
    rock, unheard = shares([*work, planned('tag "Metal"', 30.0)])
    assert (rock.genre, rock.n_tracks, rock.audio_s) == ("rock", 3, 60.0 + 30.0 + 30.0)
    assert rock.reasons.most_common() == [('tag "Rock"', 2), ('tag "Metal"', 1)]
    assert (unheard.genre, unheard.n_tracks, unheard.audio_s) == (UNHEARD, 1, 90.0)
