"""SIR, SAR and cSDR against museval itself, and against what can be worked out by hand."""

import importlib
import sys
from types import ModuleType

import numpy as np
import pytest

from libsep.errors import ConfigError
from libsep.evaluation.bsseval import bss_eval
from libsep.metrics import frame_sdr

RATE = 8000
SECONDS = 3


@pytest.fixture
def sources(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return two stereo noises of three seconds."""
    noises = rng.standard_normal((2, 2, SECONDS * RATE)).astype(np.float32) * 0.1
    return dict(zip(("drums", "bass"), noises, strict=True))


@pytest.fixture
def estimates(sources: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Return estimates that leak, sound dull, and are noisy, more and more."""
    rise = np.repeat((1.0, 0.7, 0.3), RATE)
    noise = (0.01 * rise * rng.standard_normal((2, SECONDS * RATE))).astype(np.float32)
    drums = sources["drums"] + (0.3 * rise * sources["bass"]).astype(np.float32) + noise
    bass = sources["bass"] + 0.1 * sources["drums"]
    bass[:, 1:] += 0.2 * bass[:, :-1]
    return {"drums": drums, "bass": bass}


def test_the_numbers_are_those_of_museval(
    sources: dict[str, np.ndarray], estimates: dict[str, np.ndarray], museval: ModuleType
) -> None:
    stacked = [
        np.stack([signals[name].T for name in sources]).astype(np.float64)
        for signals in (sources, estimates)
    ]
    sdr, _, sir, sar = museval.evaluate(*stacked, win=RATE, hop=RATE)
    found = bss_eval(sources, estimates, RATE)
    pair = [np.stack(list(signals.values())) for signals in (sources, estimates)]
    medians = np.median(frame_sdr(*pair, RATE), axis=0)
    for index, name in enumerate(sources):
        assert medians[index] == pytest.approx(np.nanmedian(sdr[index]), abs=1e-4)
        expected = np.nanmedian(sir[index]), np.nanmedian(sar[index])
        assert found[name] == pytest.approx(expected, abs=1e-6)


def test_csdr_leaves_out_the_seconds_that_museval_leaves_out(
    sources: dict[str, np.ndarray], estimates: dict[str, np.ndarray], museval: ModuleType
) -> None:
    sources["bass"][:, RATE : 2 * RATE] = 0
    stacked = [np.stack(list(signals.values())) for signals in (sources, estimates)]
    sdr, *_ = museval.evaluate(
        *(s.transpose(0, 2, 1).astype(np.float64) for s in stacked), win=RATE, hop=RATE
    )
    assert np.isnan(sdr[:, 1]).all()
    np.testing.assert_allclose(
        np.median(frame_sdr(*stacked, RATE), axis=0), np.nanmedian(sdr, axis=1), atol=1e-4
    )


def test_interference_and_artefacts_are_what_was_added(
    sources: dict[str, np.ndarray], rng: np.random.Generator
) -> None:
    noise = rng.standard_normal((2, SECONDS * RATE)).astype(np.float32) * 0.1
    estimates = {
        "drums": sources["drums"] + 0.1 * sources["bass"],
        "bass": sources["bass"] + 0.1 * noise,
    }
    found = bss_eval(sources, estimates, RATE)
    assert found["drums"][0] == pytest.approx(20, abs=0.5)
    assert found["drums"][1] > 60
    assert found["bass"][0] > 25  # noise looks a little like everything
    assert found["bass"][1] == pytest.approx(20, abs=1)


def test_sources_in_both_channels_alike_still_have_a_result(
    sources: dict[str, np.ndarray], estimates: dict[str, np.ndarray]
) -> None:
    mono = {name: np.stack([source[0]] * 2) for name, source in sources.items()}
    parts = {name: mono[name] + 0.1 * np.stack([e[1]] * 2) for name, e in estimates.items()}
    found = bss_eval(mono, parts, RATE)
    assert all(np.isfinite(value) for ratios in found.values() for value in ratios)


def test_there_is_no_answer_for_silence_or_a_single_source(
    sources: dict[str, np.ndarray], estimates: dict[str, np.ndarray]
) -> None:
    only = {"drums": sources["drums"]}
    assert bss_eval(only, only, RATE) == {}
    assert bss_eval(sources, estimates | {"bass": 0 * sources["bass"]}, RATE) == {}


@pytest.mark.parametrize(("module", "package"), [("bsseval", "museval"), ("plots", "matplotlib")])
def test_a_missing_package_is_named_with_what_installs_it(
    module: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"libsep.evaluation.{module}", raising=False)
    with pytest.raises(ConfigError, match=rf"{package}: pip install 'libsep\[evaluate\]'"):
        importlib.import_module(f"libsep.evaluation.{module}")
