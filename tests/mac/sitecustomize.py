"""Let libsep, and nothing else in a process, meet a Mac, as far as Linux can play one.

Python imports this by itself where its folder is on ``PYTHONPATH``. The modules of libsep get
``sys.platform`` of a Mac, do not find what only Linux has in Python's modules, and no file below
``/proc``. Ray is told that no kernel ends its processes with their parent.
"""

import builtins
import errno
import fcntl
import importlib.abc
import importlib.machinery
import os
import sys
import time
import types
from collections.abc import Sequence
from typing import Any

MINE = "libsep."
RAY = "ray._private.utils"


class OnMac(types.ModuleType):
    """A module of Python's, without what a Mac lacks, and with what it has instead."""

    def __init__(
        self, real: types.ModuleType, lacking: Sequence[str] = (), **instead: object
    ) -> None:
        super().__init__(real.__name__)
        vars(self).update(instead, _real=real, _lacking=lacking)

    def __getattr__(self, name: str) -> Any:
        if name in self._lacking:
            raise AttributeError(f"no {name} on a Mac")
        return getattr(self._real, name)


REPLACED: dict[types.ModuleType, OnMac] = {
    sys: OnMac(sys, platform="darwin"),
    # Linux does not know this number: it says "invalid argument", as Macs do for some drives.
    fcntl: OnMac(fcntl, ("F_GETPIPE_SZ", "F_SETPIPE_SZ"), F_FULLFSYNC=51),
    os: OnMac(os, ("sched_getaffinity", "posix_fadvise", "posix_fallocate", "memfd_create")),
    time: OnMac(time, ("CLOCK_BOOTTIME",)),
}


def imported(*arguments: Any, **options: Any) -> Any:
    """Import as Python does, but what a Mac has."""
    module = builtins.__import__(*arguments, **options)
    return REPLACED.get(module, module)


class Loader(importlib.abc.Loader):
    """Loads as another loader does, a module that imports what a Mac has."""

    def __init__(self, real: importlib.abc.Loader) -> None:
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        if module.__name__ == RAY:
            self._real.exec_module(module)
            vars(module)["detect_fate_sharing_support"] = lambda: None
        else:
            vars(module)["__builtins__"] = {**vars(builtins), "__import__": imported}
            self._real.exec_module(module)


class Finder(importlib.abc.MetaPathFinder):
    """Finds what Python finds, and loads it with `Loader`."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != RAY and not name.startswith(MINE):
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = Loader(spec.loader)
        return spec


def refuse_proc(event: str, arguments: tuple[Any, ...]) -> None:
    """Let no module of libsep open a file below ``/proc``; an audit hook."""
    if event != "open" or not str(arguments[0]).startswith("/proc/"):
        return
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__") in ("pathlib", "io"):
        frame = frame.f_back
    if str(frame.f_globals.get("__name__")).startswith(MINE):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), arguments[0])


sys.meta_path.insert(0, Finder())
sys.addaudithook(refuse_proc)
