"""Logging for people: JSON lines in a file, warnings on the terminal."""

import contextlib
import contextvars
import dataclasses
import functools
import json
import logging
import os
import platform
from collections.abc import Iterator
from pathlib import Path

DRIVER = "driver.jsonl"
"""Log of the process that gives the others their work, in the folder of their logs."""

_context: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar(
    "libsep_log_context", default=None
)


@contextlib.contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Attach ``fields`` (run, track, stage) to every record that is logged inside the block."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object per record: time (s since 1970), level, logger, message, bound fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``record`` as one line of JSON; a traceback goes into ``exception``."""
        line = {
            "time": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(_context.get() or {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=True, default=str)


class JsonFile(logging.FileHandler):
    """A file of JSON lines; those that a full disk has no room for are lost, without a word."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8")
        self.setFormatter(JsonFormatter())

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: D102, N802 - as in logging
        pass

    def close(self) -> None:
        """Close the file, whether or not its last lines can be written."""
        with contextlib.suppress(OSError):
            super().close()


@dataclasses.dataclass(frozen=True, slots=True)
class Folder:
    """Where the processes of a run log.

    ``is_shared`` says that all machines see the one folder in which the driver began `DRIVER`.
    Else each may have a disk of its own there.
    """

    path: Path
    is_shared: bool = False

    @property
    def has_gone(self) -> bool:
        """Whether the driver's folder is not there; its drive may be away.

        Only what none but the driver makes can tell: any process can make a folder at the place.
        """
        return self.is_shared and not os.path.isfile(self.path / DRIVER)  # noqa: PTH113 - may not raise


def setup_worker(folder: Folder) -> None:
    """Write the records of this worker process to a file of its own in ``folder``.

    Only where a machine may have a disk of its own is the folder made. A worker that cannot log
    works all the same.
    """
    if not folder.has_gone:
        with contextlib.suppress(OSError):
            _set_up_worker(folder)


@functools.cache
def _set_up_worker(folder: Folder) -> None:
    if not folder.is_shared:
        folder.path.mkdir(parents=True, exist_ok=True)
    setup(path=folder.path / f"{platform.node()}-{os.getpid()}.jsonl")


def setup(level: int = logging.INFO, path: Path | None = None) -> None:
    """Configure the ``libsep`` loggers; only entry points call this.

    Parameters
    ----------
    level
        Lowest level that is written.
    path
        File that receives JSON lines; its folder must exist. Without it, warnings and worse go to
        standard error as plain lines. Remarks of other libraries go nowhere, only their errors.
    """
    handler: logging.Handler
    if path is None:
        handler = logging.StreamHandler()
        handler.setLevel(logging.WARNING)
        handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    else:
        handler = JsonFile(path)
    root = logging.getLogger("libsep")
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    root.addHandler(handler)
    root.setLevel(level)
    root.propagate = False
    if logging.lastResort is not None:
        logging.lastResort.setLevel(logging.ERROR)
