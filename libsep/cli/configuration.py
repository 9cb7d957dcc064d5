"""The configuration of a command, from its file and its options."""

from pathlib import Path
from typing import Any

from libsep.config import Config, load


def read_config(
    path: Path | None,
    *,
    model: str | None,
    codec: str | None,
    device: str | None,
    genre: str | None = None,
    reconstruct: str | None = None,
) -> Config:
    """Return the configuration of a command: defaults, then the file, then the options.

    A model that is asked for by name separates every track, so that nothing is routed; together
    with a genre it is that genre's model, and every track has that genre.

    Raises
    ------
    ConfigError
        A field is unknown or out of range; the message names it and where it came from.
    """
    config = load(Config, path) if path else Config()
    routing: dict[str, Any] = {"genre": genre}
    if model is not None:
        routing |= {"models": {genre: model}} if genre is not None else {"enabled": False}
    return config.replaced(
        separation={"model": model, "device": device, "reconstruct": reconstruct},
        encode={"codec": codec},
        routing=routing,
    )
