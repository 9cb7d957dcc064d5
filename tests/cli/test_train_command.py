"""Refusals of ``libsep train`` that come before any work."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.errors import ConfigError


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "settings.yaml").write_text("workers: 1")
    (tmp_path / "data").mkdir()
    settings, data, out = (str(tmp_path / name) for name in ("settings.yaml", "data", "run"))
    return ["train", settings, "--data", data, "--out", out]


@pytest.mark.parametrize("option", ["--model", "--about"])
def test_a_model_without_a_description_and_the_reverse_are_refused(
    arguments: list[str], option: str
) -> None:
    result = CliRunner().invoke(app, [*arguments, option, "x"])
    assert result.exit_code == 2
    assert "belong together" in result.output


def test_a_description_without_a_licence_is_refused_before_the_training(
    tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "about.yaml").write_text("name: mine")
    about = ["--model", str(tmp_path / "model"), "--about", str(tmp_path / "about.yaml")]
    result = CliRunner().invoke(app, [*arguments, *about])
    assert isinstance(result.exception, ConfigError)
    assert "about.yaml: licence: is missing" in str(result.exception)
    assert not (tmp_path / "run").exists()
