"""What became of every track: fsynced journals while a run lasts, Parquet for ever after."""

from libsep.ledger.latest import failed_outcomes, outcomes_of_files, outputs_of
from libsep.ledger.lock import RunLock, run_in_work
from libsep.ledger.store import FOLDER, Ledger, ledger_of

__all__ = [
    "FOLDER",
    "Ledger",
    "RunLock",
    "failed_outcomes",
    "ledger_of",
    "outcomes_of_files",
    "outputs_of",
    "run_in_work",
]
