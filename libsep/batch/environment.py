"""What Ray reads from the environment when it is imported; the package imports this module first.

Embedded Ray says nothing on the terminal, listens on loopback only, asks every client for a token
that lives as long as the run, and reports no usage. A variable that the user has set is kept, but
for one that would switch the token off. Where ``RAY_ADDRESS`` is set, as in a cluster's job, the
cluster says how clients prove who they are; `libsep.batch.cluster.security` looks whether they
must.
"""

import os
import secrets
import sys

VARIABLES = {
    # Without this, Ray resolves 127.0.0.1 to the address of a network interface and listens there.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Start no worker before there is work for it.
    "RAY_enable_worker_prestart": "0",
    # Its control store would keep 3.6 KB of each task and segment, 400 MB in a night, for nobody.
    "RAY_task_events_report_interval_ms": "0",
    # A CPU helper must not be shown the GPUs, and Ray warns when this is not decided.
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",
    # Ray's own 30 s and less are too short for a slow machine with other work.
    "RAY_agent_register_timeout_ms": "180000",
    "RAY_gcs_server_port_wait_time_s": "180",
    # The driver turns the death of a worker into an outcome; Ray need not print it.
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",
    "RAY_DEDUP_LOGS_SKIP_REGEX": (
        "A worker died or was killed|Raylet is terminated|has been marked dead|Unhandled error"
    ),
}

OF_EMBEDDED_RAY = (
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
    "RAY_AUTH_MODE",
    "RAY_task_events_report_interval_ms",
)
"""Variables that would keep a job from its cluster, or its tasks from that one's dashboard."""

is_too_late: bool = "ray" in sys.modules
"""Whether Ray was imported before: it has read another environment."""

# A job's driver, and what a raylet starts: on a node of a cluster, or of the embedded Ray.
_is_in_cluster = any(map(os.environ.get, ("RAY_ADDRESS", "RAY_RAYLET_PID")))
for _name, _value in VARIABLES.items():
    if not (_is_in_cluster and _name in OF_EMBEDDED_RAY):
        os.environ.setdefault(_name, _value)
generated_token: str | None = None
"""The token of the embedded Ray, where the user has given none."""

if not _is_in_cluster:
    os.environ["RAY_AUTH_MODE"] = "token"
    if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        generated_token = os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
