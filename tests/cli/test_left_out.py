"""Nothing that a run leaves out of a library is silent: in no command, and in no later one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.errors import LedgerError

WORDS = ("download or copy that is not finished", "audio of a kind", "1 mid", "2 jpg")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str]:
    """Return a library without any track, and where its stem files would go."""
    library = tmp_path / "music"
    library.mkdir()
    for name in ("a.jpg", "b.jpg", "tune.mid", "a.mp3.part", "._x.mp3"):
        (library / name).write_bytes(b"x")
    return str(library), str(tmp_path / "stems")


@pytest.fixture
def told(folders: tuple[str, str]) -> Callable[..., str]:
    """Return a function that runs a command on the folders, and gives its standard output."""

    def run(command: str, *options: str) -> str:
        ends = folders[1:] if command == "status" else folders
        ended = CliRunner().invoke(app, [command, *ends, *options])
        assert ended.exit_code == 0, ended.output
        return ended.stdout

    return run


def test_every_command_tells_what_a_run_leaves_out(told: Callable[..., str]) -> None:
    commands = (("run", "--dry-run"), ("run",), ("status",), ("audit",))
    counts = {
        "of the system or of a program": {"._*": 1},
        "audio of a kind that is not converted": {"mid": 1},
        "download or copy that is not finished": {"part": 1},
        "no audio": {"jpg": 2},
    }
    for command in commands:
        assert all(word in " ".join(told(*command).split()) for word in WORDS), command
        found = json.loads(told(*command, "--json"))["left_out"]
        assert {each["reason"]: each["kinds"] for each in found} == counts, command
        assert [each["count"] for each in found] == [1, 1, 1, 2]
        assert found[-1]["examples"] == ["a.jpg", "b.jpg"]


def test_a_damaged_note_is_an_error_of_status_and_the_next_run_mends_it(
    told: Callable[..., str], folders: tuple[str, str]
) -> None:
    told("run")
    note = Path(folders[1], ".libsep", "left_out.json")
    note.write_text("[1]")
    with pytest.raises(LedgerError, match="the next run writes it again"):
        CliRunner().invoke(app, ["status", folders[1]], catch_exceptions=False)
    told("run")
    assert "tune.mid" in told("status", "--json")
