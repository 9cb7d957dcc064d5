"""Measure the ledger: rows per second while a run lasts, and seconds to load 100,000 rows.

Usage: python benchmarks/ledger.py [N_TRACKS]
"""

import hashlib
import resource
import sys
import tempfile
import time
from pathlib import Path

from libsep.ledger import Ledger
from libsep.track import Outcome


def outcome(number: int) -> Outcome:
    """Return an outcome as long as those of real tracks."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    source = f"Artist {number // 100:04d}/Album {number // 10:05d}/{number:06d} Some Title.flac"
    return Outcome(
        source=source,
        output=source.replace(".flac", ".stem.mp4"),
        status="done",
        genre="electronic",
        genre_reason="tag 'Deep House'",
        model="generic",
        model_sha256=hashlib.sha256(b"model").hexdigest(),
        config_sha256=hashlib.sha256(b"config").hexdigest(),
        audio_sha256=digest,
        tags_sha256=digest[::-1],
        size_bytes=30_000_000 + number,
        mtime_ns=1_700_000_000_000_000_000 + number,
        output_size_bytes=48_000_000 + number,
        duration_s=240.0 + number % 60,
        wall_s=20.5,
        null_db=-62.5,
        peak_db=-0.3,
        loudness_lufs={"mixture": -9.0, "drums": -14.0, "bass": -16.0, "vocals": -15.0},
        node="studio-1",
        version="0.1.0",
    )


def report(what: str, n_rows: int, since_s: float) -> None:
    """Print how long something took, in all and for each row."""
    took_s = time.perf_counter() - since_s
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(
        f"{what:<28} {took_s:7.2f} s  {1000 * took_s / n_rows:7.4f} ms/row  {rss_mb:6.0f} MB peak"
    )


def main() -> None:
    """Write, compact and load a ledger in a temporary folder."""
    n_tracks = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    outcomes = [outcome(number) for number in range(n_tracks)]
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder))
        ledger.begin("r1")
        since_s = time.perf_counter()
        for each in outcomes:
            ledger.started(each.source)
            ledger.append(each)
        report("started + outcome, fsynced", n_tracks, since_s)
        since_s = time.perf_counter()
        rows = ledger.latest()
        report("latest() from the journal", n_tracks, since_s)
        since_s = time.perf_counter()
        ledger.end()
        report("compaction", n_tracks, since_s)
        del rows
        since_s = time.perf_counter()
        rows = ledger.latest()
        report("latest() from Parquet", n_tracks, since_s)
        assert rows[outcomes[-1].source].mtime_ns == outcomes[-1].mtime_ns
        size_mb = sum(path.stat().st_size for path in Path(folder).rglob("*.parquet")) / 1e6
        print(f"{'Parquet':<28} {size_mb:7.1f} MB")


if __name__ == "__main__":
    main()
