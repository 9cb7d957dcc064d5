"""A run that ends by the clock, and what a run takes first."""

import dataclasses
import os
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from libsep.batch.schedule.window import Window
from libsep.cli.progress import MAX_LINES, REPORT_S, RunDisplay, Speed
from libsep.cli.session import Ended
from libsep.ledger import FOLDER, Ledger
from libsep.media.verify import verify_stems
from libsep.report.summary import Summary
from libsep.track import Outcome

from ..conftest import tone, track_called, write_wave

SECONDS_PER_SECOND = 1000.0
"""What a second of audio took in the earlier run of this test, so that real speeds do not count."""


def remember_a_slow_run(stems: Path) -> None:
    """Let the ledger say that an earlier run took an hour for a few seconds of audio."""
    wall_s = 600 * SECONDS_PER_SECOND
    earlier = Outcome(
        source="earlier.wav",
        output="earlier.stem.mp4",
        status="done",
        model="tiny",
        duration_s=600.0,
        separate_s=wall_s / 2,
        wall_s=wall_s,
        started_at=time.time() - wall_s,
        ended_at=time.time(),
    )
    ledger = Ledger(stems / FOLDER)
    ledger.begin("earlier")
    ledger.append(earlier)
    ledger.end()


@pytest.mark.ray
@pytest.mark.slow
def test_a_window_closes_before_a_track_that_would_not_end_and_the_next_run_does_it(
    libsep: Callable[..., Any], config_file: Path, tmp_path: Path
) -> None:
    library, stems = tmp_path / "music", tmp_path / "stems"
    write_wave(library / "a long mix.wav", tone(200, 30.0))
    for name in ("b song", "c song"):
        write_wave(library / f"{name}.wav", tone(300, 3.0))
    remember_a_slow_run(stems)
    command = ("run", library, stems, "--config", config_file)
    until = time.strftime("%H:%M", time.localtime(time.time() + 7 * 3600))
    first = libsep(*command, "--until", until, "--exit-code-if-remaining", 75)
    assert first.code == 75, first.err
    assert first.err.splitlines()[0] == f"3 tracks, 0.6 min of audio, window closes at {until}"
    assert f"window closed: what is left would not end by {until}: finishing" in first.err
    assert "window closed: 2 done, 1 left, about" in first.out
    assert "stopped early" not in first.out
    assert not (stems / "a long mix.stem.mp4").exists()

    rest = libsep(*command, "--json", "--max-hours", 9.5e5)
    assert rest.code == 0, rest.err
    assert (rest.json["n_converted"], rest.json["n_up_to_date"]) == (1, 2)
    assert (rest.json["n_left"], rest.json["is_window_closed"]) == (0, False)
    rows = [row for row in Ledger(stems / FOLDER).rows() if row.run != "earlier"]
    assert sorted(row.source for row in rows) == ["a long mix.wav", "b song.wav", "c song.wav"]
    assert all(row.status == "done" for row in rows)
    assert all(verify_stems(path).is_conformant for path in stems.glob("*.stem.mp4"))


@pytest.mark.slow
def test_a_preview_shows_what_comes_first_and_how_far_a_night_gets(
    libsep: Callable[..., Any], config_file: Path, tmp_path: Path
) -> None:
    library = tmp_path / "music"
    long_ago_s = time.time() - 400 * 24 * 3600
    for name in ("a old", "b played", "c new", "d old"):
        write_wave(library / f"{name}.wav", tone(300, 1.0))
        if name != "c new":
            os.utime(library / f"{name}.wav", (long_ago_s, long_ago_s))
    (tmp_path / "played.m3u8").write_text("music/b played.wav\n")
    values = yaml.safe_load(config_file.read_text())
    values["night"] = {"order": [f"playlist:{tmp_path / 'played.m3u8'}", "new"], "max_hours": 1e-6}
    config_file.write_text(yaml.safe_dump(values))
    command = ("run", library, tmp_path / "stems", "--config", config_file, "--dry-run", "--json")
    found = libsep(*command, "--limit", 3)
    assert found.code == 0, found.err
    sources = [work["source"] for work in found.json["work"]]
    assert sources == ["b played.wav", "c new.wav", "a old.wav"]
    assert found.json["n_in_time"] == 0


def test_an_hour_of_the_day_is_two_numbers(libsep: Callable[..., Any], tmp_path: Path) -> None:
    for text in ("6 am", "25:00"):
        wrong = libsep("run", tmp_path, tmp_path / "stems", "--until", text)
        assert wrong.code == 2
        expected = f"night.until: expected HH:MM from 00:00 to 23:59 (found '{text}')"
        assert wrong.err == f"libsep: command line: {expected}\n"


@pytest.mark.parametrize(
    ("ended", "if_remaining", "code"),
    [
        (Ended(n_failed=0), 75, 0),
        (Ended(n_failed=0, n_left=3, reason="window closed", is_window_closed=True), None, 0),
        (Ended(n_failed=0, n_left=3, reason="window closed", is_window_closed=True), 75, 75),
        (Ended(n_failed=1, n_left=3, reason="window closed", is_window_closed=True), 75, 1),
        (Ended(n_failed=0, n_left=3), 75, 75),
        (Ended(n_failed=0, n_left=3, reason="the disk is full"), 75, 1),
        (Ended(n_failed=1), None, 1),
        (Ended(n_failed=1, n_left=3, reason="SIGTERM received", interrupted=15), 75, 143),
    ],
)
def test_the_exit_code_tells_what_a_script_wants_to_know(
    ended: Ended, if_remaining: int | None, code: int
) -> None:
    assert ended.exit_code(if_remaining=if_remaining) == code


def test_the_journal_of_a_long_run_is_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    clock = types.SimpleNamespace(monotonic=lambda: now_s, strftime=time.strftime)
    monkeypatch.setattr("libsep.cli.progress.time", clock)
    names = [f"{index}.mp3" for index in range(MAX_LINES + 1)]
    tracks = [track_called(name, duration_s=60.0) for name in names]
    with RunDisplay(tracks, Summary(), Window(max_hours=1.0)) as display:
        for name in names:
            now_s += REPORT_S / 100
            status = "failed" if name == "7.mp3" else "done"
            display.track_ended(
                Outcome(source=name, output=name, status=status, duration_s=60.0, wall_s=1.0)
            )
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("201 tracks, 3.4 h of audio, window closes at ")
    assert lines[1].startswith("8/201 failed 7.mp3")
    assert [line.partition(" ")[2].partition(" ·")[0] for line in lines[2:]] == [
        "100 of 201 tracks",
        "200 of 201 tracks",
    ]


def test_moved_tracks_change_neither_speed_nor_the_time_that_is_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0
    clock = types.SimpleNamespace(monotonic=lambda: now_s, strftime=lambda _: "02:00")
    monkeypatch.setattr("libsep.cli.progress.time", clock)
    moved = [f"moved {index}.mp3" for index in range(MAX_LINES)]
    names = [*moved, "first.mp3", "second.mp3"]
    tracks = [track_called(name, duration_s=600.0) for name in names]
    new = Outcome(source="first.mp3", output="x", status="done", duration_s=600.0, wall_s=400.0)
    followed = dataclasses.replace(new, action="move", wall_s=1.0)
    ends = [dataclasses.replace(followed, source=name) for name in moved]
    with RunDisplay(tracks, Summary(), Window(), moved) as display:
        for outcome in ends:
            now_s += outcome.wall_s
            display.track_ended(outcome)
        now_s += new.wall_s
        display.track_ended(new)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "202 tracks, 200 of them moved, 20.0 min of audio",
        "02:00 201 of 202 tracks · 10.0 min of 20.0 min · 1.5 × real time · 6:40 left",
    ]


def test_the_time_of_a_track_that_failed_is_time_of_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 0.0
    monkeypatch.setattr("libsep.cli.progress.time", types.SimpleNamespace(monotonic=lambda: now_s))
    speed = Speed(total_s=3 * 600.0)
    hung = Outcome(source="hung.mp3", output="x", status="failed", wall_s=3600.0)
    done = Outcome(source="a.mp3", output="x", status="done", duration_s=600.0, wall_s=60.0)
    for outcome in (hung, done):
        now_s += outcome.wall_s
        speed.count(outcome, expected_s=600.0)
    assert speed.times_real_time == pytest.approx(600 / 3660)
    assert speed.remaining_s() == pytest.approx(3660), "one of ten minutes is left"


@pytest.mark.parametrize("is_interrupted", [True, False])
def test_only_an_interrupted_run_is_told_what_the_next_interrupt_does(
    is_interrupted: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", types.SimpleNamespace(isatty=lambda: True))
    with RunDisplay([], Summary(), Window()) as display:
        display.drains("the reason", is_interrupted=is_interrupted)
    shown = capsys.readouterr().err
    assert "the reason: finishing the tracks in work." in shown
    assert ("Ctrl-C again aborts." in shown) == is_interrupted
