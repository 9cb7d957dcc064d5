"""Outputs that are pasted into the pages are marked, and words in samples are those of libsep."""

import re
from pathlib import Path

import pytest

from benchmarks.pasted import MADE, PAGES, SAMPLE, said

_CONSOLE = re.compile(r"(?:(<!-- .*? -->)\n)?```(\w*)\n(\$ .*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_outputs_are_made_by_the_script_or_say_why_they_are_samples(page: Path) -> None:
    unmarked = []
    for mark, language, text in _CONSOLE.findall(page.read_text(encoding="utf-8")):
        has_output = any(line and not line.startswith("$ ") for line in text.splitlines())
        is_marked = mark == MADE or mark.startswith(SAMPLE)
        if has_output and not (is_marked and language == "console"):
            unmarked.append(text.splitlines()[0])
    assert unmarked == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_lines_of_samples_are_made_of_texts_of_libsep(page: Path) -> None:
    strange = []
    for mark, _, text in _CONSOLE.findall(page.read_text(encoding="utf-8")):
        for line in text.splitlines()[1:] if mark.startswith(SAMPLE) else ():
            # What stands between figures, names and signs is what a program prints of itself.
            parts = re.split(r"[^A-Za-z ]+|\s{2,}|(?<= )[A-Z]\w*", line)
            parts = [part.strip() for part in parts if len(part.strip()) >= 4]
            if parts and not any(part in said() for part in parts):
                strange.append(line)
    assert strange == []
