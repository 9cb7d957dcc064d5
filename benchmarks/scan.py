"""Measure the scan of a library: the first one, and one of a library that the ledger knows.

Usage: python benchmarks/scan.py [N_TRACKS] [N_WORKERS]

The library is made of hard links to a few real files with tags, so its data is in the cache of
the disk; what is measured is the work of the processor.
"""

import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import ffmpeg as graphs

from libsep.config import Config, ScanConfig
from libsep.library.naming import Namer
from libsep.library.plan import plan_tracks
from libsep.library.scan import named, scan
from libsep.media.ffmpeg import find_ffmpeg
from libsep.pipeline import Assigner
from libsep.track import Outcome, Track, path_to_text

GENRES = ("Deep House", "Jazz", "Rock", "Hip-Hop", "Pop", "Folk")
EXTENSIONS = ("mp3", "flac", "m4a", "ogg", "mp3", "mp3")


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


def outcome_of(track: Track) -> Outcome:
    """Return the outcome of a converted track."""
    return Outcome(
        source=path_to_text(track.source),
        output=path_to_text(track.output),
        status="done",
        genre="electronic",
        tag_genres=track.genres,
        duration_s=track.duration_s or 0.0,
        size_bytes=track.size_bytes,
        mtime_ns=track.mtime_ns,
    )


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
        known = {path_to_text(track.source): outcome_of(track) for track in tracks}
        measured_scan(library, known, n_workers)
        since_s = time.perf_counter()
        assign = Assigner(Config()).assign
        list(plan_tracks(tracks, known, Path(folder), assign=assign, config_sha256=""))
        took_s = time.perf_counter() - since_s
        print(f"{'plan':<14} {len(tracks)} tracks {took_s:6.1f} s")


if __name__ == "__main__":
    main()
