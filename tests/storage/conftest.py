"""A real S3 server on loopback, in a process of its own, and what lies in it."""

import dataclasses
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config as ClientConfig

from libsep.config import StorageConfig
from libsep.storage.places import RemoteFolder
from libsep.storage.store import Store

BUCKET = "bucket"

SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=int(sys.argv[1]), verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@dataclasses.dataclass
class S3Server:
    """A server, and a client that is not pyarrow's."""

    process: "subprocess.Popen[str]"
    port: int

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @functools.cached_property
    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            config=ClientConfig(read_timeout=600, retries={"max_attempts": 5}),
        )

    def put(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=content)

    def put_file(self, key: str, path: Path) -> None:
        self.put(key, path.read_bytes())

    def get(self, key: str) -> bytes:
        body: bytes = self.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """Return the sizes of all objects but the markers of folders."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        found = (each for page in pages for each in page.get("Contents", []))
        return {each["Key"]: each["Size"] for each in found if not each["Key"].endswith("/")}

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


def start_server(port: int = 0) -> S3Server:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    server = S3Server(process, int(process.stdout.readline()))
    server.client.create_bucket(Bucket=BUCKET)
    return server


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let pyarrow find credentials where it looks for them, and nothing of this machine's."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let failing requests be tried as often as it is configured, without pauses in between."""
    monkeypatch.setattr("libsep.storage.connection.SDK_ATTEMPTS", 1)
    monkeypatch.setattr("libsep.storage.store.FIRST_PAUSE_S", 0.01)


@pytest.fixture(scope="session")
def shared_server() -> Iterator[S3Server]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing-secret")
        server = start_server()
    yield server
    server.stop()


@pytest.fixture
def s3(shared_server: S3Server) -> Iterator[S3Server]:
    """Return a running server with one empty bucket."""
    yield shared_server
    for key in shared_server.sizes():
        shared_server.client.delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture
def storage(s3: S3Server, tmp_path: Path) -> Iterator[StorageConfig]:
    """Return how the server is reached; the test must leave no scratch behind."""
    config = StorageConfig(
        endpoint=s3.endpoint,
        scratch=tmp_path / "scratch",
        state=tmp_path / "state",
        attempts=2,
        n_readers=4,
    )
    yield config
    left = [path.name for path in (tmp_path / "scratch").glob("*") if path.name != "gate"]
    assert left == []


@pytest.fixture
def store_of(storage: StorageConfig) -> Callable[[str], Store]:
    """Return a function that opens a folder of the bucket."""
    return lambda prefix: Store(RemoteFolder("s3", BUCKET, prefix), storage)
