"""Logs: one JSON object per line, with what was bound around it."""

import json
import logging
from pathlib import Path

import pytest

from libsep import log


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    """Return a file that receives the records."""
    logging.getLogger("libsep").handlers = []
    log.setup(path=tmp_path / "run.jsonl")
    return tmp_path / "run.jsonl"


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_record_carries_what_is_bound_around_it(log_file: Path) -> None:
    logger = logging.getLogger("libsep.test")
    with log.bound(run="r1", track="三\n.mp3"):
        logger.info("converted %d", 3)
    logger.info("outside")
    inside, outside = records(log_file)
    assert (inside["message"], inside["run"], inside["track"]) == ("converted 3", "r1", "三\n.mp3")
    assert "run" not in outside


def test_an_exception_is_one_line(log_file: Path) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("libsep.test").exception("failed")
    (record,) = records(log_file)
    assert "ValueError: broken" in str(record["exception"])


def test_setting_up_twice_writes_once(log_file: Path) -> None:
    log.setup(path=log_file)
    logging.getLogger("libsep.test").info("once")
    assert len(records(log_file)) == 1


def test_a_worker_makes_no_folder_where_that_of_its_driver_has_gone(
    log_file: Path, tmp_path: Path
) -> None:
    shared = log.Folder(tmp_path / "mount/runs/r1", is_shared=True)
    log.setup_worker(shared)
    logging.getLogger("libsep.test").info("elsewhere")
    assert not (tmp_path / "mount").exists()
    shared.path.mkdir(parents=True)
    log.setup_worker(shared)
    assert list(shared.path.iterdir()) == [], "another process made this one"
    (shared.path / log.DRIVER).touch()
    log.setup_worker(shared)
    logging.getLogger("libsep.test").info("seen at last")
    (written,) = set(shared.path.iterdir()) - {shared.path / log.DRIVER}
    assert [record["message"] for record in records(written)] == ["seen at last"]
    assert [record["message"] for record in records(log_file)] == ["elsewhere"]


def test_a_worker_makes_the_folder_on_a_disk_of_its_own_and_works_without_it(
    log_file: Path, tmp_path: Path
) -> None:
    own = log.Folder(tmp_path / "own/runs/r2")
    log.setup_worker(own)
    assert len(list(own.path.iterdir())) == 1
    log.setup_worker(log.Folder(log_file / "is no folder"))


def test_a_full_disk_costs_lines_of_the_log_and_nothing_else(
    log_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log.setup(path=Path("/dev/full"))  # every write fails: no space left on device
    for _ in range(3):
        logging.getLogger("libsep.test").info("lost")
    log.setup(path=log_file)
    logging.getLogger("libsep.test").info("written again")
    assert [record["message"] for record in records(log_file)] == ["written again"]
    assert capfd.readouterr().err == ""
