"""Failures by reason, and the command that tries them again."""

import subprocess
from pathlib import Path

import pytest

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
    assert run_command("/a b", "s3://x/y", "--retry-failed") == (
        "libsep run '/a b' s3://x/y --retry-failed"
    )
    assert run_command("", "/stems") == "libsep run LIBRARY /stems"
