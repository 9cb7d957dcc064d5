"""``libsep audit`` and its exit codes."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.ledger import FOLDER, Ledger
from libsep.track import Outcome


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "text.mp3").write_text("no song")
    return folder


def note_failure(library: Path, stems: Path) -> None:
    """Write the row of a track that failed."""
    status = (library / "text.mp3").stat()
    ledger = Ledger(stems / FOLDER)
    ledger.begin("first")
    ledger.append(
        Outcome(
            source="text.mp3",
            output="text.stem.mp4",
            status="failed",
            size_bytes=status.st_size,
            mtime_ns=status.st_mtime_ns,
        )
    )
    ledger.end()


def test_a_clean_folder_exits_0(library: Path, tmp_path: Path) -> None:
    note_failure(library, tmp_path / "stems")
    ended = CliRunner().invoke(app, ["audit", str(library), str(tmp_path / "stems")])
    assert ended.exit_code == 0
    assert "clean" in ended.output


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_is_lost_exits_1_and_is_named(
    library: Path, tmp_path: Path, options: list[str]
) -> None:
    note_failure(library, tmp_path / "stems")
    (library / "new [live].mp3").write_text("another")
    command = ["audit", str(library), str(tmp_path / "stems"), "--quick", *options]
    ended = CliRunner().invoke(app, command)
    assert ended.exit_code == 1
    assert "new [live].mp3" in ended.output
    if options:
        assert json.loads(ended.stdout)["is_clean"] is False
