"""Read the headers and tags of many damaged files, and count what escapes, hangs or eats memory.

Usage: python benchmarks/hostile.py [--n 20000] [--seed 1]

Every container that libsep opens is damaged in the ways of tests/hostile/mutations.py, after the
cuts at each per cent; the readers of the scan and of the tags see each file, under a memory limit.
"""

import argparse
import collections
import itertools
import resource
import sys
import tempfile
import time
from pathlib import Path

from libsep.errors import TrackError
from libsep.library.sniff import sniff
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.pieces import pieces_of
from libsep.media.stems import is_stem_file
from libsep.media.tags import read_header, read_tags

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.hostile.bases import ENCODERS, make_base
from tests.hostile.mutations import Mutant, mutants, truncated

READERS = (sniff, is_stem_file, pieces_of, read_header, read_tags)
MEMORY_BYTES = 2 << 30


def read_all(mutant: Mutant, folder: Path, counts: collections.Counter[str]) -> float:
    """Give a damaged file to every reader, and return how long the slowest took, in seconds."""
    path = folder / f"x.{mutant.name.rpartition('.')[2]}"
    path.write_bytes(mutant.data)
    slowest_s = 0.0
    for read in READERS:
        start = time.perf_counter()
        try:
            read(path)
            counts["read"] += 1
        except TrackError:
            counts["refused"] += 1
        except Exception as exc:  # noqa: BLE001  what escapes is what is counted
            counts["escaped"] += 1
            print(f"{mutant.name}: {read.__name__}: {exc!r}", file=sys.stderr)
        slowest_s = max(slowest_s, time.perf_counter() - start)
    path.unlink()
    return slowest_s


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=20_000, help="damaged files")
    parser.add_argument("--seed", type=int, default=1, help="begin of the random numbers")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    counts: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bases = {e: make_base(folder, e, find_ffmpeg()).read_bytes() for e in ENCODERS}
        cuts = itertools.chain.from_iterable(truncated(*base) for base in bases.items())
        corpus = itertools.islice(itertools.chain(cuts, mutants(bases, options.seed)), options.n)
        slowest_s = max(read_all(mutant, folder, counts) for mutant in corpus)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(f"| {options.n} damaged files of {len(ENCODERS)} kinds | |\n| --- | ---: |")
    for what in ("read", "refused", "escaped"):
        print(f"| {what} | {counts[what]} |")
    print(f"| slowest reader | {slowest_s:.1f} s |\n| peak memory | {peak_mb:.0f} MB |")


if __name__ == "__main__":
    main()
