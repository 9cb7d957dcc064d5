"""Reports on ledgers that a test makes up, and what their page shows."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

from libsep.ledger import Ledger, table
from libsep.report.page import write_report
from libsep.track import Outcome, path_to_text

GENRES = ("electronic", "jazz", "rock")

HOSTILE = (
    "a/</script><script>document.title='broken'</script>.mp3",
    "a/<img src=x onerror=\"document.title='broken'\">.mp3",
    'a/"quoted" & <b>bold</b> \' {{ 7 * 7 }} {% raw %}.mp3',
    "a/<!--<script>.mp3",
    "a/\u202egpj.evil \u2028 line.mp3",
)


def converted(index: int, **changes: Any) -> Outcome:
    """Return a track whose numbers all depend on its place."""
    loudness = {"drums": -20.0, "bass": -22.0, "other": -18.0, "vocals": -20.0 - index % 30}
    values = {
        "source": f"folder {index % 7}/Track {index}.mp3",
        "output": f"folder {index % 7}/Track {index}.stem.mp4",
        "status": "done",
        "stage": "",
        "genre": GENRES[index % 3],
        "genre_reason": f'tag "{GENRES[index % 3]}"',
        "model": "generic",
        "duration_s": 100.0 + index,
        "wall_s": 30.0,
        "encode_s": 10.0,
        "separate_s": 8.0,
        "null_db": -170.0 + index % 20,
        "peak_db": -1.0 + index % 3,
        "clipped_samples": 0,
        "loudness_lufs": {"mixture": -14.0, **loudness},
        "cutoff_hz": 16_000.0 if index % 5 == 0 else None,
        "cutoff_confidence": 0.9,
        "output_size_bytes": 5_000_000,
        "started_at": 1_700_000_000.0 + 20 * index,
        "ended_at": 1_700_000_030.0 + 20 * index,
        "node": "studio",
    }
    return Outcome(**(values | changes))


def failed(source: str, message: str) -> Outcome:
    return Outcome(
        source=source, output="x", status="failed", kind="file", stage="probe", message=message,
        genre="rock", error="ProbeError",
    )  # fmt: skip


def report_on(folder: Path, rows: list[Outcome]) -> Path:
    ledger = Ledger(folder / ".libsep")
    (ledger.folder / "ledger").mkdir(parents=True)
    written = [
        row.as_row() | {"event": "outcome", "sequence": index, "run": "r1"}
        for index, row in enumerate(rows, start=1)
    ]
    table.write(table.from_rows(written), ledger.folder / "ledger" / "r1.parquet")
    path = folder / "report.html"
    write_report(ledger, path, place=path_to_text(folder), library="/home/dj/My Music")
    return path


def names(page: Page) -> list[str]:
    """Return the tracks that are drawn, in their order."""
    return page.locator("#body td.name button > bdi").all_text_contents()
