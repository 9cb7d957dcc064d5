"""Every command ends well on a terminal that cannot show the names of the tracks."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.cli.app import main
from libsep.cli.terminal import HANDLER, make_streams_safe
from libsep.ledger import FOLDER, Ledger
from libsep.separation.registry import Model
from libsep.track import Outcome

NAME = "Größe 電 🎧"


@pytest.fixture
def run_on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Return a function that runs a command with streams of an encoding: its code and output."""

    def run(encoding: str, *arguments: object) -> tuple[int, str]:
        raw = io.BytesIO()
        stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict", write_through=True)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            patch.setattr(sys, "stderr", stream)
            with pytest.raises(SystemExit) as ended:
                main([str(argument) for argument in arguments])
        code = ended.value.code
        return int(code or 0), raw.getvalue().decode(encoding)

    return run


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
def test_no_command_fails_for_a_name(
    encoding: str, run_on: Callable[..., tuple[int, str]], library: Path, tiny_model: Model
) -> None:
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


@pytest.mark.parametrize(
    "arguments", [("--version",), ("--help",), ("models", "list"), ("models", "list", "--json")]
)
def test_a_command_whose_reader_has_gone_ends_without_a_word(arguments: tuple[str, ...]) -> None:
    read, written = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "from libsep.cli.app import main; main()", *arguments]
    ended = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, check=False)
    os.close(written)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_an_error_is_told_although_nobody_reads_the_output() -> None:
    read, written = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "from libsep.cli.app import main; main()", "status", "/none"]
    ended = subprocess.run(command, stdout=written, stderr=subprocess.PIPE, check=False)
    os.close(written)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"libsep:")
