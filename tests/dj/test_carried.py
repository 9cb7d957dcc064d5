"""What a stem file says of itself, and what a collection knows of its source: which one wins."""

import dataclasses
import datetime

import pytest

from libsep.dj.collection import Entry
from libsep.dj.stems import carried
from libsep.dj.traktor import write_traktor
from libsep.media.tags.serato_cues import Cue, GridMarker


def test_texts_of_a_stem_file_win_and_what_was_prepared_in_the_collection_does() -> None:
    texts = ("title", "artist", "album", "genre", "comment")
    day = datetime.date(2026, 1, 1)
    prepared: dict[str, object] = {
        "bpm": 120.0,
        "rating": 0,
        "added": day,
        "cues": (Cue(position_s=1.0),),
        "grid": (GridMarker(position_s=1.0, bpm=120.0),),
    }
    own = Entry(
        location="/a", bpm=90.0, rating=60, added=day.replace(day=2), cues=(Cue(position_s=2.0),),
        grid=(GridMarker(position_s=2.0, bpm=90.0),), **dict.fromkeys(texts, "own"),
    )  # fmt: skip
    known = Entry(location="/b", **dict.fromkeys(texts, "known"), **prepared)
    entry = carried(own, known)
    assert [getattr(entry, name) for name in texts] == ["own"] * 5
    assert {name: getattr(entry, name) for name in prepared} == prepared
    assert carried(own, Entry(location="/b")) == own
    assert carried(Entry(location="/a"), known) == dataclasses.replace(known, location="/a")


@pytest.mark.parametrize(
    ("own", "known", "number"), [("", "8A", 21), ("Dm", "8A", 14), ("loud", "1m", 21)]
)
def test_a_key_that_is_none_yields_to_one_that_is(own: str, known: str, number: int) -> None:
    entry = carried(Entry(location="/a", key=own), Entry(location="/b", key=known))
    (written,) = write_traktor([entry], [], today=datetime.date(2026, 1, 1)).iter("MUSICAL_KEY")
    assert written.get("VALUE") == str(number)


def test_the_number_that_traktor_found_is_kept_whatever_the_text_says() -> None:
    own = Entry(location="/a", key="Dm")
    entry = carried(own, Entry(location="/b", key="8m", key_number=21))
    (written,) = write_traktor([entry], [], today=datetime.date(2026, 1, 1)).iter("MUSICAL_KEY")
    assert written.get("VALUE") == "21"
