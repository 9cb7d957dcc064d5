"""``libsep run`` from store to store, as a user runs it: real server, real Ray, real kills."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from libsep.config import Config, load
from libsep.media.verify import verify_stems
from libsep.separation.registry import Model
from libsep.storage.ends import Ends

from ..conftest import tone
from ..processes import COMMAND, ended_here, wait_until
from .conftest import S3Server

pytestmark = [pytest.mark.ray, pytest.mark.slow]

LIBRARY, STEMS = "s3://bucket/music", "s3://bucket/stems #1"
NAMES = ("One.mp3", "a b/#2 50%.flac", "a b/三 größe.ogg", "deep/er/Four [live].m4a")
DEADLINE_S = 900.0


def stem_of(name: str) -> str:
    return f"stems #1/{name.rpartition('.')[0]}.stem.mp4"


@pytest.fixture
def library(s3: S3Server, encode: Callable[..., Path], rng: np.random.Generator) -> None:
    """Fill a library in the store with four good tracks and a bad one."""
    for name in NAMES:
        noise = 0.1 * rng.standard_normal((2, 2 * 44100))
        path = encode(f"source{Path(name).suffix}", (tone(330.0, 2.0) + noise).astype(np.float32))
        s3.put_file(f"music/{name}", path)
    s3.put("music/letter.mp3", b"Dear reader, this is no song.\n" * 40)


@pytest.fixture
def config_file(tmp_path: Path, tiny_model: Model, s3: S3Server) -> Path:
    values = {
        "separation": {"model": str(tiny_model.folder), "segment_s": 2.0, "overlap_s": 0.5},
        "routing": {"listen": False},  # another process, which these tests are not about
        "run": {"separators": 1, "tracks_in_flight": 2, "min_free_bytes": 0},
        "storage": {
            "scratch": str(tmp_path / "scratch"),
            "state": str(tmp_path / "state"),
            "attempts": 2,
        },
    }
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def environment(s3: S3Server) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return ours | {"AWS_ENDPOINT_URL": s3.endpoint}


def run(s3: S3Server, config: Path) -> Any:
    ended = subprocess.run(
        [*COMMAND, "run", LIBRARY, STEMS, "--config", str(config), "--json"],
        capture_output=True,
        text=True,
        timeout=1500,
        env=environment(s3),
    )
    assert ended.returncode in (0, 1), ended.stderr
    return json.loads(ended.stdout)


def test_a_run_from_store_to_store_is_killed_resumed_and_then_has_nothing_to_do(
    s3: S3Server,
    library: None,
    config_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    music = {key: s3.get(key) for key in s3.sizes("music")}
    killed = subprocess.Popen(
        [*COMMAND, "run", LIBRARY, STEMS, "--config", str(config_file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(s3),
    )
    try:
        stems = {stem_of(name) for name in NAMES}
        wait_until(lambda: stems & set(s3.sizes("stems")) or killed.poll() is not None)
    finally:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    rest = run(s3, config_file)
    assert rest["n_failed"] + rest["n_failed_before"] == 1
    again = run(s3, config_file)
    assert (again["n_up_to_date"], again["n_failed_before"]) == (len(NAMES), 1)
    verified = ended_here("verify", STEMS, "--config", config_file, "--json")
    assert verified.code == 0, verified.out
    assert {report["path"] for report in verified.json} == {f"s3://bucket/{key}" for key in stems}
    for key in stems:
        path = tmp_path / "back.stem.mp4"
        path.write_bytes(s3.get(key))
        assert verify_stems(path).is_conformant
    assert {key: s3.get(key) for key in s3.sizes("music")} == music, "inputs are never changed"

    shutil.rmtree(tmp_path / "state")
    status = ended_here("status", STEMS, "--json")
    assert status.code == 0, status.err
    assert status.json["n_converted"] == len(NAMES)
    ends = Ends.of(LIBRARY, STEMS, load(Config, config_file).storage)
    with ends.ledger("elsewhere") as ledger:
        assert set(ledger.latest()) == {*NAMES, "letter.mp3"}
    shutil.rmtree(tmp_path / "state")
    for key in s3.sizes("stems #1/.libsep"):
        s3.client.delete_object(Bucket="bucket", Key=key)
    with ends.ledger("rebuilt") as ledger:
        assert set(ledger.latest()) == set(NAMES)
    left = [path.name for path in (tmp_path / "scratch").iterdir() if path.name != "gate"]
    assert left == []
