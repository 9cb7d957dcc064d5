"""A drive that shows a folder with the manners of Macs (``mac``) or USB drives (``usb``).

``python folding.py KIND FOLDER MOUNT`` serves it until it is unmounted. On both a name is one file
in any case and form of accents. ``mac`` lists accents apart, as HFS+ does. ``usb`` refuses what
Windows refuses and hard links, and numbers each spelling of a path by itself, as FUSE does.
"""

import errno
import os
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mfusepy

REFUSED = set(':?*"<>|\\')
NAMES = ("st_mode", "st_nlink", "st_uid", "st_gid", "st_size", "st_blocks", "st_ino")
TIMES = ("st_atime", "st_mtime", "st_ctime")


def fold(name: str) -> str:
    decomposed = unicodedata.normalize("NFD", name)
    return unicodedata.normalize("NFD", decomposed.casefold())


class Drive(mfusepy.Operations):
    """Passes what is asked of it on to a folder, of which it spells the names."""

    use_ns = True

    def __init__(self, kind: str, root: str) -> None:
        self.is_usb, self.root = kind == "usb", Path(root)

    def there(self, path: str) -> Path:
        """Return where a path lies in the folder; parts that are there are spelled as there."""
        place = self.root
        for part in filter(None, path.split("/")):
            entries = place.iterdir() if place.is_dir() else ()
            place = next((each for each in entries if fold(each.name) == fold(part)), place / part)
        return place

    def new(self, path: str) -> Path:
        """Return where a new name goes in the folder."""
        parent, _, name = path.rpartition("/")
        if self.is_usb and (REFUSED & set(name) or name[-1] in ". "):
            raise OSError(errno.EINVAL, "Invalid argument")
        if not name.isprintable():
            raise OSError(errno.EILSEQ, "no UTF-8")
        name = name if self.is_usb else unicodedata.normalize("NFD", name)
        return self.there(parent) / name

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        found = self.there(path).lstat()
        times = {name: getattr(found, f"{name}_ns") for name in TIMES}
        return {name: getattr(found, name) for name in NAMES} | times

    def readdir(self, path: str, fh: int) -> Iterator[tuple[str, dict[str, int], int]]:
        folder = self.there(path)
        for name in (".", "..", *(each.name for each in folder.iterdir())):
            found = (folder / name).lstat()
            yield name, {"st_ino": found.st_ino, "st_mode": found.st_mode}, 0

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        return os.open(self.new(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, mode)

    def open(self, path: str, flags: int) -> int:
        return os.open(self.there(path), os.O_RDWR)

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        os.truncate(self.there(path), length)
        return 0

    def release(self, path: str, fh: int) -> int:
        os.close(fh)
        return 0

    def mkdir(self, path: str, mode: int) -> int:
        self.new(path).mkdir(mode)
        return 0

    def unlink(self, path: str) -> int:
        self.there(path).unlink()
        return 0

    def rmdir(self, path: str) -> int:
        self.there(path).rmdir()
        return 0

    def rename(self, old: str, new: str) -> int:
        before, after = self.there(old), self.there(new)
        before.replace(after)
        after.replace(self.new(new))
        return 0

    def link(self, target: str, source: str) -> int:
        if self.is_usb:
            raise OSError(errno.EPERM, "Operation not permitted")
        self.new(target).hardlink_to(self.there(source))
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        os.utime(self.there(path), ns=times or (time.time_ns(),) * 2)
        return 0


if __name__ == "__main__":
    kind, root, mount = sys.argv[1:]
    fresh = {"entry_timeout": 0, "attr_timeout": 0, "negative_timeout": 0}
    numbers = {} if kind == "usb" else {"use_ino": True}
    mfusepy.FUSE(Drive(kind, root), mount, foreground=True, encoding="utf-8", **fresh, **numbers)
