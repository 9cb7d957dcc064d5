"""What of a track is worth a second look."""

import dataclasses
import math
from typing import Any

import pytest

from libsep.report.signals import shares, signals_of, silent_stems
from libsep.track import Outcome

LOUDNESS = {"mixture": -10.0, "drums": -16.0, "bass": -16.0, "other": -16.0, "vocals": -16.0}
PLAIN = Outcome(
    source="a.mp3",
    output="a.stem.mp4",
    status="done",
    duration_s=100.0,
    null_db=-150.0,
    peak_db=0.5,
    clipped_samples=0,
    loudness_lufs=LOUDNESS,
    genre_source="tag",
)


def test_equally_loud_stems_have_a_quarter_each_and_twice_the_power_is_twice_the_share() -> None:
    assert shares(LOUDNESS) == pytest.approx(dict.fromkeys(LOUDNESS.keys() - {"mixture"}, 0.25))
    louder = LOUDNESS | {"drums": -16.0 + 10 * math.log10(3)}
    assert shares(louder) == pytest.approx(
        {"drums": 0.5, "bass": 1 / 6, "other": 1 / 6, "vocals": 1 / 6}
    )


def test_silence_has_no_shares_and_no_silent_stems() -> None:
    silence = dict.fromkeys(LOUDNESS, -math.inf)
    assert shares(silence) is None
    assert shares({}) is None
    assert silent_stems(silence) == ()
    assert silent_stems({}) == ()


def test_a_silent_stem_is_named_and_has_no_share() -> None:
    instrumental = LOUDNESS | {"vocals": -math.inf, "bass": -41.0}
    assert silent_stems(instrumental) == ("bass", "vocals")
    found = shares(instrumental)
    assert found is not None
    assert found["vocals"] == 0


@pytest.mark.parametrize(
    ("signal", "changes", "but_not"),
    [
        ("silent stem", {"loudness_lufs": LOUDNESS | {"bass": -40.5}}, {"loudness_lufs": LOUDNESS}),
        ("clipped", {"clipped_samples": 100}, {"clipped_samples": 80}),
        (
            "cut off",
            {"cutoff_hz": 16_000.0, "cutoff_confidence": 0.9},
            {"cutoff_hz": 16_000.0, "cutoff_confidence": 0.4},
        ),
        (
            "cut off",
            {"cutoff_hz": 16_999.0, "cutoff_confidence": 0.9},
            {"cutoff_hz": 17_000.0, "cutoff_confidence": 0.9},
        ),
        ("restored", {"restored_from_hz": 9000.0}, {"cutoff_hz": 9000.0}),
        ("drums", {"n_hits_replaced": 3}, {"n_hits_replaced": 0}),
        (
            "unsure genre",
            {"genre_source": "sound", "genre_probabilities": {"jazz": 0.5, "pop": 0.5}},
            {"genre_source": "sound", "genre_probabilities": {"jazz": 0.7, "pop": 0.3}},
        ),
        (
            "unsure genre",
            {"genre_source": "sound", "genre_probabilities": {"jazz": 0.5, "pop": 0.5}},
            {"genre_source": "tag", "genre_probabilities": {"jazz": 0.5, "pop": 0.5}},
        ),
        ("shallow null", {"null_db": -95.0}, {"null_db": -111.0}),
        ("remark", {"warnings": ("cover dropped",)}, {"warnings": ()}),
    ],
)
def test_a_signal_is_given_beyond_its_limit_only(
    signal: str, changes: dict[str, Any], but_not: dict[str, Any]
) -> None:
    assert signal in signals_of(dataclasses.replace(PLAIN, **changes))
    assert signal not in signals_of(dataclasses.replace(PLAIN, **but_not))


def test_a_plain_track_and_a_failed_one_give_none() -> None:
    assert signals_of(PLAIN) == ()
    assert signals_of(dataclasses.replace(PLAIN, status="failed", null_db=-5.0)) == ()
    assert signals_of(Outcome(source="a", output="b", status="done")) == ()
