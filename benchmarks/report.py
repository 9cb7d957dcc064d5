"""How long a browser takes over the report on 20,000 tracks: python -m benchmarks.report.

With the name of a file, it only writes that report, as a test does.
"""

import sys
import tempfile
import time
from pathlib import Path

from libsep.ledger import Ledger, table
from libsep.report.page import write_report
from libsep.track import Outcome

N_TRACKS = 20_000

STEPS = {
    "sort": "document.querySelectorAll('th button')[0].click()",
    "filter": "document.getElementById('search').value = 'track 1999';"
    "document.querySelector('.tools').dispatchEvent(new Event('change'))",
    "scroll": "document.getElementById('scroll').scrollTop = 1e9",
}
"""What one does with the list, as JavaScript."""


def write_large_report(path: Path) -> None:
    """Write the report on `N_TRACKS` tracks of three genres in seven folders."""
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / ".libsep")
        (ledger.folder / "ledger").mkdir(parents=True)
        rows = [_row(index) for index in range(N_TRACKS)]
        table.write(table.from_rows(rows), ledger.folder / "ledger" / "r1.parquet")
        write_report(ledger, path, place="/stems")


def _row(index: int) -> dict[str, object]:
    outcome = Outcome(
        source=f"folder {index % 7}/Track {index}.mp3",
        output=f"folder {index % 7}/Track {index}.stem.mp4",
        status="done",
        genre=("electronic", "jazz", "rock")[index % 3],
        model="generic",
        duration_s=100.0 + index % 300,
        wall_s=30.0,
        null_db=-170.0 + index % 20,
        peak_db=-1.0 + index % 3,
        loudness_lufs={
            "mixture": -14.0, "drums": -20.0, "bass": -22.0, "other": -18.0, "vocals": -20.0,
        },
        cutoff_hz=16_000.0,
        cutoff_confidence=0.9,
        started_at=1.7e9 + 20 * index,
        ended_at=1.7e9 + 20 * index + 30,
    )  # fmt: skip
    return outcome.as_row() | {"event": "outcome", "sequence": index + 1, "run": "r1"}


def main() -> None:
    """Write the report, open it in Chromium, and print what each step takes."""
    from playwright.sync_api import sync_playwright

    from tests.browser import find_chromium

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        report = Path(folder) / "report.html"
        start_s = time.perf_counter()
        write_large_report(report)
        print("| step | time |\n| --- | ---: |")
        print(f"| write | {time.perf_counter() - start_s:.1f} s |")
        print(f"| size | {report.stat().st_size / 1e6:.1f} MB |")
        browser = playwright.chromium.launch(
            executable_path=find_chromium(), args=["--disable-dev-shm-usage", "--disable-gpu"]
        )
        page = browser.new_page()
        start_s = time.perf_counter()
        page.goto(report.as_uri())
        print(f"| open | {1000 * (time.perf_counter() - start_s):.0f} ms |")
        for name, script in STEPS.items():
            took_ms = page.evaluate(
                f"() => {{ const from = performance.now(); {script}; document.body.offsetHeight;"
                " return performance.now() - from }"
            )
            print(f"| {name} | {took_ms:.0f} ms |")
        browser.close()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write_large_report(Path(sys.argv[1]))
    else:
        main()
