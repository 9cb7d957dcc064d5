"""``libsep report``, and the report at the end of a run."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from libsep.cli.hints import closing_hints
from libsep.cli.report import report_after_run
from libsep.config import Config, StorageConfig
from libsep.ledger import FOLDER, Ledger
from libsep.library.last_run import keep
from libsep.library.omissions import Omissions, write_note
from libsep.library.reasons import LeftOut, Reason
from libsep.storage.ends import Ends
from libsep.track import Outcome

from ..processes import Ended


@pytest.fixture
def stems(tmp_path: Path) -> Path:
    """Return an output folder with a ledger of one good and one bad track, and a note."""
    ledger = Ledger(tmp_path / "stems" / FOLDER)
    ledger.begin("r1")
    ledger.append(Outcome(source="a.mp3", output="a.stem.mp4", status="done", duration_s=60.0))
    ledger.append(Outcome(source="b.mp3", output="b", status="failed", message="is empty"))
    ledger.end()
    (ledger.folder / "library").write_text("/home/dj/My Music")
    left_out = Omissions()
    left_out(LeftOut(Path("notes.txt"), Reason.NOT_AUDIO, "txt"))
    write_note(ledger.folder, left_out.all())
    return tmp_path / "stems"


def test_the_report_lies_beside_the_ledger_or_where_it_is_wanted(
    stems: Path, tmp_path: Path, libsep: Callable[..., Ended]
) -> None:
    ended = libsep("report", stems)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"{stems}/.libsep/report.html: 1 converted, 1 failed\n"
    text = (stems / FOLDER / "report.html").read_text()
    assert f"libsep run &#39;/home/dj/My Music&#39; {stems} --retry-failed" in text
    assert Reason.NOT_AUDIO.value in text
    assert "notes.txt" in text
    assert "add the options that it had" in text
    run = stems / FOLDER / "runs" / "r1"
    run.mkdir(parents=True)
    keep(run, Config().replaced(encode={"codec": "alac"}), ["a.m3u"], with_library=True)
    assert libsep("report", stems, "-o", tmp_path / "new" / "page.html").code == 0
    text = (tmp_path / "new" / "page.html").read_text()
    told = f"-c {run}/config.yaml --playlist {Path.cwd()}/a.m3u --with-library"
    assert f"{stems} {told} --retry-failed" in text
    assert "add the options that it had" not in text
    assert (tmp_path / "new" / "page.html").read_text().startswith("<!doctype html>")
    assert libsep("report", stems, "-o", tmp_path / "new" / "page.html").code == 0
    (tmp_path / "a.mp3").write_bytes(b"ID3")
    refused = libsep("report", stems, "-o", tmp_path / "a.mp3")
    assert (refused.code, (tmp_path / "a.mp3").read_bytes()) == (2, b"ID3")
    assert "a.mp3: exists, and is no such file as would replace it" in refused.err


def test_a_folder_without_a_ledger_has_no_report(
    tmp_path: Path, libsep: Callable[..., Ended]
) -> None:
    ended = libsep("report", tmp_path)
    assert ended.code == 2
    assert "no ledger of libsep here" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_reporting_imports_no_torch_and_no_ray(stems: Path) -> None:
    code = (
        "import sys; from libsep.cli.app import app\n"
        f"app(['report', {str(stems)!r}], standalone_mode=False)\n"
        "assert not {'torch', 'ray'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_run_that_is_to_report_does_and_goes_on_if_it_cannot(
    stems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ends = Ends.of(str(tmp_path / "music"), str(stems), StorageConfig())
    ledger = Ledger(stems / FOLDER)
    report_after_run(tmp_path / "night.html", ends, ledger)
    assert f"libsep run {tmp_path}/music {stems}" in (tmp_path / "night.html").read_text()
    assert "run in work" not in (tmp_path / "night.html").read_text()
    report_after_run(tmp_path / "night.html" / "x.html", ends, ledger)
    assert "the report folder cannot be made: File exists" in capsys.readouterr().err


def test_the_hint_about_a_store_says_how_that_is_reached(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    ours = Ends.of(str(tmp_path), "s3://b/stems", StorageConfig(endpoint="http://127.0.0.1:1"))
    assert f"libsep report s3://b/stems -c {config} writes" in next(closing_hints(ours, config))
    usual = Ends.of(str(tmp_path), "s3://b/stems", StorageConfig())
    assert "libsep report s3://b/stems writes" in next(closing_hints(usual, config))
    here = Ends.of(str(tmp_path), str(tmp_path / "a b"), StorageConfig())
    assert next(closing_hints(here, config)).endswith(
        f"libsep listen '{tmp_path}/a b' plays the stems"
    )
