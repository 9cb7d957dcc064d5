"""Knock at a cluster with a token that cannot be right.

``python -m libsep.batch.cluster.knock ADDRESS``: a program of its own, because Ray reads its token
once in the life of a process.
"""

import json
import os
import secrets
import socket
import sys

from ray._private.services import canonicalize_bootstrap_address_or_die
from ray._raylet import Config, GcsClient  # type: ignore[attr-defined]  # a compiled module
from ray.exceptions import AuthenticationError, RayError

from libsep.errors import reason_of

CONNECT_TIMEOUT_S = 20.0
"""Seconds in which somebody must listen at the address."""


def knock(address: str) -> dict[str, str]:
    """Return who answers: ``opens`` is ``yes``, ``no``, or empty where nobody is.

    Parameters
    ----------
    address
        ``HOST:PORT`` of a cluster, or ``auto`` for the one that runs on this machine.
    """
    os.environ.pop("RAY_AUTH_TOKEN_PATH", None)
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    Config.initialize("")
    try:
        found: str = canonicalize_bootstrap_address_or_die(address)
        host, _, port = found.rpartition(":")
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError, ConnectionError) as exc:
        return {"address": address, "opens": "", "reason": reason_of(exc)}
    try:
        GcsClient(address=found)
    except AuthenticationError:
        return {"address": found, "opens": "no", "reason": ""}
    except RayError as exc:
        return {"address": found, "opens": "", "reason": str(exc)}
    return {"address": found, "opens": "yes", "reason": ""}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(knock(sys.argv[1])))
