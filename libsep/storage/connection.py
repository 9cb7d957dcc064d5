"""The connection to an object store: whose server, which region, whose credentials."""

import datetime
import os
from typing import Any
from urllib.parse import urlsplit

from pyarrow import fs

from libsep.config import StorageConfig
from libsep.errors import ConfigError
from libsep.storage.places import RemoteFolder

ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Environment variables that name another server than Amazon's, the first one that is set."""

CONNECT_TIMEOUT_S = 20.0
"""Longest time, in seconds, in which a server must take a connection."""

SDK_ATTEMPTS = 3
"""How often Amazon's library tries each single request, before `libsep.storage.Store` hears."""

_ASSUMED_REGION = "us-east-1"


def resolved(config: StorageConfig) -> StorageConfig:
    """Return ``config`` with the server that the environment names, for other machines' tasks."""
    found = next((os.environ[name] for name in ENDPOINT_VARIABLES if os.environ.get(name)), None)
    return config.model_copy(update={"endpoint": config.endpoint or found})


def connect(folder: RemoteFolder, config: StorageConfig) -> Any:
    """Return pyarrow's file system for a folder; credentials are those it finds by itself.

    Raises
    ------
    ConfigError
        The endpoint is no URL.
    """
    scheme, server = _server(config.endpoint)
    if folder.scheme == "gs":
        return fs.GcsFileSystem(
            endpoint_override=server,
            scheme=scheme,
            retry_time_limit=datetime.timedelta(seconds=config.timeout_s),
        )
    return fs.S3FileSystem(
        endpoint_override=server,
        scheme=scheme,
        region=config.region or _region(folder.bucket, server),
        request_timeout=config.timeout_s,
        connect_timeout=min(config.timeout_s, CONNECT_TIMEOUT_S),
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=SDK_ATTEMPTS),
    )


def _server(endpoint: str | None) -> tuple[str, str | None]:
    """Return scheme and host of an endpoint."""
    if endpoint is None:
        return "https", None
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ConfigError("storage.endpoint: expected http://HOST:PORT or https://HOST:PORT")
    return parts.scheme, parts.netloc


def _region(bucket: str, server: str | None) -> str | None:
    """Return the region of a bucket; None leaves it to the environment."""
    if os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        return None
    if server is not None:
        return _ASSUMED_REGION
    try:
        return str(fs.resolve_s3_region(bucket))
    except OSError:  # the first request will say what is wrong
        return None
