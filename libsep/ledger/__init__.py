"""What became of every track: fsynced journals while a run lasts, Parquet for ever after."""

from libsep.ledger.lock import RunLock, run_in_work
from libsep.ledger.store import FOLDER, Ledger

__all__ = ["FOLDER", "Ledger", "RunLock", "run_in_work"]
