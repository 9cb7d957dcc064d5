"""Names of tracks as text."""

import dataclasses
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from libsep.track import Outcome, path_to_text, text_to_path

names = st.binary(min_size=1, max_size=40).filter(
    lambda name: b"\0" not in name and b"/" not in name and name not in (b".", b"..")
)


@given(names)
def test_any_name_of_a_file_survives_as_text(name: bytes) -> None:
    path = Path(os.fsdecode(name))
    text = path_to_text(path)
    text.encode("utf-8")  # valid Unicode, or this raises
    assert os.fsencode(text_to_path(text)) == name


@given(names, names)
def test_different_names_have_different_texts(one: bytes, other: bytes) -> None:
    texts = {path_to_text(Path(os.fsdecode(name))) for name in (one, other)}
    assert len(texts) == len({one, other})


def test_usual_names_stay_as_they_are() -> None:
    assert path_to_text(Path("Größe/三 [live].flac")) == "Größe/三 [live].flac"


def test_an_outcome_becomes_a_row_of_plain_values() -> None:
    outcome = Outcome(source="a", output="b", status="done", warnings=("odd",))
    row = outcome.as_row()
    assert row["warnings"] == ["odd"]
    assert set(row) == {field.name for field in dataclasses.fields(Outcome)}
