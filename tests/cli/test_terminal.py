"""Every command ends well on a terminal that cannot show the names of the tracks."""

import errno
import importlib
import inspect
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from libsep.cli.app import main
from libsep.cli.terminal import HANDLER, make_streams_safe
from libsep.ledger import FOLDER, Ledger
from libsep.media.verify import verify_stems
from libsep.separation.registry import Model
from libsep.track import Outcome

from ..processes import ended_here

NAME = "Größe 電 🎧"
STREAMS = ("stdout", "stderr")


def run_on(encoding: str, *arguments: object) -> tuple[int, str]:
    """Run a command with streams of an encoding: its code and output."""
    ended = ended_here(*arguments, encoding=encoding)
    return ended.code, ended.out + ended.err


@pytest.fixture
def library(encode: Callable[..., Path], rng: np.random.Generator, tmp_path: Path) -> Path:
    folder = tmp_path / f"Bücher {NAME}"
    folder.mkdir()
    noise = (0.1 * rng.standard_normal((2, 30000))).astype(np.float32)
    encode("song.flac", noise).rename(folder / f"{NAME}.flac")
    (folder / f"{NAME} brökén.mp3").write_bytes(b"x")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_no_command_fails_for_a_name(encoding: str, library: Path, tiny_model: Model) -> None:
    stems = library.parent / f"Stems {NAME}"
    song, stem = library / f"{NAME}.flac", library / f"{NAME}.stem.mp4"
    model = ("--model", tiny_model.folder)
    ledger = Ledger(stems / FOLDER)
    ledger.begin("r1")
    failed = Outcome(
        source=f"{NAME}.flac", output=f"{NAME}.stem.mp4", status="failed", message=NAME
    )
    ledger.append(failed)
    ledger.end()
    expected = "Gr\\xf6\\xdfe \\u96fb" if encoding == "ascii" else "Größe \\u96fb"
    code, output = run_on(encoding, "convert", song, *model, "-o", stem)
    assert (code, expected in output) == (0, True), output
    code, output = run_on(encoding, "convert", library / f"{NAME} brökén.mp3", *model)
    assert (code, expected in output) == (1, True), output
    code, output = run_on(encoding, "verify", stem)
    assert (code, expected in output) == (0, True), output
    code, output = run_on(encoding, "verify", stem, "--json")
    assert json.loads(output)[0]["path"] == str(stem)
    for arguments, ends in (
        (("run", library, stems, "--dry-run", *model), 0),
        (("status", stems), 0), (("audit", library, stems), 1), (("models", "list"), 0),
        (("models", "show", NAME), 2), (("status", library), 2), (("doctor", "--help"), 0),
        (("evaluate", tiny_model.folder, library / NAME), 2),
    ):  # fmt: skip
        code, output = run_on(encoding, *arguments)
        assert code == ends, (arguments, output)
        assert "Traceback" not in output


def test_signs_become_plain_and_what_is_no_unicode_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="strict", write_through=True)
    monkeypatch.setattr(sys, "stdout", stream)
    make_streams_safe()
    assert stream.errors == HANDLER
    stream.write("3 × 4 → ⠋ bad\udcff.mp3")
    assert raw.getvalue() == b"3 x 4 -> * bad\\udcff.mp3"


MAIN = "from libsep.cli.app import main; main()"


def ended_unread(
    *arguments: object, unread: tuple[str, ...] = ("stdout",), code: str = MAIN
) -> "subprocess.CompletedProcess[bytes]":
    """Run a command without a reader of some of its streams; Python holds back what it prints."""
    read, written = os.pipe()
    os.close(read)
    streams = {name: written if name in unread else subprocess.PIPE for name in STREAMS}
    held_back = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    ended = subprocess.run(command, **streams, env=held_back, check=False)  # type: ignore[call-overload]
    os.close(written)
    return cast("subprocess.CompletedProcess[bytes]", ended)


@pytest.mark.parametrize(
    "arguments", [("--version",), ("--help",), ("models", "list"), ("models", "list", "--json")]
)
def test_a_command_whose_reader_has_gone_ends_without_a_word(arguments: tuple[str, ...]) -> None:
    ended = ended_unread(*arguments)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_an_error_is_told_although_nobody_reads_the_output() -> None:
    ended = ended_unread("status", "/none")
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"libsep:")


@pytest.mark.parametrize("unread", [("stderr",), STREAMS])
@pytest.mark.parametrize("arguments", [("status", "/none"), ("nonsense",)])
def test_an_error_that_nobody_reads_keeps_its_code(
    arguments: tuple[str, ...], unread: tuple[str, ...]
) -> None:
    assert ended_unread(*arguments, unread=unread).returncode == 2


def test_a_pipe_of_a_child_that_breaks_is_no_reader_that_has_gone() -> None:
    code = """
import os, typer
from libsep.cli.terminal import ending_with_the_reader
def talk() -> None:
    read, written = os.pipe()
    os.close(read)
    os.write(written, b"to a child")
with ending_with_the_reader():
    typer.run(talk)
"""
    ended = ended_unread(unread=(), code=code)
    assert ended.returncode == 1
    assert b"BrokenPipeError" in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="has no full disk to write to")
@pytest.mark.parametrize("arguments", [("--version",), ("models", "list")])
def test_output_that_cannot_be_written_is_an_error_in_one_line(arguments: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", MAIN, *arguments]
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 2
    assert ended.stderr == (b"libsep: standard output cannot be written: No space left on device\n")


def test_windows_calls_a_reader_that_has_gone_an_invalid_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.EINVAL, "Invalid argument")

    messages = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Gone())
        patch.setattr(sys, "stderr", messages)
        patch.setattr(sys, "platform", "win32")
        with pytest.raises(SystemExit) as ended:
            main(["--version"])
    assert (ended.value.code, messages.getvalue()) == (141, "")


@pytest.mark.slow
@pytest.mark.parametrize("unread", [("stderr",), STREAMS])
def test_work_goes_on_when_nobody_reads_about_it(
    unread: tuple[str, ...], library: Path, tiny_model: Model
) -> None:
    stem, files = library / f"{NAME}.stem.mp4", library / "files"
    song = library / f"{NAME}.flac"
    ended = ended_unread("convert", song, "--model", tiny_model.folder, unread=unread)
    assert (ended.returncode, verify_stems(stem).is_conformant) == (0, True)
    assert bool(ended.stdout) == ("stdout" not in unread)
    shutil.copy(stem, library / "second.stem.mp4")
    ended = ended_unread("extract", library, "-o", files, unread=unread)
    assert ended.returncode == 0
    assert len(list(files.rglob("*vocals.wav"))) == 2


@pytest.mark.slow
def test_commands_that_make_files_and_models_end_well_unread(
    library: Path, tiny_model: Model, tmp_path: Path
) -> None:
    song, stems = library / f"{NAME}.flac", tmp_path / "stems"
    ended = ended_unread("convert", song, "--model", tiny_model.folder, "-o", f"{stems}/")
    assert ended.returncode == 0
    ledger = Ledger(stems / FOLDER)
    ledger.begin("r1")
    ledger.append(Outcome(source=song.name, output=f"{NAME}.stem.mp4", status="done"))
    ledger.end()
    blend, second = tmp_path / "blend", tmp_path / "second"
    tiny = tiny_model.folder
    for arguments, made in (
        (("export", stems, "--to", "m3u"), stems / "stems.m3u8"),
        (("report", stems), stems / FOLDER / "report.html"),
        (
            (
                "inspect",
                shutil.copy(stems / f"{NAME}.stem.mp4", tmp_path / "a.stem.mp4"),
                "--plot",
                tmp_path / "a.png",
            ),
            tmp_path / "a.png",
        ),
        (("models", "blend", blend, tiny, tiny), blend / "model.yaml"),
        (("models", "exchange", second, blend, tiny), second / "model.yaml"),
    ):
        ended = ended_unread(*arguments)
        assert (ended.returncode, ended.stderr) == (0, b""), arguments
        assert made.exists(), arguments


@pytest.mark.slow
def test_an_evaluation_that_nobody_reads_ends_well_if_it_writes_files(
    songs_folder: Path, config_file: Path, tiny_model: Model, tmp_path: Path
) -> None:
    shutil.rmtree(songs_folder / "second")
    found = tmp_path / "found.json"
    arguments = ("evaluate", tiny_model.folder, songs_folder, "--config", config_file)
    assert ended_unread(*arguments, "--json", found).returncode == 0
    assert json.loads(found.read_text())["rows"]
    assert ended_unread(*arguments, "--json", "-").returncode == 141


@pytest.mark.parametrize("command", ["demo", "distil", "train", "models pull", "models chain"])
def test_a_command_that_works_for_long_lets_nobody_read(command: str) -> None:
    """The work itself is too long for a test: its first line is looked for."""
    module = importlib.import_module(f"libsep.cli.{command.split()[0]}")
    function = getattr(module, command.split()[-1])
    assert "go_on_unread()" in inspect.getsource(function)


@pytest.mark.ray
@pytest.mark.slow
def test_a_run_that_nobody_reads_about_ends_all_its_tracks(
    library: Path, config_file: Path
) -> None:
    stems = library.parent / "stems"
    ended = ended_unread("run", library, stems, "--config", config_file, unread=STREAMS)
    assert ended.returncode == 1, "a track is broken"
    assert (stems / f"{NAME}.stem.mp4").exists()
    assert {row.status for row in Ledger(stems / FOLDER).latest().values()} == {"done", "failed"}


def test_python_warnings_do_not_reach_the_terminal_unless_they_are_asked_for() -> None:
    code = (
        "import contextlib, logging, subprocess, sys, warnings\n"
        "from libsep.cli.app import main\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "warnings.warn('here')\n"
        "logging.getLogger('matplotlib').warning('a remark')\n"
        "logging.getLogger('matplotlib').error('a fault')\n"
        "subprocess.run([sys.executable, '-c', 'import warnings; warnings.warn(\"there\")'])\n"
    )
    environment = {name: each for name, each in os.environ.items() if name != "PYTHONWARNINGS"}
    for wanted, said in (({}, []), ({"PYTHONWARNINGS": "default"}, ["here", "there"])):
        done = subprocess.run(
            [sys.executable, "-c", code, "--version"],
            env=environment | wanted,
            capture_output=True,
            text=True,
            check=True,
        )
        assert [text for text in ("here", "there") if text in done.stderr] == said
        assert "a fault" in done.stderr
        assert "a remark" not in done.stderr
