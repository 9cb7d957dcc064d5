"""Drives of Macs and of USB, served by a process of ours; skipped where FUSE is not there."""

import contextlib
import ctypes.util
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

KINDS = ("mac", "usb")


def why_not() -> str:
    """Return why no drive can be served here; empty if one can."""
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "/dev/fuse cannot be opened"
    if importlib.util.find_spec("mfusepy") is None:
        return "mfusepy is not installed"
    if not any(map(ctypes.util.find_library, ("fuse3", "fuse"))):
        return "libfuse is not installed"
    return "" if unmounter() else "fusermount is not installed"


def unmounter() -> str | None:
    return shutil.which("fusermount3") or shutil.which("fusermount")


@contextlib.contextmanager
def served(kind: str, folder: Path) -> Iterator[Path]:
    """Yield where a drive is mounted; it is gone after the block."""
    root, mount = folder / "root", folder / kind
    for each in (root, mount):
        each.mkdir()
    program = Path(__file__).with_name("folding.py")
    process = subprocess.Popen([sys.executable, str(program), kind, str(root), str(mount)])
    try:
        deadline_s = time.monotonic() + 10
        while not mount.is_mount():
            if process.poll() is not None or time.monotonic() > deadline_s:
                pytest.skip("nothing can be mounted here")
            time.sleep(0.02)
        yield mount
    finally:
        subprocess.run([str(unmounter()), "-u", "-z", str(mount)], check=False)
        process.kill()
        process.wait()


@pytest.fixture(params=KINDS)
def drive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Return an empty drive of each kind."""
    if reason := why_not():
        pytest.skip(reason)
    with served(request.param, tmp_path) as mount:
        yield mount
