"""Measure the scan of a library: the first one, one of a library that the ledger knows, and a run.

Usage: python benchmarks/scan.py [N_TRACKS] [N_WORKERS]

The library is made of hard links to a few real files with tags, so its data is in the cache of
the disk; what is measured is the work of the processor. The run is ``libsep run`` with nothing to
do: every track has its row in the ledger, and a file in the place of its stem file.
"""

import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ffmpeg as graphs

from libsep.config import Config, ScanConfig
from libsep.ledger import FOLDER, table
from libsep.library.naming import Namer
from libsep.library.plan import plan_tracks
from libsep.library.scan import named, scan
from libsep.media.ffmpeg import find_ffmpeg
from libsep.pipeline import Assigner
from libsep.pipeline.cutoffs import config_sha256, drum_models_of, restoration_model_of
from libsep.track import Outcome, Track, path_to_text

GENRES = ("Deep House", "Jazz", "Rock", "Hip-Hop", "Pop", "Folk")
EXTENSIONS = ("mp3", "flac", "m4a", "ogg", "mp3", "mp3")
RUN = [sys.executable, "-c", "from libsep.cli.app import main; main()", "run"]
MAX_LINKS = 50_000
"""Names that one file may have; ext4 allows 65,000."""


def make_library(library: Path, n_tracks: int) -> None:
    """Fill ``library`` with tracks: ten in an album, ten albums of an artist."""
    originals = []
    for number, (genre, extension) in enumerate(zip(GENRES, EXTENSIONS, strict=True)):
        path = library.parent / f"{number}.{extension}"
        tags = {"title": "Title", "artist": "Artist", "album": "Album", "genre": genre}
        options = {
            f"metadata:g:{i}": f"{key}={value}" for i, (key, value) in enumerate(tags.items())
        }
        graphs.input("sine=duration=30", f="lavfi").output(str(path), **options).run(
            cmd=str(find_ffmpeg()), quiet=True
        )
        originals.append(path)
    for number in range(n_tracks):
        original = originals[number % len(originals)]
        album = library / f"Artist {number // 100:04d}" / f"Album {number // 10:05d}"
        if number % 10 == 0:
            album.mkdir(parents=True)
        (album / f"{number:06d} Title{original.suffix}").hardlink_to(original)


def measured_scan(library: Path, known: dict[str, Outcome], n_workers: int) -> list[Track]:
    """Scan and name all tracks, and print what it took."""
    since_s, since_cpu_s = time.perf_counter(), cpu_s()
    files = scan(library, extensions=ScanConfig().extensions, known=known, n_workers=n_workers)
    namer = Namer({source: row.output for source, row in known.items()})
    tracks = list(named(files, namer))
    took_s, took_cpu_s = time.perf_counter() - since_s, cpu_s() - since_cpu_s
    own_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    reader_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000
    what = "known library" if known else "new library"
    print(
        f"{what:<14} {len(tracks)} tracks {took_s:6.1f} s"
        f"  {took_cpu_s:6.1f} CPU s, {1000 * took_cpu_s / len(tracks):.3f} ms/track"
        f"  peak {own_mb:.0f} MB, largest reader {reader_mb:.0f} MB"
    )
    return tracks


def cpu_s() -> float:
    """Return the CPU time of this process and of its readers that have ended, in seconds."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def outcomes_of(tracks: list[Track], *, output_size_bytes: int) -> list[Outcome]:
    """Return outcomes as long as those of real tracks, for which there is nothing to do any more.

    Parameters
    ----------
    tracks
        The tracks; their genres tell their models.
    output_size_bytes
        Size of each stem file.
    """
    config = Config()
    assign = Assigner(config).assign
    drums = drum_models_of(config)
    settings = config_sha256(config, restoration_model_of(config), None, drums=drums)
    outcomes = []
    for number, track in enumerate(tracks):
        assignment = assign(track, None)
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        outcomes.append(
            Outcome(
                source=path_to_text(track.source_name),
                output=path_to_text(track.output_name),
                status="done",
                tag_genres=track.genres,
                config_sha256=settings,
                audio_sha256=digest,
                tags_sha256=digest[::-1],
                size_bytes=track.size_bytes,
                mtime_ns=track.mtime_ns,
                output_size_bytes=output_size_bytes,
                duration_s=track.duration_s or 0.0,
                wall_s=20.5,
                null_db=-62.5,
                peak_db=-0.3,
                loudness_lufs={"mixture": -9.0, "drums": -14.0, "bass": -16.0, "vocals": -15.0},
                node="studio-1",
                run="r1",
                version="0.1.0",
                **(assignment.columns() if assignment else {}),
            )
        )
    return outcomes


def make_stems(stems: Path, tracks: list[Track], outcomes: list[Outcome]) -> None:
    """Fill ``stems`` with files in the places of the stem files, and the ledger of a past run."""
    original = stems.parent / "original"
    for number, track in enumerate(tracks):
        if number % MAX_LINKS == 0:
            original = stems.parent / f"original-{number}"
            original.write_bytes(b"stems")
        output = stems / track.output
        output.parent.mkdir(parents=True, exist_ok=True)
        output.hardlink_to(original)
    ledger = stems / FOLDER / table.OUTCOMES
    ledger.mkdir(parents=True)
    rows = (
        outcome.as_row() | {"event": "outcome", "sequence": number}
        for number, outcome in enumerate(outcomes, start=1)
    )
    for _, part in table.parts(table.from_rows(rows)):
        table.write(part, ledger / "r1.parquet")


def measured_run(library: Path, stems: Path) -> None:
    """Let ``libsep run`` find out, in a process of its own, that there is nothing to do."""
    since_s, since_cpu_s = time.perf_counter(), cpu_s()
    done = subprocess.run([*RUN, library, stems], check=True, capture_output=True, text=True)
    took_s, took_cpu_s = time.perf_counter() - since_s, cpu_s() - since_cpu_s
    print(f"{'run, no work':<14} {took_s:6.1f} s  {took_cpu_s:6.1f} CPU s  {done.stdout.strip()}")


def main() -> None:
    """Make the library, scan it twice, and plan it."""
    n_tracks = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    n_workers = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        make_library(library, n_tracks)
        tracks = measured_scan(library, {}, n_workers)
        assert len(tracks) == n_tracks
        assert all(track.genres and track.duration_s for track in tracks)
        outcomes = outcomes_of(tracks, output_size_bytes=len(b"stems"))
        known = {outcome.source: outcome for outcome in outcomes}
        measured_scan(library, known, n_workers)
        since_s = time.perf_counter()
        assign = Assigner(Config()).assign
        list(plan_tracks(tracks, known, Path(folder), assign=assign, config_sha256=""))
        took_s = time.perf_counter() - since_s
        print(f"{'plan':<14} {len(tracks)} tracks {took_s:6.1f} s")
        stems = Path(folder) / "stems"
        make_stems(stems, tracks, outcomes)
        measured_run(library, stems)


if __name__ == "__main__":
    main()
