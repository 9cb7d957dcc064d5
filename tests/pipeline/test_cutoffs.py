"""What a track's cut-off means for it: restored or not, and which settings it counts with."""

import dataclasses
from pathlib import Path

import pytest

from libsep.config import Config, load
from libsep.errors import ConfigError, ModelError
from libsep.pipeline.cutoffs import config_sha256, is_restored, restoration_model_of
from libsep.restoration.model import RestorationModel
from libsep.track import Outcome

KNOWN = Outcome(source="x", output="y", status="done", cutoff_hz=16_000.0, cutoff_confidence=0.9)
OFF = "da0eac7bbbf8db7aee7aca15043840cf40720992ba1e055915f4564f2324df3b"
"""Fingerprint of the default settings before there was super-resolution."""


def config(mode: str, **restoration: float | str) -> Config:
    return Config().replaced(restoration={"super_resolution": mode, **restoration})


def test_nothing_is_restored_by_default_and_stem_files_of_before_stay_valid() -> None:
    assert Config().restoration.super_resolution == "off"
    assert Config().fingerprint() == OFF
    assert config("auto", max_cutoff_hz=9000).fingerprint() == OFF
    assert config_sha256(config("off", max_cutoff_hz=9000), None, KNOWN) == OFF


def test_only_a_track_that_is_restored_counts_the_restoration(
    tiny_restoration_model: RestorationModel,
) -> None:
    model = tiny_restoration_model
    restored = config_sha256(config("auto"), model, KNOWN)
    assert restored != OFF
    assert config_sha256(config("on"), model, KNOWN) == restored
    other = model.model_copy(update={"sha256": "0" * 64})
    assert config_sha256(config("auto"), other, KNOWN) not in (OFF, restored)
    whole = dataclasses.replace(KNOWN, cutoff_hz=None, cutoff_confidence=0.0)
    assert config_sha256(config("on"), model, whole) == OFF
    unknown = dataclasses.replace(KNOWN, cutoff_hz=None, cutoff_confidence=None)
    for known in (unknown, None):
        assert config_sha256(config("auto"), model, known) == restored


@pytest.mark.parametrize(
    ("mode", "cutoff_hz", "confidence", "expected"),
    [
        ("off", 8_000.0, 1.0, False),
        ("auto", 8_000.0, 1.0, True),
        ("auto", 16_900.0, 0.5, True),
        ("auto", 17_000.0, 1.0, False),
        ("auto", 16_000.0, 0.49, False),
        ("auto", None, 0.0, False),
        ("on", 16_000.0, 0.1, True),
        ("on", 19_000.0, 1.0, True),
        ("on", 20_069.0, 1.0, False),
        ("on", 3_200.0, 1.0, False),  # the network does not reach so far down
        ("on", None, 0.0, False),  # a dark recording lacks nothing
    ],
)
def test_who_is_restored(
    tiny_restoration_model: RestorationModel,
    mode: str,
    cutoff_hz: float | None,
    confidence: float,
    *,
    expected: bool,
) -> None:
    known = dataclasses.replace(KNOWN, cutoff_hz=cutoff_hz, cutoff_confidence=confidence)
    model = tiny_restoration_model if mode != "off" else None
    assert is_restored(known, config(mode), model) == expected


@pytest.mark.parametrize("mode", ["off", "on", "auto", '"off"', "'on'"])
def test_the_modes_are_words_though_yaml_takes_two_for_booleans(tmp_path: Path, mode: str) -> None:
    (tmp_path / "c.yaml").write_text(f"restoration: {{super_resolution: {mode}}}\n")
    found = load(Config, tmp_path / "c.yaml").restoration.super_resolution
    assert found == mode.strip("\"'")


def test_another_mode_is_an_error_that_names_the_field() -> None:
    with pytest.raises(ConfigError, match=r"restoration\.super_resolution.*'maybe'"):
        config("maybe")


def test_the_model_is_looked_for_only_where_something_is_restored(
    tiny_restoration_model: RestorationModel,
) -> None:
    assert restoration_model_of(config("off", model="nothing")) is None
    with pytest.raises(ModelError, match="nothing"):
        restoration_model_of(config("auto", model="nothing"))
    found = restoration_model_of(config("on", model=str(tiny_restoration_model.folder)))
    assert found == tiny_restoration_model
