"""``libsep evaluate`` on two short songs, with processes of its own."""

import csv
import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from libsep.cli.app import app
from libsep.cli.evaluation_tables import tables
from libsep.config import SeparationConfig
from libsep.errors import ConfigError
from libsep.evaluation.evaluate import Plan
from libsep.evaluation.measures import MEASURES, Measures
from libsep.evaluation.report import Report
from libsep.evaluation.results import Row, SongResult
from libsep.evaluation.routing import RoutingLine
from libsep.separation.registry import Model


def evaluate(*arguments: object) -> Result:
    """Run the command to its end."""
    return CliRunner().invoke(
        app, ["evaluate", *map(str, arguments)], catch_exceptions=False, env={"COLUMNS": "80"}
    )


@pytest.mark.slow
def test_tables_files_and_routing(
    config_file: Path, songs_folder: Path, tiny_model: Model, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model.folder, tmp_path / "rock")
    values = yaml.safe_load(config_file.read_text())
    values["routing"] = {"models": {"rock": f"{tmp_path}/rock"}}
    config_file.write_text(yaml.safe_dump(values))
    (songs_folder / "genres.yaml").write_text("genres: {first: Metal}")
    out = tmp_path / "out"
    ended = evaluate(
        tiny_model.folder, songs_folder, "--config", config_file, "--routing",
        "--jobs", 2, "--out", out, "--json", tmp_path / "copy.json",
    )  # fmt: skip
    assert ended.exit_code == 0
    assert "routing by genre" in ended.stdout
    assert "  SAR  " not in ended.stdout
    assert "2/2" in ended.stderr
    values = json.loads((out / "results.json").read_text())
    assert values == json.loads((tmp_path / "copy.json").read_text())
    assert [song["genre"] for song in values["songs"]] == ["Metal", None]
    assert values["songs"][0]["routed_to"] == f"{tmp_path}/rock"
    assert '"Metal"' in values["songs"][0]["route_reason"]
    assert list(values["models"]) == ["tiny", f"{tmp_path}/rock"]
    assert values["models"]["tiny"]["sha256"] == tiny_model.sha256
    # The copy is the same network: routing gains nothing.
    assert [line["genre"] for line in values["routing"]] == ["rock", "generic", "all"]
    assert all(line["generic_db"] == line["routed_db"] for line in values["routing"])
    rows = list(csv.DictReader((out / "results.csv").read_text().splitlines()))
    assert len(rows) == len(values["rows"]) == 2 * 5 * 4
    assert float(rows[0]["usdr_db"]) == values["rows"][0]["usdr_db"]
    names = ["genres.png", "results.csv", "results.json", "routing.png", "targets.png"]
    assert sorted(path.name for path in out.iterdir()) == names


@pytest.mark.slow
def test_json_alone_goes_to_standard_output(
    config_file: Path, songs_folder: Path, tiny_model: Model
) -> None:
    shutil.rmtree(songs_folder / "second")
    for target in ("other", "vocals"):
        (songs_folder / "first" / f"{target}.wav").unlink()
    ended = evaluate(
        tiny_model.folder, songs_folder, "--config", config_file, "--json", "-",
        "--device", "cpu", "--bsseval",
    )  # fmt: skip
    assert ended.exit_code == 0
    values = json.loads(ended.stdout)
    assert values["separation"]["segment_s"] == 2.0
    assert values["separation"]["device"] == "cpu"
    assert {row["song"] for row in values["rows"]} == {"first"}
    sir_db = {row["model"]: row["sir_db"] for row in values["rows"] if row["target"] == "bass"}
    assert sir_db["ideal mask"] > 20 > sir_db["mixture/4"]
    assert values["n_silent"] == {"other": 1, "vocals": 1}


def test_results_replace_no_file_of_another_kind(tmp_path: Path, tiny_model: Model) -> None:
    (tmp_path / "song.wav").write_bytes(b"RIFF")
    with pytest.raises(ConfigError, match=r"song\.wav: exists, and is no such file"):
        evaluate(tiny_model.folder, tmp_path / "gone", "--json", tmp_path / "song.wav")


def test_a_dataset_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gone: not found, expected a folder of songs"):
        evaluate("generic", tmp_path / "gone")


def test_a_recording_without_its_sources_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "track.m4a").write_bytes(b"\0\0\0\x1cftypM4A \xff")
    with pytest.raises(ConfigError, match=r"track\.m4a: is one recording, expected songs: a"):
        evaluate("generic", tmp_path / "track.m4a")


def test_tables_name_what_was_left_out_and_hide_what_nobody_has() -> None:
    measures = dict.fromkeys(MEASURES, 1.25) | {"sir_db": None, "sar_db": None}
    rows = (
        Row(model="m", song="a [b]", genre=None, target="drums", measures=Measures(**measures)),
        Row(
            model="m",
            song="a [b]",
            genre=None,
            target="vocals",
            measures=Measures(leakage_db=-30.0, is_silent=True),
        ),
    )
    result = SongResult(song="a [b]", genre=None, duration_s=1.0, rows=rows)
    line = RoutingLine(
        genre="rock", n_songs=1, routed_to=("m", "n"), generic_db=1.0, routed_db=3.5,
        oracle_db=4.0, oracle_models={"n": 1},
    )  # fmt: skip
    plan = Plan(models={}, separation=SeparationConfig())
    by_target, by_song, ratios, sound, routing = tables(
        Report(plan=plan, results=[result], routing=[line])
    )
    assert by_target.caption == "silent, so not scored: vocals in 1 song"
    assert [list(column.cells) for column in by_target.columns][1] == ["1.25"]
    assert list(by_song.columns[0].cells) == ["a \\[b]"]
    heads = [column.header for column in ratios.columns]
    assert heads == ["model", "target", "uSDR", "median", "cSDR", "SI-SDR", "leakage", "songs"]
    assert [list(column.cells) for column in ratios.columns][6] == ["1.25", "-30.00", "-14.38"]
    assert "sharp-\nness" in [column.header for column in sound.columns]
    assert [next(iter(column.cells)) for column in routing.columns] == [
        "rock", "1", "m, n", "1.00", "3.50", "+2.50", "4.00", "n 1 ×",
    ]  # fmt: skip
