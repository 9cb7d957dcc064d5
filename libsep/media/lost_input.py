"""Files that ffmpeg lost while it read them, which it says, but calls no failure."""

import errno
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ffmpeg as graphs

from libsep.errors import TrackError
from libsep.media.ffmpeg import Process

_LOST = re.compile(r"\[error\] Error during demuxing: (?!Invalid data found)(.+)")
_PART_BYTES = 1 << 20


def check_input_was_whole(
    process: Process, path: Path, url: bytes, options: Mapping[str, Any], *, ffmpeg: Path
) -> None:
    """Do nothing if an ffmpeg that has ended well read all that there is of a file.

    Where a disk or a network drive fails in the midst of it, ffmpeg takes that for the end of the
    file and exits with 0. It says the same where demuxers find the end too early, so that the file
    is read once more then: what is wrong with its content is wrong again.

    Parameters
    ----------
    process
        The ffmpeg.
    path, url, options
        The file, and how it was opened.
    ffmpeg
        The program.

    Raises
    ------
    TrackError
        Of the class of ``process``, with an `OSError` as its cause: another try may end otherwise.
    """
    reason = _reason(process)
    if not reason or _is_lost_again(path, url, options, ffmpeg):
        return
    error = process.fail(
        f"could not be read to its end ({reason}); is the disk or the network drive still there?"
    )
    raise error from OSError(errno.EIO, reason)


def _is_lost_again(path: Path, url: bytes, options: Mapping[str, Any], ffmpeg: Path) -> bool:
    """Return whether ffmpeg does not get to the end of a file that can be read to its end."""
    packets = graphs.input(url, **options)["a:0"].output("pipe:1", format="null", acodec="copy")
    try:
        with path.open("rb") as file:
            while file.read(_PART_BYTES):
                pass
        with Process(packets, ffmpeg=ffmpeg, path=path, error=TrackError) as again:
            again.finish()
            return bool(_reason(again))
    except (OSError, TrackError):
        return False


def _reason(process: Process) -> str:
    """Return why an ffmpeg lost its input; empty if it did not."""
    found = (_LOST.search(line) for line in (*process.lines, *process.log.splitlines()))
    return next((match.group(1) for match in found if match), "")
