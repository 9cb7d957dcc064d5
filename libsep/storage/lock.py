"""One run per output in an object store: a lock of objects, each with a heartbeat."""

import json
import logging
import random
import time
import uuid

from libsep.errors import LedgerError, TransferError, reason_of
from libsep.ledger.held_lock import STALE_S, HeldLock
from libsep.ledger.holder import describe_self, in_use, why_dead
from libsep.storage.store import Store, StoredObject

logger = logging.getLogger(__name__)

FOLDER = ".libsep/lock"
"""Where the locks lie, one object for each run that wants or has the output."""

ROUNDS = 4
"""How often a run looks again that met another one which has only just begun."""

PAUSE_S = (0.2, 1.0)
"""Range from which the pauses between two looks are drawn, in seconds; they grow."""

JUST_BEGUN_S = 15.0
"""Age, in seconds, up to which another lock may be that of a run that will give way as well."""


class StoreLock(HeldLock):
    """Keeps a second run, on whatever machine, out of an output in a store; a context manager.

    pyarrow cannot create an object only if there is none. So each run first writes an object of
    its own, and then lists all of them: of two runs, at least the one that lists last sees both,
    and a run that sees another one gives way. That is exclusive where a listing shows what was
    written before, as those of S3 and Google do. A lock is stale by the rules of
    `libsep.ledger.RunLock`, its age by the clock of the store.

    Parameters
    ----------
    store
        The output.
    run
        Name of the run, for whoever finds the lock.

    Raises
    ------
    LedgerError
        On entering: another run holds the lock, or the store cannot be written.
    """

    def __init__(self, store: Store, *, run: str) -> None:
        super().__init__(str(store.folder), "was the machine asleep, or the network gone?")
        self._store = store
        self._content = describe_self(uuid.uuid4().hex, run)
        self._name = f"{FOLDER}/{self._content['token']}"
        self._signed_s = time.time()

    def _take(self) -> None:
        try:
            self._acquire()
        except TransferError as exc:
            raise LedgerError(
                f"{self._store.folder}: the lock cannot be written: {reason_of(exc)}"
            ) from exc
        self._signed_s = time.time()

    def _give_back(self) -> None:
        try:
            self._store.delete(self._name)
        except TransferError as exc:
            logger.warning("%s: the lock stays until it is stale: %s", self._store.folder, exc)

    def _acquire(self) -> None:
        for round_number in range(1, ROUNDS + 1):
            self._write()
            found = self._store.objects(FOLDER)
            now_ns = max((each.mtime_ns for each in found if each.name == self._name), default=0)
            living = [each for each in found if self._is_alive(each, now_ns)]
            if now_ns and not living:
                # What was stale may have come back to life before it was deleted.
                living = self._others() if len(found) > 1 else []
                if not living:
                    return
            self._store.delete(self._name)
            ages_s = [(now_ns - each.mtime_ns) / 1e9 for each in living]
            if round_number == ROUNDS or any(age_s > JUST_BEGUN_S for age_s in ages_s):
                holder = _read(self._store, living[0]) if living else {}
                raise LedgerError(in_use(str(self._store.folder), holder))
            pause_s = random.uniform(*PAUSE_S) * round_number  # the other one may give way, too
            time.sleep(pause_s)

    def _write(self) -> None:
        self._store.write(self._name, json.dumps(self._content).encode())

    def _is_alive(self, other: StoredObject, now_ns: int) -> bool:
        """Return whether a lock keeps us out; one that is stale is deleted."""
        if other.name == self._name:
            return False
        reason = why_dead(_read(self._store, other))
        if reason is None:
            age_s = (now_ns - other.mtime_ns) / 1e9
            reason = f"no sign of life for {age_s:.0f} s" if age_s > STALE_S else ""
        if not reason:
            return True
        logger.warning("%s: taken over: %s", self._store.uri_of(other.name), reason)
        self._store.delete(other.name)
        return False

    def _others(self) -> list[StoredObject]:
        return [each for each in self._store.objects(FOLDER) if each.name != self._name]

    def _give_sign_of_life(self) -> bool:
        try:
            if self._is_still_ours(was_stale=time.time() - self._signed_s > STALE_S):
                self._signed_s = time.time()
                return True
        except TransferError as exc:
            logger.warning("%s: no sign of life: %s", self._store.folder, exc)
            return True
        self._give_back()
        return False

    def _is_still_ours(self, *, was_stale: bool) -> bool:
        """Give a sign of life; False if another run has the lock."""
        if self._store.find(self._name) is None:
            return False
        self._write()
        # Whoever took the lock over in between has not seen this sign.
        return not (was_stale and self._others())


def run_in_store(store: Store) -> str:
    """Return the name of the run that holds the lock of an output; empty if none does."""
    for found in store.objects(FOLDER):
        holder = _read(store, found)
        dead = why_dead(holder)
        if dead == "" or (dead is None and time.time() - found.mtime_ns / 1e9 <= STALE_S):
            return str(holder.get("run", "?"))
    return ""


def _read(store: Store, found: StoredObject) -> dict[str, object]:
    """Return what a lock says; nothing if it has gone, or something else wrote it."""
    try:
        content = json.loads(store.read(found.name))
    except (TransferError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
