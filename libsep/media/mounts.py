"""Folders on which the system is to have a drive mounted."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from libsep.errors import ConfigError

FSTAB = Path("/etc/fstab")
"""Lists drives and where they are mounted, see fstab(5)."""

_ESCAPED = re.compile(rb"\\([0-7]{3})")


def expect_drive(path: Path) -> None:
    """Do nothing unless a path lies where a drive should be mounted, and none is.

    What were written there would fill the disk of the system, and be hidden when the drive is
    back. A folder that holds something, or that `FSTAB` does not name, is taken as it is.

    Raises
    ------
    ConfigError
        The drive is not mounted.
    """
    place = Path(os.path.realpath(path))
    for point in _mount_points():
        if place.is_relative_to(point) and _holds_nothing(point) and not _is_mounted(point):
            raise ConfigError(
                f"{path}: no drive is mounted at {point}, where {FSTAB} has one: is it there?"
            )


def _mount_points() -> Iterator[Path]:
    try:
        lines = FSTAB.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if len(fields) > 1 and not fields[0].startswith(b"#") and fields[1].startswith(b"/"):
            plain = _ESCAPED.sub(lambda octal: bytes([int(octal[1], 8) & 0xFF]), fields[1])
            yield Path(os.path.realpath(os.fsdecode(plain)))


def _is_mounted(point: Path) -> bool:
    if os.path.ismount(point):
        return True
    import psutil  # here: few commands come this far

    # A folder that is bound to another one of the same disk looks like any folder.
    return os.fspath(point) in (each.mountpoint for each in psutil.disk_partitions(all=True))


def _holds_nothing(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return not any(entries)
    except FileNotFoundError:
        return True
    except OSError:  # it is there, and closed to us; or its drive does not answer, which is told
        return False
