"""Failures by reason, and the command that tries them again."""

import subprocess
from pathlib import Path

import pytest

from libsep.config import Config
from libsep.library.last_run import Told, keep, read_told
from libsep.report.failures import failure_groups, run_command, shell_word
from libsep.track import Outcome, path_to_text


def failed(source: str, message: str, kind: str = "file", **others: str) -> Outcome:
    return Outcome(source=source, output="x", status="failed", kind=kind, message=message, **others)


def test_failures_that_differ_in_numbers_are_one_reason() -> None:
    rows = [
        failed("a", "only 3.1 s could be decoded\nlog of ffmpeg", stage="decode"),
        failed("b", "only 77.0 s could be decoded", stage="decode"),
        failed("c", "is empty", stage="probe"),
        failed("d", "disk full", "fault", stage="write"),
    ]
    groups = failure_groups(rows)
    assert [(group.count, group.stage, group.examples) for group in groups] == [
        (2, "decode", ["a", "b"]),
        (1, "probe", ["c"]),
        (1, "write", ["d"]),
    ]
    assert groups[0].reason == "only 3.1 s could be decoded"
    assert [group.is_tried_again for group in groups] == [False, False, True]


def test_a_failure_without_words_is_called_by_its_error() -> None:
    assert failure_groups([failed("a", "", error="DecodeError")])[0].reason == "DecodeError"
    assert failure_groups([failed("a", "")])[0].reason == "no reason given"


@pytest.mark.parametrize(
    "name",
    [
        b"plain",
        b"My Music",
        b"it's $(rm -rf) `x` \\ !",
        b"caf\xe9",
        b"line\nbreak\ttab",
        b"-n",
        "三 Größen".encode(),
    ],
)
def test_a_shell_reads_a_path_back_to_the_byte(name: bytes) -> None:
    word = shell_word(path_to_text(Path("/music") / Path(name.decode(errors="surrogateescape"))))
    command = ["bash", "-c", f"printf %s {word}"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"/music/" + name


def test_the_command_names_both_ends_as_far_as_they_are_known() -> None:
    assert run_command("/a b", "s3://x/y", Told(), "--retry-failed") == (
        "libsep run '/a b' s3://x/y --retry-failed"
    )
    assert run_command("", "/stems", Told()) == "libsep run LIBRARY /stems"


def test_the_command_says_what_the_run_before_was_told(tmp_path: Path) -> None:
    keep(tmp_path, Config(), ["/rb.xml#friday // late"], with_library=True)
    assert run_command("/a", "/b", read_told(tmp_path)) == (
        "libsep run /a /b --playlist '/rb.xml#friday // late' --with-library"
    )
    keep(tmp_path, Config().replaced(encode={"codec": "alac"}), [], with_library=False)
    told = Told(config_path=tmp_path / "config.yaml")
    assert run_command("/a", "/b", told) == f"libsep run /a /b -c {tmp_path}/config.yaml"
    (tmp_path / "config.yaml").write_text("of_another_version: 1")
    assert run_command("/a", "/b", told) == f"libsep run /a /b -c {tmp_path}/config.yaml"
