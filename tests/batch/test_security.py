"""Who gets in: clusters with and without a token, and the file that holds it."""

import colorsys
import dataclasses
import json
import os
import secrets
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from libsep.batch.cluster.security import prepare_access, tighten
from libsep.batch.environment import VARIABLES
from libsep.errors import ClusterError

pytestmark = [pytest.mark.ray, pytest.mark.slow]

HEAD = """
import sys
from ray.cluster_utils import Cluster
options = {"num_cpus": 1, "include_dashboard": False, "object_store_memory": 80_000_000}
for attempt in range(5):
    cluster = Cluster()
    try:
        cluster.add_node(**options, include_log_monitor=False, no_monitor=True)
        break
    except Exception:  # a slow machine misses the 30 s that Ray grants
        cluster.shutdown()
print(cluster.address, flush=True)
sys.stdin.read()
cluster.shutdown()
"""
"""A cluster that lives until its standard input ends, as when this process dies."""

CONNECT = """
import json, os, sys
from libsep.batch.cluster.connection import cluster_or_embedded_ray
from libsep.errors import ClusterError
import ray
is_insecure = sys.argv[1] == "insecure"
try:
    with cluster_or_embedded_ray(n_cpus=1, object_store_bytes=1, is_insecure=is_insecure):
        task = ray.remote(num_cpus=0)(lambda: __import__("colorsys").__file__)
        print(json.dumps({"imported": ray.get(task.remote()), "mode": os.environ["RAY_AUTH_MODE"]}))
except ClusterError as exc:
    print(json.dumps({"refused": str(exc)}))
"""
"""A driver: connects to the cluster that the environment names, and lets it import something."""

TRAP = "raise SystemExit('ran a program from the library')"
"""A module that nobody must import."""

Connect = Callable[..., dict[str, object]]


def environment(home: Path, **variables: str) -> dict[str, str]:
    """Return an environment in which Ray finds no other token than the given ones."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    # Patience, and listening on loopback only, as for the embedded Ray.
    patience = {name: text for name, text in VARIABLES.items() if name != "RAY_AUTH_MODE"}
    niceness = {"RAY_worker_niceness": "0"}  # as for all tests
    return {**kept, **patience, **niceness, "HOME": str(home), **variables}


@dataclasses.dataclass
class Head:
    """A cluster of one node: where it listens, and the token that it asks for, if any."""

    address: str
    token: str


@pytest.fixture(scope="module", params=["token", "open"])
def head(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Head]:
    token = secrets.token_hex(32) if request.param == "token" else ""
    mode = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token} if token else {}
    process = subprocess.Popen(
        [sys.executable, "-c", HEAD],
        env=environment(tmp_path_factory.mktemp("home"), **mode),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        lines = iter(process.stdout.readline, "")
        yield Head(next(line.strip() for line in lines if line[:1].isdigit()), token)
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


@pytest.fixture
def connect(head: Head, tmp_path: Path) -> Connect:
    """Return a function that runs a driver at the head, with these variables and no others.

    It runs where the music lies, with a module among it that would hide one of Python's own.
    """
    music = tmp_path / "music"
    music.mkdir()
    for module in ("colorsys", "secrets"):  # a worker's, and one of the program that knocks
        (music / f"{module}.py").write_text(TRAP)
    (tmp_path / "driver.py").write_text(CONNECT)

    def run_driver(trust: str = "", **variables: str) -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, tmp_path / "driver.py", trust],
            env=environment(tmp_path, RAY_ADDRESS=head.address, **variables),
            cwd=music,
            capture_output=True,
            text=True,
            check=True,
        )
        answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
        return answer

    return run_driver


def token_file(folder: Path, token: str) -> Path:
    """Write a token where Ray looks by itself, as Ray does: readable for all."""
    path = folder / ".ray" / "auth_token"
    path.parent.mkdir()
    path.write_text(token)
    path.chmod(0o644)
    return path


@pytest.mark.parametrize("head", ["open"], indirect=True)
def test_a_cluster_that_lets_in_strangers_is_refused_unless_insecure(connect: Connect) -> None:
    refused = str(connect()["refused"])
    assert "asks for no token" in refused
    assert "--insecure" in refused
    assert connect("insecure") == {"imported": colorsys.__file__, "mode": "disabled"}


@pytest.mark.parametrize("head", ["token"], indirect=True)
def test_a_cluster_with_a_token_opens_to_that_token_only(
    head: Head, connect: Connect, tmp_path: Path
) -> None:
    without = connect()
    assert "expected it in RAY_AUTH_TOKEN" in str(without["refused"])
    path = token_file(tmp_path, head.token)
    assert connect() == {"imported": colorsys.__file__, "mode": "token"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("head", ["token"], indirect=True)
def test_a_mode_that_would_switch_the_token_off_is_overridden(head: Head, connect: Connect) -> None:
    found = connect(RAY_AUTH_TOKEN=head.token, RAY_AUTH_MODE="disabled")
    assert found == {"imported": colorsys.__file__, "mode": "token"}


@pytest.mark.parametrize("head", ["token"], indirect=True)
def test_a_cluster_does_not_open_to_another_token(head: Head, connect: Connect) -> None:
    assert "does not open" in str(connect(RAY_AUTH_TOKEN=secrets.token_hex(32))["refused"])


def test_where_nobody_listens_there_is_no_cluster() -> None:
    with socket.socket() as bound:  # so that nobody else gets the port
        bound.bind(("127.0.0.1", 0))
        with pytest.raises(ClusterError, match="no Ray cluster answers"):
            prepare_access(f"127.0.0.1:{bound.getsockname()[1]}")
    with pytest.raises(ClusterError, match="use ray job submit"):
        prepare_access("ray://127.0.0.1:10001")


def test_a_token_file_is_taken_from_everybody_but_its_owner(tmp_path: Path) -> None:
    path = token_file(tmp_path, "secret")
    tighten(path)
    tighten(path)  # there is nothing left to do
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    tighten(tmp_path / "nothing")  # somebody else's business: the cluster says that no token came


def test_an_address_that_is_set_to_nothing_names_no_cluster(tmp_path: Path) -> None:
    code = (
        "import os, libsep.batch.environment as e;"
        "print(os.environ['RAY_AUTH_MODE'], e.generated_token)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment(tmp_path), "RAY_ADDRESS": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    mode, token = done.stdout.split()
    assert (mode, len(token)) == ("token", 64)


EMBEDDED = """
import contextlib, glob, json, os
from libsep.batch.cluster.connection import embedded_ray  # before Ray
import ray

def children(pid):
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError):  # it has just ended
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children") as file:
                    found += map(int, file.read().split())
    return found

with embedded_ray(n_track_slots=1, object_store_bytes=100_000_000, n_gpus=0):
    look = ray.remote(lambda: __import__("colorsys").__file__)
    imported = ray.get(look.remote())
    commands, inodes = [], set()
    for pid in children(os.getpid()):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                commands.append(file.read().decode(errors="replace"))
            for entry in os.scandir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    inodes.add(os.readlink(entry.path))
    listening = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}") as file:
            fields = [line.split() for line in file.readlines()[1:]]
        listening += [f[1] for f in fields if f[3] == "0A" and f"socket:[{f[9]}]" in inodes]
    (folder,) = glob.glob(f"/tmp/libsep-ray-{os.getpid()}-*")
    written = [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]
    token = os.environ["RAY_AUTH_TOKEN"].encode()
    told = [path for path in written if os.path.isfile(path) and token in open(path, "rb").read()]
    mode = os.stat(folder).st_mode & 0o777
print(json.dumps({"imported": imported, "commands": commands, "listening": listening,
                  "n_written": len(written), "told": told, "mode": mode}))
"""
"""A driver that says what its embedded Ray shows to other users of the machine."""


def test_a_ray_that_was_imported_before_its_environment_was_set_does_not_start() -> None:
    script = (
        "import ray; from libsep.batch.cluster.connection import embedded_ray\n"
        "with embedded_ray(n_track_slots=1, object_store_bytes=100_000_000): pass"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1
    assert "import that first" in ended.stderr.splitlines()[-1]


def test_the_embedded_ray_shows_nothing_to_others(tmp_path: Path) -> None:
    """Run it where the music lies, with a module among it that a worker would have to import."""
    music = tmp_path / "music"
    music.mkdir()
    (music / "colorsys.py").write_text(TRAP)
    (tmp_path / "driver.py").write_text(EMBEDDED)
    token = secrets.token_hex(32)
    done = subprocess.run(
        [sys.executable, tmp_path / "driver.py"],
        env=environment(tmp_path, RAY_AUTH_TOKEN=token),
        cwd=music,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    assert found["imported"] == colorsys.__file__
    assert len(found["commands"]) > 3  # Ray's programs, which `ps` shows to everybody
    assert not any(token in command for command in found["commands"])
    loopback = socket.inet_aton("127.0.0.1")[::-1].hex().upper()
    assert found["listening"]
    assert {address.rpartition(":")[0][-8:] for address in found["listening"]} == {loopback}
    assert found["n_written"] > 3  # Ray's logs
    assert found["told"] == []
    assert found["mode"] == 0o700
    assert not (tmp_path / ".ray").exists()


@pytest.mark.parametrize("head", ["token"], indirect=True)
def test_the_doctor_shows_what_differs_on_a_cluster(head: Head, tmp_path: Path) -> None:
    """The driver finds another ffmpeg than the cluster's node does."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho ffmpeg version 3.4 Copyright\n")
    program.chmod(0o755)
    doctor = Path(sys.executable).with_name("libsep")
    done = subprocess.run(
        [doctor, "doctor", "--address", head.address],
        env=environment(
            tmp_path, RAY_AUTH_TOKEN=head.token, LIBSEP_FFMPEG=str(program), COLUMNS="200"
        ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "1 of 2 machines cannot take part" in done.stdout
    (row,) = [line for line in done.stdout.splitlines() if "│ ffmpeg │" in line]
    assert row.split("│")[4].strip() == "ffmpeg version 3.4"
