"""Whom a run trusts: clusters that ask for a token, and a token that only its owner can read.

Whoever can talk to a Ray that asks for no token can run programs on all its nodes
(CVE-2023-48022), from a web page too (CVE-2025-62593). So the embedded Ray has a token of its own
(see `libsep.batch.environment`), and a cluster that lets in strangers is refused.
"""

import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

from ray._raylet import (  # type: ignore[attr-defined]  # a compiled module
    AuthenticationTokenLoader,
    Config,
    GcsClient,
)
from ray.exceptions import AuthenticationError

from libsep.batch import environment
from libsep.errors import ClusterError
from libsep.media.programs import run

logger = logging.getLogger(__name__)

KNOCK_TIMEOUT_S = 300.0
"""Seconds in which a cluster must have answered; a busy machine takes long to start Python."""

PRIVATE = 0o600
"""Mode of a token file: its owner reads and writes it."""


def prepare_access(address: str, *, is_insecure: bool = False) -> str:
    """Get ready to connect to a cluster, and return its address as ``HOST:PORT``.

    Afterwards this process proves itself with the token of ``RAY_AUTH_TOKEN``, of the file that
    ``RAY_AUTH_TOKEN_PATH`` names, or of ``~/.ray/auth_token``; a file that others can read is
    closed to them.

    Parameters
    ----------
    address
        ``HOST:PORT``, or ``auto`` for the cluster that runs on this machine.
    is_insecure
        Whether a cluster that asks for no token is used all the same.

    Raises
    ------
    ClusterError
        There is no cluster, it lets in strangers, or it asks for a token and we have none.
    """
    if "://" in address:
        raise ClusterError(
            f"{address}: expected HOST:PORT or auto; from outside the cluster, use ray job submit"
        )
    found = _knock(address)
    if found["opens"] == "":
        raise ClusterError(f"{address}: no Ray cluster answers: {found['reason']}")
    if found["opens"] == "yes":
        _accept_open_cluster(found["address"], is_insecure=is_insecure)
        return found["address"]
    _use_token_of_user(found["address"])
    return found["address"]


def tighten(path: Path) -> None:
    """Take a token file from everybody but its owner; one of another owner is left alone.

    Ray writes its own readable for all.
    """
    try:
        found = path.stat()
        mode = stat.S_IMODE(found.st_mode)
        if mode & ~PRIVATE and found.st_uid == os.geteuid():
            path.chmod(PRIVATE)
            logger.warning("%s: others could read it (mode %o), now only you can", path, mode)
    except OSError as exc:  # a read-only mount, as for a secret of Kubernetes
        logger.warning("%s: others may be able to read it: %s", path, exc.strerror)


def token_path() -> Path | None:
    """Return the file that holds the token of this process, if it comes from one."""
    if os.environ.get("RAY_AUTH_TOKEN"):
        return None
    if chosen := os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return Path(chosen)
    default = Path.home() / ".ray" / "auth_token"
    return default if default.exists() else None


def _knock(address: str) -> dict[str, str]:
    """Let a program of its own see whether the cluster opens to a wrong token."""
    try:
        # -P: a module in the current folder, among the music, is not to be imported.
        command = [sys.executable, "-P", "-m", "libsep.batch.cluster.knock", address]
        done = run(command, timeout_s=KNOCK_TIMEOUT_S)
        found: dict[str, str] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        message = f"{address}: no Ray cluster answered within {KNOCK_TIMEOUT_S:.0f} s"
        raise ClusterError(message) from None
    except json.JSONDecodeError as exc:
        last_words = done.stderr.strip().rpartition("\n")[2]
        raise ClusterError(f"{address}: cannot tell whom it lets in: {last_words}") from exc
    return found


def _accept_open_cluster(address: str, *, is_insecure: bool) -> None:
    if not is_insecure:
        raise ClusterError(
            f"{address}: the cluster asks for no token, so anybody who reaches it can run programs "
            "on it: start it with RAY_AUTH_MODE=token (deploy/README.md), or use it with --insecure"
        )
    logger.warning("%s: the cluster asks for no token; used because of --insecure", address)
    # A token would keep its nodes from this process, which they must reach for what it owns.
    _set_mode("disabled")


def _use_token_of_user(address: str) -> None:
    """Forget the token that was made for an embedded Ray, and take the user's."""
    if environment.generated_token and (
        os.environ.get("RAY_AUTH_TOKEN") == environment.generated_token
    ):
        del os.environ["RAY_AUTH_TOKEN"]
    path = token_path()
    if path is not None:
        tighten(path)
    _set_mode("token")
    loader = AuthenticationTokenLoader.instance()
    loader.reset_cache()
    try:
        has_token = loader.has_token(ignore_auth_mode=True)
        if has_token:
            GcsClient(address=address)
    except AuthenticationError as exc:
        raise ClusterError(f"{address}: the cluster does not open to our token: {exc}") from exc
    if not has_token:
        raise ClusterError(
            f"{address}: the cluster asks for its token, expected it in RAY_AUTH_TOKEN, in the "
            "file that RAY_AUTH_TOKEN_PATH names, or in ~/.ray/auth_token"
        )


def _set_mode(mode: str) -> None:
    """Tell Ray, which may have been imported already, and the programs that we start."""
    os.environ["RAY_AUTH_MODE"] = mode
    Config.initialize("")
