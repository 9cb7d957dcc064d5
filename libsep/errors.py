"""Every error libsep raises on purpose: some lose a track, the others stop the run."""

from pathlib import Path


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
