"""``libsep train`` with ``kind: genre``."""

from pathlib import Path

import pytest
from mutagen.flac import FLAC
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.genre.description import find_classifier

from ..conftest import KEEPER, Encode, Programs, tone


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "genre.yaml"
    path.write_text("{kind: genre, min_artists: 2, n_folds: 2, n_steps: 1, n_batch: 2}")
    return path


@pytest.fixture
def library(tmp_path: Path, encode: Encode) -> Path:
    (tmp_path / "music").mkdir()
    for number in range(4):
        path = encode(f"music/{number}.flac", tone(300 + 100 * number, 1.0))
        tags = FLAC(path)
        tags["genre"] = ("House", "Jazz")[number % 2]
        tags["artist"] = f"Somebody {number}"
        tags.save()
    return tmp_path / "music"


def test_one_command_makes_a_classifier_from_a_library(
    tmp_path: Path, settings: Path, library: Path, programs: Programs
) -> None:
    called = programs(KEEPER, "exec cat")
    code, printed, told = run("train", settings, "--data", library, "-o", tmp_path / "run")
    assert code == 0
    assert called.exists(), "the machine may sleep"
    assert printed.strip() == str(tmp_path / "run" / "model")
    assert "4 tracks whose genre is told (electronic: 2 by 2 artists, jazz: 2 by 2" in told
    assert find_classifier(tmp_path / "run" / "model").name == "genre-classifier"
    about = tmp_path / "about.yaml"
    about.write_text("{name: ours, licence: CC0-1.0, data: [four tones]}")
    settings.write_text(settings.read_text()[:-1] + f", library: {library}}}")
    folder = tmp_path / "ours"
    code, *_ = run(
        "train", settings, "-o", tmp_path / "run", "--model", folder, "--about", about
    )  # fmt: skip
    assert code == 0
    assert find_classifier(folder).licence == "CC0-1.0"
    assert "* four tones" in (folder / "README.md").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "expected one library"),
        (["--data", "a", "--data", "b"], "found 2"),
        (["--data", "a", "--from", "generic"], "--from: for separators only"),
    ],
)
def test_wrong_options_are_refused(
    tmp_path: Path, settings: Path, options: list[str], message: str
) -> None:
    code, _, told = run("train", settings, "-o", tmp_path / "run", *options)
    assert code == 2
    assert message in " ".join(told.replace("│", "").split())


@pytest.mark.parametrize("option", ["--from", "--model", "--about"])
def test_a_search_for_passages_takes_no_options_of_separators(tmp_path: Path, option: str) -> None:
    (tmp_path / "a.yaml").write_text("kind: presence")
    options = ("--data", tmp_path, option, tmp_path / "a.yaml")
    code, _, told = run("train", tmp_path / "a.yaml", "-o", tmp_path / "run", *options)
    assert code == 2
    assert f"{option}: for separators only" in " ".join(told.replace("│", "").split())


def test_a_separator_needs_data(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("seed: 1")
    code, _, told = run("train", tmp_path / "a.yaml", "-o", tmp_path / "run")
    assert code == 2
    assert "--data" in told
