"""What the locks of output folders have in common, wherever they lie."""

import abc
import threading
from types import TracebackType
from typing import TypeVar

from libsep.errors import LedgerError

HEARTBEAT_S = 30.0
"""Time between two signs of life, in seconds."""

STALE_S = 180.0
"""Age of the last sign of life after which a lock has no owner any more, in seconds."""


LockType = TypeVar("LockType", bound="HeldLock")


class HeldLock(abc.ABC):
    """A lock that one run holds while a thread gives signs of life; a context manager.

    Parameters
    ----------
    place
        What is locked, for messages.
    ask
        What the user may think of when the lock was lost, for messages.

    Raises
    ------
    LedgerError
        On entering: another run holds the lock, or it cannot be written.
    """

    def __init__(self, place: str, ask: str) -> None:
        self._place = place
        self._ask = ask
        self._released = threading.Event()
        self._lost = threading.Event()
        self._heartbeat = threading.Thread(target=self._beat, name="lock heartbeat", daemon=True)

    def __enter__(self: LockType) -> LockType:
        self._take()
        self._heartbeat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._released.set()
        self._heartbeat.join()
        self._give_back()

    def check(self) -> None:
        """Do nothing while the lock is ours.

        Raises
        ------
        LedgerError
            Another run took it over, because this process or its disk stood still for too long.
        """
        if self._lost.is_set():
            raise LedgerError(
                f"{self._place}: the lock went to another run, because this one gave no sign of"
                f" life for {STALE_S:.0f} s; {self._ask}"
            )

    def _beat(self) -> None:
        while not self._released.wait(HEARTBEAT_S):
            if not self._give_sign_of_life():
                self._lost.set()
                return

    @abc.abstractmethod
    def _take(self) -> None:
        """Take the lock, or raise `LedgerError`."""

    @abc.abstractmethod
    def _give_sign_of_life(self) -> bool:
        """Show that the owner lives; False if the lock has another one by now."""

    @abc.abstractmethod
    def _give_back(self) -> None:
        """Remove the lock if it is still ours."""
