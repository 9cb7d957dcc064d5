"""Errors keep what they know on their way between processes."""

import errno
import pickle
from pathlib import Path

import mutagen
import pytest

from libsep import errors
from libsep.errors import reason_of

TRACK_ERRORS = (
    errors.ProbeError,
    errors.DecodeError,
    errors.SeparationError,
    errors.StemsError,
    errors.TagError,
    errors.TransferError,
    errors.VerifyError,
)


@pytest.mark.parametrize("error", TRACK_ERRORS)
def test_an_error_of_a_track_survives_the_way_to_another_process(
    error: type[errors.TrackError],
) -> None:
    sent = error(Path("a/song.mp3"), "is empty", "ffmpeg said no")
    received = pickle.loads(pickle.dumps(sent))
    assert type(received) is error
    assert (received.path, received.message, received.log) == (sent.path, sent.message, sent.log)
    assert str(received) == "song.mp3: is empty"


def test_each_stage_has_its_own_error() -> None:
    stages = [error.stage for error in TRACK_ERRORS]
    assert len(set(stages)) == len(stages)


@pytest.mark.parametrize("error", [errors.ConfigError, errors.ModelError, errors.LedgerError])
def test_an_error_that_stops_the_run_is_not_one_of_a_track(error: type[Exception]) -> None:
    assert issubclass(error, errors.LibsepError)
    assert not issubclass(error, errors.TrackError)


def test_a_reason_has_no_number_and_no_path() -> None:
    error = OSError(errno.EROFS, "Read-only file system", "/media/usb/.libsep/lock")
    assert reason_of(error) == "Read-only file system"
    assert reason_of(OSError("short")) == "short"
    assert reason_of(ValueError("no number")) == "no number"


def test_the_reason_of_an_error_made_of_another_is_that_of_the_other() -> None:
    inner = FileNotFoundError(errno.ENOENT, "No such file or directory", "/a")
    assert reason_of(mutagen.MutagenError(inner)) == "No such file or directory"
    assert reason_of(ValueError("why")) == "why"


def test_the_reason_of_an_error_of_a_track_does_not_name_its_file_again() -> None:
    assert reason_of(errors.StemsError(Path("/a/x.png"), "cannot be put in its place")) == (
        "cannot be put in its place"
    )
