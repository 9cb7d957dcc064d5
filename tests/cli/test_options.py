"""Arguments that several commands share, and where they are told from."""

import subprocess
from pathlib import Path

import pytest

from libsep.cli.options import within
from libsep.errors import ConfigError

from ..processes import COMMAND


def test_what_is_written_goes_into_a_folder_that_is_there_or_that_a_slash_names(
    tmp_path: Path,
) -> None:
    assert within(str(tmp_path), "a.png") == tmp_path / "a.png"
    assert within(f"{tmp_path}/missing/", "a.png") == tmp_path / "missing/a.png"
    assert within(f"{tmp_path}/b.png", "a.png") == tmp_path / "b.png"
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file: expected a folder, found a file"):
        within(f"{tmp_path}/file/", "a.png")


@pytest.mark.parametrize("command", [["run"], ["convert"]])
def test_a_current_folder_that_is_gone_is_told_in_one_line(
    tmp_path: Path, command: list[str]
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    script = 'rmdir "$1" && shift && exec "$@"'
    ended = subprocess.run(
        ["sh", "-c", script, "sh", folder, *COMMAND, *command, tmp_path, tmp_path / "stems"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 2
    assert ended.stderr == "libsep: the current folder is gone: change to another one (cd)\n"
    assert not (tmp_path / "stems").exists()
