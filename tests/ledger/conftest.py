"""Short ways to rows."""

from libsep.ledger import Ledger
from libsep.track import Outcome


def outcome(source: str, **fields: object) -> Outcome:
    values = {"output": f"{source}.stem.mp4", "status": "done", **fields}
    return Outcome(source=source, **values)


def record(ledger: Ledger, run: str, *outcomes: Outcome) -> None:
    ledger.begin(run)
    for each in outcomes:
        ledger.started(each.source)
        ledger.append(each)
    ledger.end()
