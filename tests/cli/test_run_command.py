"""``libsep run`` as a user runs it: a process of its own, real files, real Ray."""

import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from benchmarks.pasted import PAGES, blocks, said, shape
from libsep.cli.app import app
from libsep.ledger import FOLDER, Ledger
from libsep.media.verify import verify_stems

from .conftest import BAD, GOOD, stems_in

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def contents(folder: Path) -> dict[Path, tuple[int, int, bytes]]:
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_size, path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what the tests of a finished run share: its folder, and later how it ended."""
    return {"folder": tmp_path_factory.mktemp("kept")}


@pytest.fixture
def converted(
    libsep: Callable[..., Any],
    library: Path,
    config_file: Path,
    tmp_path: Path,
    kept: dict[str, Any],
) -> Any:
    """Convert the library to ``tmp_path/stems``, or copy what the first such test made."""
    stems = tmp_path / "stems"
    if "ended" not in kept:
        before = contents(library)
        kept["ended"] = libsep("run", library, stems, "--config", config_file)
        assert contents(library) == before, "inputs are never changed"
        kept["stems"] = stems
        for folder in (library, stems):
            shutil.copytree(folder, kept["folder"] / folder.name)
    else:
        shutil.rmtree(library)
        for folder in (library, stems):
            shutil.copytree(kept["folder"] / folder.name, folder)
        (stems / FOLDER / "library").unlink()  # it names where the library was
    return kept["ended"]


def test_a_library_is_converted_and_the_second_run_does_only_what_changed(
    converted: Any, libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    stems = tmp_path / "stems"
    assert converted.code == 1, converted.err
    failed = [row for row in Ledger(stems / FOLDER).latest().values() if row.status == "failed"]
    assert {row.source for row in failed} == BAD
    assert all(row.stage and row.message for row in failed)
    assert stems_in(stems) == GOOD
    assert all(verify_stems(stems / name).is_conformant for name in GOOD)

    written = contents(stems)
    second = libsep("run", library, stems, "--config", config_file)
    assert second.code == 0, second.err
    assert "nothing to do: 4 up to date" in second.out
    assert "3 failed before" in second.out
    for name in GOOD:
        assert contents(stems)[stems / name] == written[stems / name]

    song = mutagen.File(library / "One.mp3", easy=True)
    song["title"] = "Another title"
    song.save()
    (library / "三.ogg").unlink()
    shutil.copy(library / "nested/deeper/Zwei Größen.flac", library / "New.FLAC")
    (library / "nested/deeper/Four [live].m4a").rename(library / "Four.m4a")
    third = libsep("run", library, stems, "--config", config_file, "--json")
    assert third.code == 0, third.err
    counts = ("n_retagged", "n_converted", "n_moved")
    assert [third.json[name] for name in counts] == [1, 1, 1]
    assert mutagen.File(stems / "One.stem.mp4")["\xa9nam"] == ["Another title"]
    stayed = GOOD - {"nested/deeper/Four [live].stem.mp4"}
    assert stems_in(stems) == stayed | {"New.stem.mp4", "Four.stem.mp4"}
    status = libsep("status", stems, "--json")
    assert (status.json["n_converted"], status.json["n_failed"]) == (5, 3)


def test_ray_says_nothing_and_the_lines_name_every_track(
    converted: Any, kept: dict[str, Any]
) -> None:
    ended = converted
    lines = ended.err.splitlines()
    assert lines[0].startswith("1 separator: tiny on CPU")
    assert len(lines) == 8, ended.err
    assert "failed letter.mp3: probe:" in ended.err
    stems = shlex.quote(str(kept["stems"]))
    assert f"libsep report {stems} writes" in ended.out
    assert f"libsep listen {stems} plays" in ended.out
    assert "done nested/deeper/Four [live].m4a" in ended.err
    assert "converted" in ended.out
    logs = list((kept["folder"] / "stems" / FOLDER / "runs").glob("*/*.jsonl"))
    assert any('"track": "letter.mp3"' in log.read_text() for log in logs)


@pytest.mark.usefixtures("converted")
def test_a_lost_ledger_is_rebuilt_from_the_files(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    stems = tmp_path / "stems"
    for name in BAD:
        (library / name).unlink()
    shutil.rmtree(stems / FOLDER)
    again = libsep("run", library, stems, "--config", config_file, "--json")
    assert again.code == 0, again.err
    assert (again.json["n_converted"], again.json["n_up_to_date"]) == (0, 4)


@pytest.mark.usefixtures("converted")
def test_a_damaged_ledger_stops_the_run_and_can_be_mended(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    stems = tmp_path / "stems"
    for name in BAD:
        (library / name).unlink()
    damaged = next((stems / FOLDER / "ledger").glob("*.parquet"))
    damaged.write_bytes(b"PAR1 no more")
    stopped = libsep("run", library, stems, "--config", config_file)
    assert stopped.code == 2
    assert damaged.name in stopped.err
    mended = libsep("run", library, stems, "--config", config_file, "--rebuild-ledger", "--json")
    assert mended.json["n_up_to_date"] == 4
    assert mended.json["n_converted"] == 0


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing(
    libsep: Callable[..., Any], library: Path, config_file: Path, tmp_path: Path
) -> None:
    stems = tmp_path / "stems"
    told = libsep("run", library, stems, "--config", config_file, "--dry-run", "--json")
    assert told.code == 0, told.err
    assert {row["source"] for row in told.json["work"]} >= BAD
    assert told.json["n_tracks"] == 7
    assert told.json["output_bytes"] > 0
    assert not stems.exists()


@pytest.mark.usefixtures("converted")
def test_the_ledger_is_plain_parquet(libsep: Callable[..., Any], tmp_path: Path) -> None:
    stems = tmp_path / "stems"
    outcomes = pq.read_table(stems / FOLDER / "ledger").to_pylist()
    assert len(outcomes) == 7
    done = [row for row in outcomes if row["status"] == "done"]
    assert {row["output"] for row in done} == GOOD
    assert all(row["null_db"] < -90 for row in done)
    assert all(row["separate_s"] > 0 and row["encode_s"] > 0 for row in done)
    status = libsep("status", stems, "--json")
    assert (status.json["n_converted"], status.json["n_failed"]) == (4, 3)


def test_pasted_outputs_are_what_the_commands_print_now(
    converted: Any, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "Music").symlink_to(library)
    (tmp_path / "Stems").symlink_to(tmp_path / "stems")
    runner = CliRunner(env={"COLUMNS": "150", "NO_COLOR": "1"})

    def printed(command: str) -> str:
        if command == "libsep run ~/Music ~/Stems":
            return str(converted.err + converted.out)
        words = shlex.split(command.partition("|")[0])[1:]
        words = [os.path.expanduser(word) for word in words]  # noqa: PTH111 - an option, or a path
        words = [str(tmp_path / "stems/One.stem.mp4") if ".stem." in w else w for w in words]
        result = runner.invoke(app, words)
        return result.output or f"libsep: {result.exception}"  # as ``main`` prints it

    pasted = [pair for page in PAGES for block in blocks(page) for pair in block]
    assert len(pasted) >= 8
    strange = []
    for command, lines in pasted:
        now = {shape(line) for line in printed(command).splitlines()}
        others = {shape(line) for line in lines.splitlines()} - now - {"0"}
        # Lines that this library gives no cause for are texts of libsep, too.
        strange += [(command, line) for line in others if line not in said()]
    assert strange == []
