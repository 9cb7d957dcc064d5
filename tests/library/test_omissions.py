"""The note of what a run left out."""

from collections import Counter
from pathlib import Path

from libsep.library.omissions import NOTE, Omission, Omissions, read_note, write_note
from libsep.library.reasons import LeftOut, Reason


def test_a_note_comes_back_and_one_of_another_version_is_no_note(tmp_path: Path) -> None:
    assert read_note(tmp_path) is None
    reason = next(iter(Reason))
    omissions = (Omission(reason, Counter({".txt": 2}), ["a.txt"]),)
    write_note(tmp_path, omissions)
    assert read_note(tmp_path) == omissions
    text = (tmp_path / NOTE).read_text(encoding="utf-8")
    (tmp_path / NOTE).write_text(text.replace(reason.value, "a reason of tomorrow"))
    assert read_note(tmp_path) is None


def test_of_many_files_that_are_left_out_all_are_counted_and_a_few_named() -> None:
    left_out = Omissions()
    for index in range(1000):
        left_out(LeftOut(Path(f"{index}.txt"), Reason.NOT_AUDIO, "txt"))
    (omission,) = left_out.all()
    assert omission.count == 1000
    assert omission.examples == ["0.txt", "1.txt", "2.txt"]
