import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from libsep.config import SeparationConfig
from libsep.errors import ConfigError, ModelError
from libsep.evaluation.baselines import BASELINES
from libsep.evaluation.evaluate import Plan, evaluate, evaluate_song, gather_songs, plan_models
from libsep.evaluation.report import Report
from libsep.evaluation.results import SongResult
from libsep.separation.registry import Model, read_model
from libsep.track import TARGETS

from ..conftest import tone, write_songs, write_wave

SEPARATION = SeparationConfig(device="cpu", precision="float32", segment_s=2.0, overlap_s=0.5)


@pytest.fixture
def songs_folder(tmp_path: Path) -> Path:
    """Return a folder of two songs, as short as all measures can be taken of."""
    return write_songs(tmp_path / "songs", 1.5)


@pytest.fixture
def plan(tiny_model: Model) -> Plan:
    return Plan(models=plan_models([tiny_model]), separation=SEPARATION)


class Deadly:
    """What ends the process that it is sent to."""

    def __call__(self, *signals: Any) -> dict[str, tuple[float, float]]:
        return {}

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return os._exit, (3,)


def test_a_song_is_measured_with_every_model_and_baseline(songs_folder: Path, plan: Plan) -> None:
    (files, _) = gather_songs([songs_folder])
    result = evaluate_song(dataclasses.replace(files, genre="rock"), plan)
    assert (result.song, result.genre, result.duration_s) == ("first", "rock", 1.5)
    assert [(row.model, row.target) for row in result.rows] == [
        (model, target) for model in ("tiny", *BASELINES) for target in TARGETS
    ]
    usdr = {(row.model, row.target): row.measures.usdr_db or 0.0 for row in result.rows}
    assert usdr["ideal mask", "other"] > 30 > usdr["mixture/4", "other"] > usdr["tiny", "other"]
    assert result.warnings == ()


@pytest.mark.slow
def test_the_number_of_processes_changes_nothing(songs_folder: Path, plan: Plan) -> None:
    songs = gather_songs([songs_folder])
    here = [evaluate_song(song, plan) for song in songs]
    seen: list[SongResult] = []
    assert evaluate(songs, plan, n_jobs=2, on_song=seen.append) == here
    assert sorted(result.song for result in seen) == ["first", "second"]
    assert (
        json.loads(Report(plan=plan, results=here).as_json_text())["songs"][1]["song"] == "second"
    )


def test_an_error_in_a_process_stops_the_evaluation(songs_folder: Path, plan: Plan) -> None:
    songs = gather_songs([songs_folder])
    (songs_folder / "first" / "bass.wav").unlink()
    with pytest.raises(ConfigError, match=r"bass\.wav: training material cannot be read"):
        evaluate(songs, plan, n_jobs=1, on_song=lambda result: None)


def test_a_process_that_dies_stops_the_evaluation(songs_folder: Path, plan: Plan) -> None:
    deadly = dataclasses.replace(plan, bss_eval=Deadly())
    before = dict(os.environ)
    with pytest.raises(ConfigError, match=r"a process of the evaluation died: .*fewer --jobs"):
        evaluate(gather_songs([songs_folder]), deadly, n_jobs=1, on_song=lambda result: None)
    assert dict(os.environ) == before


def test_a_mixture_of_another_recording_is_told(tmp_path: Path, plan: Plan) -> None:
    for index, name in enumerate(("mixture", *TARGETS)):
        write_wave(tmp_path / "song" / f"{name}.wav", tone(200 + 300 * index, 1.5))
    (files,) = gather_songs([tmp_path])
    (warning,) = evaluate_song(files, dataclasses.replace(plan, models={})).warnings
    assert warning.startswith("song: its mixture is not the sum of its sources (7.0 dB remain)")


def test_songs_of_several_datasets_keep_names_of_their_own(songs_folder: Path) -> None:
    names = [song.name for song in gather_songs([songs_folder, songs_folder, songs_folder])]
    assert names == [
        "first", "second", "songs/first", "songs/second", "first (2)", "second (2)",
    ]  # fmt: skip


def test_a_dataset_without_songs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no songs \(expected folders with drums, bass"):
        gather_songs([tmp_path])


def test_a_song_that_is_not_whole_is_refused_before_the_work(songs_folder: Path) -> None:
    write_wave(songs_folder / "second" / "bass.wav", tone(99, 1.0))
    with pytest.raises(ConfigError, match=r"song second: .*bass\.wav.* 1\.00 s long"):
        gather_songs([songs_folder])


def test_models_of_one_name_are_told_apart_by_their_folders(
    tiny_model: Model, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model.folder, tmp_path / "copy")
    copy = read_model(tmp_path / "copy")
    plan = Plan(models=plan_models([tiny_model, tiny_model, copy]), separation=SEPARATION)
    assert list(plan.models) == ["tiny", str(tmp_path / "copy")]
    assert plan.name_of(copy) == str(tmp_path / "copy")
    assert plan.name_of(tiny_model) == "tiny"


def test_a_model_of_another_sample_rate_is_refused(tiny_model: Model) -> None:
    with pytest.raises(ConfigError, match="model tiny: works at 48000 Hz, expected 44100 Hz"):
        plan_models([tiny_model.model_copy(update={"sample_rate": 48000})])


def test_a_damaged_model_is_named(songs_folder: Path, tiny_model: Model, tmp_path: Path) -> None:
    shutil.copytree(tiny_model.folder, tmp_path / "bad")
    (tmp_path / "bad" / "model.safetensors").write_bytes(b"")
    plan = Plan(models=plan_models([read_model(tmp_path / "bad")]), separation=SEPARATION)
    with pytest.raises(ModelError, match=r"bad/model\.safetensors: sha256 is"):
        evaluate_song(gather_songs([songs_folder])[0], plan)


def is_running(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_no_process_outlives_its_parent(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "from libsep.evaluation.evaluate import _processes\n"
        "if __name__ == '__main__':\n"
        "    with _processes(1) as pool:\n"
        "        print(pool.submit(os.getpid).result(), flush=True)\n"
        "        os._exit(9)\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    deadline = time.monotonic() + 300
    while is_running(int(done.stdout)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running(int(done.stdout))
