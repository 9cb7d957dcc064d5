"""Training by Ray Train with two real workers, one of which is killed."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
import torch
import yaml

from libsep.batch.cluster.connection import embedded_ray
from libsep.batch.training import train_on_cluster
from libsep.config import TrainingConfig
from libsep.errors import ConfigError, LedgerError
from libsep.ledger.lock import RunLock
from libsep.separation.registry import read_model
from libsep.training.job import CHECKPOINT, Job
from libsep.training.local import train

pytestmark = [
    pytest.mark.ray,
    pytest.mark.slow,
    # Ray Train sets up Ray Data, which warns of an option of its own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray.data.context"),
]

N_STEPS = 8
"""So many that a worker can be killed before the last, however fast the machine is."""

SETTINGS = {
    "workers": 2,
    "precision": "float32",
    "log_interval": 1,
    "checkpoint_interval_s": 0.01,
    "validation_interval_s": 3600,
    "network": {"size": "XS"},
    "material": {"segment_s": 0.5, "n_renders": 0},
    "optimiser": {"n_steps": N_STEPS, "n_batch": 1, "n_warmup_steps": 0},
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TRAIN_HEALTH_CHECK_INTERVAL_S", "0.2")
        patch.setenv("RAY_TRAIN_ENABLE_PREEMPTION_WATCHER", "0")  # one process less
        with embedded_ray(n_track_slots=2, object_store_bytes=80_000_000, n_gpus=0):
            yield


def job_in(folder: Path, songs: Path, **changes: object) -> Job:
    config = TrainingConfig.model_validate(SETTINGS | changes)
    return Job(config, (songs,), (songs,), folder / "run", folder / "cache")


def curve(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def train_workers() -> list[int]:
    """Return the processes of Ray's training workers below this one."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes()
            pid = int(folder.name)
            if b"RayTrainWorker" in title:
                ancestors = [pid]
                while ancestors[-1] > 1:
                    ancestors.append(parent_of(ancestors[-1]))
                if os.getpid() in ancestors:
                    found.append(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def kill_a_worker_after_a_checkpoint(storage: Path, killed: list[int]) -> None:
    while not list(storage.glob(f"run/checkpoint_*/{CHECKPOINT}")):
        time.sleep(0.02)
    while not (workers := train_workers()):
        time.sleep(0.02)
    killed.append(max(workers))
    os.kill(killed[0], signal.SIGKILL)


def test_a_killed_worker_changes_neither_the_losses_nor_the_weights(
    cluster: None, tmp_path: Path, songs_folder: Path
) -> None:
    expected = job_in(tmp_path / "local", songs_folder)
    train(expected)
    job = job_in(tmp_path / "ray", songs_folder)
    killed: list[int] = []
    storage = tmp_path / "storage"
    killer = threading.Thread(
        target=kill_a_worker_after_a_checkpoint, args=(storage, killed), daemon=True
    )
    killer.start()
    last = train_on_cluster(job, str(storage), "run", min_workers=2)
    assert killed, "the training was over before a worker could be killed"
    with last.as_directory() as folder:
        lines, wanted = curve(Path(folder)), curve(expected.out)
        assert [line["step"] for line in lines] == [*range(1, N_STEPS + 1), N_STEPS]
        assert [line.get("loss") for line in lines] == [line.get("loss") for line in wanted]
        assert lines[-1]["sdr_db_by_song"] == wanted[-1]["sdr_db_by_song"]
        found = torch.load(Path(folder, CHECKPOINT), weights_only=True)
    weights = torch.load(expected.out / CHECKPOINT, weights_only=True)
    assert found["step"] == N_STEPS
    for part in ("network", "average"):
        for name, value in weights[part].items():
            assert torch.equal(found[part][name], value), name


def test_a_second_training_in_the_same_storage_is_refused(
    cluster: None, tmp_path: Path, songs_folder: Path
) -> None:
    job = job_in(tmp_path, songs_folder)
    with (
        RunLock(tmp_path / "storage" / "run", run="other"),
        pytest.raises(LedgerError, match="in use by run other"),
    ):
        train_on_cluster(job, str(tmp_path / "storage"), "run", min_workers=2)


def test_an_error_of_a_worker_is_not_tried_again_and_keeps_its_message(
    cluster: None, tmp_path: Path, songs_folder: Path
) -> None:
    for target in ("drums", "bass"):
        (tmp_path / "bad" / "song").mkdir(parents=True, exist_ok=True)
        (tmp_path / "bad" / "song" / f"{target}.wav").write_bytes(b"nothing")
    job = job_in(tmp_path, songs_folder, workers=1)
    job = dataclasses.replace(job, validation=(tmp_path / "bad",))
    with pytest.raises(ConfigError, match=r"drums\.wav: training material cannot be decoded"):
        train_on_cluster(job, str(tmp_path / "storage"), "run", min_workers=1)


def test_the_job_connects_to_the_cluster_stores_at_a_uri_and_writes_a_model(
    cluster: None, tmp_path: Path, songs_folder: Path
) -> None:
    settings = SETTINGS | {"workers": 1, "optimiser": {"n_steps": 2, "n_batch": 1}}
    (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "about.yaml").write_text("{name: mine, licence: MIT}")
    options = {
        "data": songs_folder,
        "validation": songs_folder,
        "cache": tmp_path / "cache",
        "model": tmp_path / "model",
        "about": tmp_path / "about.yaml",
    }
    script = Path(__file__).parents[2] / "ray_jobs" / "train_separator.py"
    storage = (tmp_path / "storage").as_uri()
    command = [sys.executable, script, tmp_path / "settings.yaml", storage, "run"]
    command += [f"--{name}={value}" for name, value in options.items()]
    address = ray.get_runtime_context().gcs_address
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"RAY_ADDRESS": address}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(tmp_path / "model")
    assert read_model(tmp_path / "model").name == "mine"
    assert (tmp_path / "model" / "curve.csv").is_file()
    assert ray.is_initialized(), "the cluster of the others runs on"
