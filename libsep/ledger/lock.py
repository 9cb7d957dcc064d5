"""One run per output folder: a lock file with a heartbeat, which works on network disks too."""

import contextlib
import json
import logging
import os
import time
import uuid
from pathlib import Path

from libsep.errors import LedgerError, reason_of
from libsep.ledger.held_lock import STALE_S, HeldLock
from libsep.ledger.holder import describe_self, in_use, why_dead
from libsep.machine import sync

logger = logging.getLogger(__name__)


class RunLock(HeldLock):
    """Keeps a second run out of an output folder; a context manager.

    The lock is the file ``lock``, created exclusively and filled at once. It names the host,
    process and run, and a thread touches it every `HEARTBEAT_S` seconds. It is taken over when it
    was made by a process of this very machine that is dead, or by any other that has not touched
    it for `STALE_S`.

    Parameters
    ----------
    folder
        ``STEMS/.libsep``; created if it is missing.
    run
        Name of the run, for whoever finds the lock.

    Raises
    ------
    LedgerError
        On entering: another run holds the lock; the message says which, since when, and where.
    """

    def __init__(self, folder: Path, *, run: str) -> None:
        super().__init__(str(folder / "lock"), "was the machine asleep?")
        self.path = folder / "lock"
        self._token = uuid.uuid4().hex
        self._run = run

    def check(self) -> None:
        """Do nothing while the lock is ours.

        Raises
        ------
        LedgerError
            Another run took it over, or it is not there any more.
        """
        if self._lost.is_set() and not os.path.lexists(self.path):
            raise LedgerError(f"{self.path}: the lock has gone: is its drive there?")
        super().check()

    def _take(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._acquire()
        except OSError as exc:
            raise LedgerError(f"{self.path}: the lock cannot be written: {reason_of(exc)}") from exc

    def _give_back(self) -> None:
        try:
            if _read(self.path).get("token") == self._token:
                self.path.unlink(missing_ok=True)
        except OSError as exc:  # the disk is gone: that is what ended the run
            logger.warning("%s: the lock stays until it is stale: %s", self.path, exc.strerror)

    def _acquire(self) -> None:
        if self._create():
            return
        holder = _read(self.path)
        reason = self._why_stale(holder)
        if reason is None:
            raise LedgerError(in_use(str(self.path.parent), holder))
        logger.warning("%s: taken over: %s", self.path, reason)
        self._move_away(holder)
        if not self._create():
            raise LedgerError(in_use(str(self.path.parent), _read(self.path)))

    def _create(self) -> bool:
        """Create the lock, filled; False if there is one."""
        draft = self.path.with_name(f"lock.{self._token}.new")
        try:
            _write(draft, "w", describe_self(self._token, self._run))
            try:
                os.link(draft, self.path)
            except (FileExistsError, FileNotFoundError):  # its owner clears drafts away
                return False
            except OSError:  # a disk without hard links: killed now, it would leave an empty lock
                return self._create_exclusively()
        finally:
            draft.unlink(missing_ok=True)
        for left in self.path.parent.glob("lock.*.new"):
            left.unlink(missing_ok=True)
        return True

    def _create_exclusively(self) -> bool:
        try:
            _write(self.path, "x", describe_self(self._token, self._run))
        except FileExistsError:
            return False
        except OSError:
            self.path.unlink(missing_ok=True)
            raise
        return True

    def _why_stale(self, holder: dict[str, object]) -> str | None:
        """Return why the lock has no owner, or None if it has one."""
        dead = why_dead(holder)
        if dead is not None:
            return dead or None
        with contextlib.suppress(FileNotFoundError):
            age_s = self._now_s() - self.path.stat().st_mtime
            return f"no sign of life for {age_s:.0f} s" if age_s > STALE_S else None
        return "it has gone"

    def _now_s(self) -> float:
        """Return the time by the clock of the disk, which may be another than ours."""
        probe = self.path.with_name(f"lock.{self._token}.now")
        probe.touch()
        now_s = probe.stat().st_mtime
        probe.unlink()
        return now_s

    def _move_away(self, holder: dict[str, object]) -> None:
        """Remove the lock of ``holder``, but not one that another process just made."""
        moved = self.path.with_name(f"lock.{self._token}.stale")
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(moved)
        found = _read(moved)
        if found and found.get("token") != holder.get("token"):
            moved.rename(self.path)
        moved.unlink(missing_ok=True)

    def _give_sign_of_life(self) -> bool:
        try:
            if _read(self.path).get("token") != self._token:
                return False
            os.utime(self.path)
        except OSError as exc:
            logger.warning("%s: no sign of life could be given: %s", self.path, exc)
        return True


def run_in_work(folder: Path) -> str:
    """Return the name of the run that holds the lock of an output folder; empty if none does."""
    path = folder / "lock"
    holder = _read(path)
    dead = why_dead(holder)
    if dead is not None:
        return "" if dead else str(holder.get("run", "?"))
    with contextlib.suppress(FileNotFoundError):
        if time.time() - path.stat().st_mtime <= STALE_S:
            return str(holder.get("run", "?"))
    return ""


def _write(path: Path, mode: str, content: dict[str, object]) -> None:
    with path.open(mode, encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        sync(file.fileno())


def _read(path: Path) -> dict[str, object]:
    """Return what a lock says, or nothing if there is none or it was written by something else."""
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
