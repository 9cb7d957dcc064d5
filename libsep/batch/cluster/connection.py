"""Start and stop the Ray that is embedded in a run, or connect to a cluster."""

import contextlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import ray
import ray._private.worker as ray_worker
from ray._private.node import Node
from ray.job_config import JobConfig

from libsep.batch import environment
from libsep.batch.cluster.nodes import CORES
from libsep.batch.cluster.reaper import END_S, reaped
from libsep.batch.cluster.security import prepare_access
from libsep.errors import ClusterError, ConfigError, StemsError, reason_of
from libsep.ledger.holder import is_alive
from libsep.machine import n_cores, temporary_folder, temporary_root
from libsep.media.atomic import NOBODYS_S, write_text

logger = logging.getLogger(__name__)

PREFIX = "libsep-ray-"
"""How the names of Ray's folders begin; the number of the run's process follows."""

NUMBERS = "numbers"
"""File in such a folder that says among which processes that number counts."""

HELPERS = ("start_monitor", "start_log_monitor", "start_api_server", "start_reaper_process")
"""Methods of Ray's `Node` that start what embedded Ray has no use for: the autoscaler, the reader
of logs, and the server of the dashboard, which is off. They take 2.7 CPU seconds and 160 MB. The
last one is for Macs, which have `reaped`."""

LOOPBACK = "127.0.0.1"
"""Address of embedded Ray."""

LOOPBACK_S = 10.0
"""How long a connection may take there on a busy machine."""

MOST_STORE_BYTES_OF_A_MAC = 2**31
"""Ray does not start on a Mac with more."""

START_ATTEMPTS = 4
"""A slow machine can miss the 30 s in which Ray's raylet must answer; a second start is warm."""


@contextlib.contextmanager
def embedded_ray(
    *, n_track_slots: int, object_store_bytes: int, n_gpus: int | None = None
) -> Iterator[None]:
    """Run Ray on this machine for the length of the block, without a byte on the terminal.

    Parameters
    ----------
    n_track_slots
        How many track tasks may run at once; Ray calls them CPUs.
    object_store_bytes
        Shared memory for the blocks that travel between track tasks and separators.
    n_gpus
        GPUs that separators may use; Ray counts them itself if this is None.

    Raises
    ------
    ValueError
        Ray runs in this process already, or was imported before `libsep.batch`.
    ClusterError
        Ray does not start.
    ConfigError
        There is no folder for its files, or it is full.
    """
    if ray.is_initialized():
        raise ValueError("Ray runs in this process already")
    if environment.is_too_late:  # it would listen to the network, and not know its own token
        raise ValueError("Ray was imported before libsep.batch: import that first")
    _expect_loopback()
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    # Paths of Ray's sockets must stay under 107 bytes, so its folder lies directly in /tmp.
    parent = _short_temporary_folder()
    _remove_folders_of_the_dead(parent)
    with temporary_folder(f"{PREFIX}{os.getpid()}-", parent) as folder, reaped(folder):
        _sign(folder)
        try:
            # Ray opens its own folder to everybody, sockets and all; the one above it stays ours.
            _start(n_track_slots, object_store_bytes, n_gpus, folder / "r")
            yield
        finally:
            processes = _processes()
            ray.shutdown()
            for process in processes:  # Ray waits a second for each, which may be too short
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(END_S)


def _expect_loopback() -> None:
    """Do nothing if a process of this machine reaches another one at `LOOPBACK`.

    Raises
    ------
    ClusterError
        It does not. Ray would try for minutes, and not say so.
    """
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            socket.create_connection(server.getsockname(), LOOPBACK_S).close()
    except OSError as exc:
        raise ClusterError(
            f"no connection at {LOOPBACK}, at which Ray's processes talk to each other: "
            f"{reason_of(exc)} (is the loopback interface up? does a firewall close it?)"
        ) from exc


def _processes() -> "list[subprocess.Popen[bytes]]":
    """Return the processes that this one has started for Ray."""
    node = ray_worker._global_node
    started = node.all_processes.values() if node is not None else ()
    return [info.process for infos in started for info in infos]


def is_cluster_named() -> bool:
    """Return whether ``RAY_ADDRESS`` names a cluster; ``ray job submit`` and ``--address`` do."""
    return bool(os.environ.get("RAY_ADDRESS"))


@contextlib.contextmanager
def cluster_or_embedded_ray(
    *,
    n_cpus: int,
    object_store_bytes: int,
    n_gpus: int | None = None,
    is_insecure: bool = False,
) -> Iterator[None]:
    """Connect to the cluster that ``RAY_ADDRESS`` names for the length of the block.

    Without one, Ray runs on this machine as `embedded_ray` starts it, with ``n_cpus`` track slots.
    ``is_insecure`` says that a cluster which asks for no token is used all the same.

    Raises
    ------
    ClusterError
        The cluster cannot be reached or is not to be trusted, or Ray does not start.
    """
    if not is_cluster_named():
        with embedded_ray(
            n_track_slots=n_cpus, object_store_bytes=object_store_bytes, n_gpus=n_gpus
        ):
            yield
        return
    found = prepare_access(os.environ["RAY_ADDRESS"], is_insecure=is_insecure)
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        ray.init(
            address=found, configure_logging=False, log_to_driver=False, job_config=_job_config()
        )
    except Exception as exc:  # Ray raises no class of its own here
        raise ClusterError(
            f"{found}: this machine is no node of that Ray cluster, or the cluster has another "
            f"version; from outside, use ray job submit: {exc}"
        ) from exc
    try:
        yield
    finally:
        ray.shutdown()


def _short_temporary_folder() -> Path:
    return Path("/tmp") if os.access("/tmp", os.W_OK) else temporary_root()


def _remove_folders_of_the_dead(parent: Path) -> None:
    """Remove what Ray left of runs that were killed."""
    for folder in parent.glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and not is_alive(int(pid)) and _counts_here(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _sign(folder: Path) -> None:
    """Say in a folder of Ray among which processes the number in its name counts.

    Raises
    ------
    ConfigError
        It cannot be written.
    """
    try:
        write_text(folder / NUMBERS, _numbers())
    except StemsError as exc:
        raise ConfigError(f"{folder}: {exc.message}") from exc


def _counts_here(folder: Path) -> bool:
    """Return whether the number in a folder's name is one of a process that is seen from here.

    Without a note it is of a run that was killed before it wrote one, or is about to.
    """
    try:
        note = folder / NUMBERS
        if note.exists():
            return note.read_text(encoding="utf-8") == _numbers()
        return time.time() - folder.stat().st_mtime > NOBODYS_S
    except OSError:
        return False


def _numbers() -> str:
    """Return what differs between containers that share a folder, but not its process numbers."""
    with contextlib.suppress(OSError):
        return str(Path("/proc/self/ns/pid").readlink())
    return ""


@contextlib.contextmanager
def _without_helpers() -> Iterator[None]:
    """Keep Ray from starting `HELPERS`, which `ray.init` has no parameter for."""
    methods = {name: vars(Node)[name] for name in HELPERS if name in vars(Node)}
    for name in methods:
        setattr(Node, name, lambda *_args, **_options: None)
    try:
        yield
    finally:
        for name, method in methods.items():
            setattr(Node, name, method)


def _start(n_cpus: int, object_store_bytes: int, n_gpus: int | None, folder: Path) -> None:
    if sys.platform == "darwin":
        object_store_bytes = min(object_store_bytes, MOST_STORE_BYTES_OF_A_MAC)
    for attempt in range(1, START_ATTEMPTS + 1):
        try:
            with _without_helpers():
                ray.init(
                    address="local",
                    num_cpus=n_cpus,
                    num_gpus=n_gpus,
                    # There are more slots for tracks than cores, but no more separators.
                    resources={CORES: n_cores()},
                    include_dashboard=False,
                    configure_logging=False,
                    log_to_driver=False,
                    object_store_memory=object_store_bytes,
                    _node_ip_address=LOOPBACK,
                    _temp_dir=str(folder),
                    job_config=_job_config(),
                )
        except Exception as exc:  # Ray raises no class of its own here
            ray.shutdown()
            if attempt == START_ATTEMPTS:
                raise ClusterError(f"Ray does not start: {exc}") from exc
            logger.warning("Ray did not start in time; trying once more", exc_info=True)
        else:
            return


def _job_config() -> JobConfig:
    """Return a job whose workers do not import modules from the current folder.

    They would look there first, before Python's own: a ``wave.py`` among the music would be run.
    Of a job that was submitted, which brings its own files, Ray has been told already.
    """
    return JobConfig(_client_job="RAY_JOB_CONFIG_JSON_ENV_VAR" not in os.environ)


def ray_version() -> str:
    """Return the version of Ray."""
    return str(ray.__version__)
