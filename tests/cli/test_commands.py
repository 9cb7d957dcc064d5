"""The small commands, and what a run shows on a terminal."""

import io
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from rich.console import Console

from libsep.batch.schedule.window import Window
from libsep.cli.doctor import _findings
from libsep.cli.lines import describe, markup
from libsep.cli.progress import RunDisplay
from libsep.cli.run_tables import summary_table
from libsep.cli.tables import failures_table
from libsep.ledger import FOLDER, Ledger
from libsep.library.survey import Survey
from libsep.media.ffmpeg import find_ffmpeg
from libsep.report.summary import Summary
from libsep.restoration.model import RestorationModel
from libsep.separation.registry import Model
from libsep.track import Outcome, Track

from ..conftest import track_called


def test_convert_writes_one_stem_file_and_verify_agrees(
    libsep: Callable[..., Any],
    encode: Callable[..., Path],
    rng: np.random.Generator,
    tiny_model: Model,
    tmp_path: Path,
) -> None:
    source = encode("song.flac", (0.1 * rng.standard_normal((2, 30000))).astype(np.float32))
    left = tmp_path / ".song.stem.mp4.part-libsep-0123456789abcdef"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    ended = libsep("convert", source, "--model", tiny_model.folder)
    assert ended.code == 0, ended.err
    assert "done song.flac" in ended.out
    assert not left.exists(), "of a conversion that was killed"
    stems = tmp_path / "song.stem.mp4"
    good = libsep("verify", stems)
    assert (good.code, good.out.count("ok ")) == (0, 1)
    broken = tmp_path / "broken" / "cut.stem.mp4"
    broken.parent.mkdir()
    broken.write_bytes(stems.read_bytes()[:-5000])
    bad = libsep("verify", stems, broken.parent, "--json")
    assert bad.code == 1
    assert [report["is_conformant"] for report in bad.json] == [True, False]


def test_convert_restores_a_track_that_was_cut_off(
    libsep: Callable[..., Any],
    encode: Callable[..., Path],
    rng: np.random.Generator,
    tiny_model: Model,
    tiny_restoration_model: RestorationModel,
    tmp_path: Path,
) -> None:
    noise = (0.1 * rng.standard_normal((2, 2 * 44100))).astype(np.float32)
    source = encode("song.mp3", noise, "-b:a", "96k")
    config = tmp_path / "config.yaml"
    config.write_text(f"restoration: {{model: {tiny_restoration_model.folder}}}")
    options = (source, "--model", tiny_model.folder, "--config", config)
    plain = libsep("convert", *options)
    assert "cut off at 1" in plain.out, plain.err
    assert "restored" not in plain.out
    restored = libsep("convert", *options, "--super-resolution", "auto")
    assert "kHz (sure to 100%), restored above" in restored.out, restored.err


def test_convert_says_why_it_failed(
    libsep: Callable[..., Any], tiny_model: Model, tmp_path: Path
) -> None:
    letter = tmp_path / "letter.mp3"
    letter.write_text("Dear reader, this is no song.\n" * 40)
    ended = libsep("convert", letter, "--model", tiny_model.folder)
    assert ended.code == 1
    assert "failed letter.mp3: probe: is text, expected audio" in ended.out
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "/nowhere", "/tmp/x"), "/nowhere: expected a folder of music"),
        (("convert", "x.mp3", "--codec", "opus"), "encode.codec"),
        (("convert", "x.mp3", "--super-resolution", "no"), "restoration.super_resolution"),
        (("convert", "x.mp3", "--model", "nothing"), "no model is called 'nothing'"),
        (("convert", "x.mp3", "--config", "none.yaml"), "none.yaml: cannot be read"),
        (("status", "/"), "no ledger of libsep here"),
        (("run",), "libsep: library: is missing; see libsep run --help"),
        (("run", ".", "x", "--limit", "-1"), "--limit: expected at least 1 (found '-1'); see"),
        (("run", ".", "x", "--limit", "two"), "--limit: expected a whole number (found 'two')"),
        (("run", ".", "x", "--limit"), "--limit: expected a value; see libsep run --help"),
        (("status", "x", "--json=3"), "--json: expected no value; see libsep status --help"),
        (("--version=3",), "libsep: --version: expected no value; see libsep --help"),
        (("--",), "libsep: a command is missing, there are: run, convert, listen,"),
        (("v\udce9rfy",), r"libsep: v\xe9rfy: no such command, did you mean verify?; see"),
        (("status", "x", "\udce9"), r"libsep: \xe9: expected nothing more; see"),
        (("extract", "x", "-o", "y", "--format", "\udce9"), r"(found '\xe9'); see"),
        (("listen", "x", "--port", "99999"), "--port: expected at most 65535 (found '99999')"),
        (("extract", "x", "-o", "y", "--format", "ogg"), "--format: expected one of wav, float,"),
        (("extract", "x"), "libsep: --output: is missing; see libsep extract --help"),
        (("status", "x", "y"), "libsep: y: expected nothing more; see libsep status --help"),
        (("run", ".", "x", "--limits"), "--limits: no such option, did you mean --limit?"),
        (("verfy",), "libsep: verfy: no such command, did you mean verify?; see libsep --help"),
        (("models", "x"), "libsep: x: no such command, there are: list, show, pull,"),
    ],
)
def test_a_wrong_command_is_one_line_and_exit_code_2(
    libsep: Callable[..., Any], arguments: tuple[str, ...], message: str
) -> None:
    ended = libsep(*arguments)
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.count("\n") == 1


STEMS = "configs/train/stems.yaml"


@pytest.mark.parametrize(
    "command",
    [
        ("demo",),
        ("run", "MUSIC"),
        ("run", "--dry-run", "MUSIC"),
        ("extract", "MUSIC", "-o"),
        ("distil", "MUSIC", "-o"),
        ("train", "settings.yaml", "--data", "MUSIC", "-o"),
        ("train", STEMS, "--data", "MUSIC", "-o", "run", "--about", "a", "--model"),
        ("evaluate", "small", "MUSIC", "-o"),
    ],
)
def test_a_file_is_no_output_folder(
    libsep: Callable[..., Any], tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "music").mkdir()
    (tmp_path / "file").write_text("mine")
    arguments = [tmp_path / "music" if each == "MUSIC" else each for each in command]
    for place in (tmp_path / "file", tmp_path / "file" / "new"):
        ended = libsep(*arguments, place)
        assert ended.code == 2
        assert ended.err == f"libsep: {tmp_path}/file: expected a folder, found a file\n"
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_is_no_track_and_makes_none(libsep: Callable[..., Any], tmp_path: Path) -> None:
    ended = libsep("convert", "..", "-o", f"{tmp_path / 'new'}/")
    assert ended.code != 0
    assert "expected a file, found a folder" in ended.out + ended.err
    assert "Traceback" not in ended.err
    assert not (tmp_path / "new").exists()


def test_verify_without_stem_files_is_no_success(
    libsep: Callable[..., Any], tmp_path: Path
) -> None:
    ended = libsep("verify", tmp_path)
    assert ended.code == 1
    assert "no stem files found" in ended.out


@pytest.mark.ray
@pytest.mark.slow
def test_the_doctor_finds_everything_usable(libsep: Callable[..., Any]) -> None:
    ended = libsep("doctor", "--json")
    assert ended.code == 0, ended.out + ended.err
    assert [finding["part"] for finding in ended.json] == [
        "libsep", "ffmpeg", "device", "Ray", "models", "disk",
    ]  # fmt: skip
    models = ended.json[4]["found"]
    for name in ("fast", "generic", "small", "vocals", "super_resolution"):
        assert f"{name} (MIT)" in models


def test_the_doctor_names_an_ffmpeg_that_does_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBSEP_FFMPEG", "/bin/false")
    find_ffmpeg.cache_clear()
    try:
        finding = next(f for f in _findings(None, insecure=False) if f.part == "ffmpeg")
    finally:
        find_ffmpeg.cache_clear()
    assert not finding.is_usable
    assert "/bin/false" in finding.found


def test_the_status_in_words_names_failures(libsep: Callable[..., Any], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / FOLDER)
    ledger.begin("r1")
    ledger.append(Outcome(source="a [x].mp3", output="a", status="done", duration_s=90.0))
    ledger.append(
        Outcome(source="b.mp3", output="b", status="failed", stage="probe", message="is text")
    )
    ledger.end()
    ended = libsep("status", tmp_path)
    assert ended.code == 0
    assert "1 track, 1.5 min of audio" in ended.out
    assert "b.mp3" in ended.out
    assert "is text" in ended.out


def track(name: str, duration_s: float) -> Track:
    return track_called(name, duration_s=duration_s)


def test_a_terminal_shows_a_bar_with_hours_speed_and_failures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=150, color_system=None)
    monkeypatch.setattr("libsep.cli.progress.Console", lambda **_: terminal)
    tracks = [track("one.mp3", 3600.0), track("two.mp3", 3600.0), track("bad.mp3", 600.0)]
    with RunDisplay(tracks, Summary(), Window()) as display:
        display.separators_ready("tiny on CPU", 2)
        for item in tracks:
            display.track_started(item)
        time.sleep(0.05)
        display.track_ended(
            Outcome(source="one.mp3", output="x", status="done", duration_s=3600.0, wall_s=60.0)
        )
        display.track_crashed(tracks[1])
        display.track_ended(Outcome(source="bad.mp3", output="x", status="failed", stage="probe"))
        display._progress.refresh()
    shown = screen.getvalue()
    assert "2 separators: tiny on CPU" in shown
    assert "2 of 3 tracks" in shown
    assert "1.0 h of 2.0 h" in shown, "what failed is not to be done any more"
    assert "× real time" in shown
    assert "1 failed" in shown
    assert "failed bad.mp3: probe" in shown


def rendered(table: object) -> str:
    screen = io.StringIO()
    Console(file=screen, width=150).print(table)
    return screen.getvalue()


def test_the_summary_adds_up() -> None:
    done = Outcome(
        source="a", output="b", status="done", duration_s=7200.0, encode_s=3.0, separate_s=1.0,
        output_size_bytes=76_800_000, warnings=("cover lost",),
    )  # fmt: skip
    found = Survey(work=[], n_up_to_date=5, n_failed_before=0, problems=[])
    text = rendered(summary_table(Summary.of([done]), found, wall_s=600.0, n_left=2))
    for expected in (
        "1 track, 2.00 h of audio, 76.8 MB",
        "12.0 × real time, 10:00 in all",
        "separate 25%, encode 75%",
        "2, the next run goes on with them",
        "1 track, libsep report tells what about",
    ):
        assert expected in text


def test_only_the_first_failures_are_listed() -> None:
    failures = [
        Outcome(source=f"{index}.mp3", output="", status="failed", message="no\nlog")
        for index in range(25)
    ]
    text = rendered(failures_table(failures))
    assert "19.mp3" in text
    assert "20.mp3" not in text
    assert "and 5 more in the ledger" in text
    assert "log" not in text.replace("ledger", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "{music}", "{odd}", "--dry-run"),
        ("run", "{odd}", "{music}", "--dry-run"),
        ("status", "{odd}"),
        ("report", "{odd}"),
        ("audit", "{music}", "{odd}"),
        ("export", "{odd}", "--to", "m3u"),
        ("convert", "{music}/a.mp3", "-o", "{odd}/x.stem.mp4"),
    ],
)
def test_a_folder_that_cannot_even_be_looked_at_is_told_in_one_line(
    libsep: Callable[..., Any], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Its name is too long; a closed folder or a drive that is gone raises the same error."""
    (tmp_path / "a.mp3").write_text("no song")
    odd = tmp_path / ("x" * 300)
    ended = libsep(*(each.format(music=tmp_path, odd=odd) for each in arguments))
    assert ended.code == 2, ended.err
    assert ended.err.startswith(f"libsep: {odd}"), ended.err
    assert ended.err.endswith(": File name too long\n")
    assert len(ended.err.splitlines()) == 1


def test_names_cannot_write_markup_or_control_the_terminal() -> None:
    assert markup("[bold]x[/]\x1b[31m\n") == r"\[bold]x\[/]�[31m�"
    assert markup("a\u202eb\u200bc") == "a�b�c"
    whole = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 \U0001f469\u200d\U0001f467"
    assert markup(whole) == whole, "joiners are parts of letters"
    line = describe(Outcome(source="[x].mp3", output="", status="done", duration_s=60.0))
    assert r"\[x].mp3" in line


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.parametrize(
    ("signals", "code"), [((signal.SIGTERM,), 143), ((signal.SIGINT, signal.SIGINT), 130)]
)
def test_signals_end_a_run_with_their_exit_code_and_without_leftovers(
    libsep: Callable[..., Any],
    start_libsep: Callable[..., "subprocess.Popen[str]"],
    library: Path,
    config_file: Path,
    tmp_path: Path,
    signals: tuple[signal.Signals, ...],
    code: int,
) -> None:
    for index in range(6):
        shutil.copy(library / "One.mp3", library / f"Copy {index}.mp3")
    stems = tmp_path / "stems"
    values = yaml.safe_load(config_file.read_text())
    values["run"]["tracks_in_flight"] = 1  # a machine of many cores would start them all at once
    config_file.write_text(yaml.safe_dump(values))
    running = start_libsep("run", library, stems, "--config", config_file, "--json")
    while not stems.exists() or not list(Ledger(stems / FOLDER).rows()):
        time.sleep(0.05)
    for number in signals:
        running.send_signal(number)
        time.sleep(0.5)
    out, err = running.communicate(timeout=1500)
    assert running.returncode == code, err
    assert json.loads(out)["n_left"] > 0
    assert not list(stems.rglob(".*part*"))
    assert "Traceback" not in err
