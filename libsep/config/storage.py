"""The knobs of libraries and outputs that lie in an object store."""

from typing import Annotated

from pydantic import Field

from libsep.config.section import Section, UserPath


class StorageConfig(Section):
    """How objects of ``s3://`` and ``gs://`` are reached; credentials come from the environment."""

    endpoint: str | None = None
    """URL of a server that speaks S3 (MinIO, Ceph); without it AWS_ENDPOINT_URL, else Amazon's."""

    region: str | None = None
    """Region of the bucket; without it AWS_REGION, else the store is asked."""

    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Seconds without a byte from the store after which a request is given up."""

    attempts: Annotated[int, Field(ge=1, le=10)] = 4
    """How often a transfer is tried; the pauses between the tries double from one second."""

    n_readers: Annotated[int, Field(ge=1, le=256)] = 16
    """Headers that the scan reads at once; it waits for the store, not for the processor."""

    scratch: UserPath | None = None
    """Folder, on each machine, where tracks lie while they are converted; by default a temporary
    one. It should be on a local disk."""

    max_scratch_bytes: Annotated[int, Field(ge=100_000_000)] = 20_000_000_000
    """What all tracks in flight on a machine may take in the scratch folder together."""

    scratch_wait_s: Annotated[float, Field(gt=0)] = 3600.0
    """Seconds that a track waits for room in the scratch folder before it fails for this run."""

    state: UserPath | None = None
    """Folder, on the machine of the run, of its journals and logs; by default ``libsep`` in
    XDG_STATE_HOME, or in ``~/.local/state``."""

    sync_ledger_s: Annotated[float, Field(ge=1)] = 300.0
    """Seconds between two copies of the ledger to the store while a run lasts."""
