"""Arguments that several commands share."""

from pathlib import Path

import pytest

from libsep.cli.options import within
from libsep.errors import ConfigError


def test_what_is_written_goes_into_a_folder_that_is_there_or_that_a_slash_names(
    tmp_path: Path,
) -> None:
    assert within(str(tmp_path), "a.png") == tmp_path / "a.png"
    assert within(f"{tmp_path}/missing/", "a.png") == tmp_path / "missing/a.png"
    assert within(f"{tmp_path}/b.png", "a.png") == tmp_path / "b.png"
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="file: expected a folder, found a file"):
        within(f"{tmp_path}/file/", "a.png")
