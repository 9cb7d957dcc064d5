"""Every error libsep raises on purpose: some lose a track, the others stop the run."""

from pathlib import Path


def reason_of(error: Exception) -> str:
    """Return why something failed, without the number and the path that Python puts around it.

    An error that another one is made of, as mutagen does it, says what that one says. One of a
    track says it without the name of its file: who passes it on names that.
    """
    if isinstance(error, TrackError):
        return error.message
    inner = next(iter(error.args), None)
    cause = inner if isinstance(inner, OSError) else error
    return (cause.strerror if isinstance(cause, OSError) else None) or str(error)


class LibsepError(Exception):
    """Root of all errors that libsep raises on purpose."""


class ConfigError(LibsepError):
    """The configuration or the command's arguments are wrong; the run stops."""


class ModelError(LibsepError):
    """A model is missing, damaged or of another architecture; the run stops."""


class LedgerError(LibsepError):
    """The ledger cannot be read, written or locked; the run stops."""


class ClusterError(LibsepError):
    """Ray cannot start, or has lost the machine under it; the run stops and can be resumed."""


class NodesError(ClusterError):
    """Machines of a cluster cannot take part in a run; nothing was started.

    Parameters
    ----------
    message
        How many.
    rows
        The lines of a table: machine, what was looked at, what was found, what was expected.
    """

    def __init__(self, message: str, rows: tuple[tuple[str, str, str, str], ...]) -> None:
        super().__init__(message)
        self.rows = rows


class SeparatorsLostError(ClusterError):
    """All separators of a track are gone with their machines; the run starts the track again."""


class DeviceError(LibsepError):
    """A separator's process can use its device no more; it starts again, others take its work."""


class TrackError(LibsepError):
    """One track is lost, the run goes on.

    Parameters
    ----------
    path
        The file that was being read or written.
    message
        What was found, what was expected, and the likely cause.
    log
        End of the output of the program that failed; empty if there was none.
    """

    stage = "track"

    def __init__(self, path: Path, message: str, log: str = "") -> None:
        super().__init__(f"{path.name}: {message}")
        self.path = path
        self.message = message
        self.log = log

    def __reduce__(self) -> tuple[type["TrackError"], tuple[Path, str, str]]:
        """Rebuild from the three arguments, so that the error survives a process boundary."""
        return type(self), (self.path, self.message, self.log)


class ProbeError(TrackError):
    """The file is no audio file that can be read: empty, text, protected, without audio."""

    stage = "probe"


class DecodeError(TrackError):
    """ffmpeg could not decode the track, or stopped before its end."""

    stage = "decode"


class SeparationError(TrackError):
    """The separator failed on this track."""

    stage = "separate"


class StemsError(TrackError):
    """The stem file could not be encoded, assembled or written."""

    stage = "write"


class TagError(TrackError):
    """Tags could not be read or written at all; a single bad field is a warning instead."""

    stage = "tag"


class VerifyError(TrackError):
    """The finished stem file breaks a rule of the conformance checklist."""

    stage = "verify"


class TransferError(TrackError):
    """An object of a store could not be listed, read or written, or the scratch has no room."""

    stage = "transfer"


class SourceChangedError(TransferError):
    """The object of a track is another one than the scan saw, or none any more."""
