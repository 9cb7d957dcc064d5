"""Some hundred damaged files through the whole pipeline: done or failed with a reason."""

import hashlib
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from libsep.media.probe import FORMATS
from libsep.track import text_to_path

from .conftest import ConvertAll
from .mutations import Mutant, mutants, renamed, truncated
from .worker import Result

SEED = 20261120
N_MUTANTS = 19 * 9
"""Each format once in each way to damage it."""

EACH_NTH_PERCENT = 24
"""Of the cuts at each per cent that a format gets here; the formats take turns, and
``benchmarks/hostile.py`` makes them all."""

MAX_GROWTH_BYTES = 256 << 20
COMPLAINT = re.compile(r"^\[[^\]]*\] \[(?:error|fatal)\] |^\[(?:error|fatal)\] ", re.MULTILINE)


pytestmark = pytest.mark.timeout(3 * 3600)
"""The first test converts 260 files, one minute of work for two idle cores; a machine
that is ten times as slow, and has other tests to run, needs more than tests have by default."""


def corpus(bases: dict[str, bytes]) -> Iterator[Mutant]:
    """Yield what one run of the tests converts."""
    for index, (ending, data) in enumerate(bases.items()):
        percents = range(1 + index % EACH_NTH_PERCENT, 100, EACH_NTH_PERCENT)
        yield from truncated(ending, data, percents)
    yield from itertools.islice(renamed(bases), 0, None, 19)
    yield from itertools.islice(mutants(bases, SEED), N_MUTANTS)


@pytest.fixture(scope="module")
def sources(bases: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of damaged files."""
    folder = tmp_path_factory.mktemp("mutants")
    for mutant in corpus(bases):
        (folder / mutant.name).write_bytes(mutant.data)
    return folder


@pytest.fixture(scope="module")
def before(sources: Path) -> dict[Path, str]:
    """Return the hash of each damaged file."""
    return digests(sources)


@pytest.fixture(scope="module")
def stems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the stem files."""
    return tmp_path_factory.mktemp("stems")


@pytest.fixture(scope="module")
def results(
    sources: Path, before: dict[Path, str], stems: Path, convert_all: ConvertAll
) -> list[Result]:
    """Return what became of each damaged file, and what it took."""
    return convert_all(list(before), stems)


def digests(folder: Path) -> dict[Path, str]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_every_mutant_ends_as_done_or_failed_by_what_is_in_the_file(results: list[Result]) -> None:
    assert len(results) >= 260
    others = [
        (result.path.name, result.outcome.kind, result.outcome.message)
        for result in results
        if (result.outcome.status, result.outcome.kind) not in (("done", ""), ("failed", "file"))
    ]
    assert others == []


def test_every_failure_has_a_reason_in_words(results: list[Result]) -> None:
    messages = [result.outcome.message for result in results if result.outcome.status == "failed"]
    assert len(messages) > 75
    for message in messages:
        first, *_ = message.splitlines()
        assert len(first) > 15
        assert not re.search(r"Traceback|\.py\b|Cannot allocate memory", message)


def test_no_mutant_needs_much_memory(results: list[Result]) -> None:
    greedy = [
        (result.path.name, result.grown_bytes)
        for result in results
        if result.grown_bytes > MAX_GROWTH_BYTES
    ]
    assert greedy == []


def test_nothing_is_left_but_the_stem_files_and_nothing_has_changed(
    results: list[Result], before: dict[Path, str], sources: Path, stems: Path
) -> None:
    done = {
        text_to_path(result.outcome.output).name
        for result in results
        if result.outcome.status == "done"
    }
    assert len(done) > 75
    assert {path.name for path in stems.iterdir()} == done
    assert digests(sources) == before
    assert [result.path.name for result in results if result.children] == []


def test_what_ffmpeg_says_about_a_damaged_file_is_a_warning_of_its_track(
    results: list[Result], ffmpeg: Path
) -> None:
    silent = []
    done = [result for result in results if result.outcome.status == "done"]
    for result in done[::5]:
        source = ["-format_whitelist", ",".join(FORMATS), "-vn", "-sn", "-dn"]
        command = [ffmpeg, "-v", "level+error", *source, "-i", f"file:{result.path}"]
        said = subprocess.run(
            [*command, "-map", "a:0", "-f", "null", "-"],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        ).stderr.decode(errors="replace")
        if COMPLAINT.search(said) and not result.outcome.warnings:
            silent.append((result.path.name, said))
    assert silent == []
