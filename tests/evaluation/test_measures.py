import math

import numpy as np
import pytest

from libsep.datasets.songs import UNSCORED, Song
from libsep.evaluation.measures import LIMIT_DB, References, measure_song
from libsep.track import TARGETS

RATE = 44100


def song_of(rng: np.random.Generator, *names: str, seconds: int = 2) -> Song:
    """Return noises of a tenth of full scale, one for each name."""
    noises = (3276 * rng.standard_normal((len(names), 2, seconds * RATE))).clip(-32767, 32767)
    return Song("one", dict(zip(names, noises.astype(np.int16), strict=True)))


def test_perfect_estimates_reach_the_limits(rng: np.random.Generator) -> None:
    song = song_of(rng, *TARGETS)
    found = measure_song(
        References(song, RATE), {target: song.source(target) for target in TARGETS}
    )
    assert list(found) == list(TARGETS)
    for measures in found.values():
        assert measures.usdr_db == measures.csdr_db == LIMIT_DB
        assert measures.si_sdr_db is not None
        assert measures.si_sdr_db > 100
        assert (measures.lsd, measures.lsd_high, measures.onset_lsd) == (0, 0, 0)
        assert str(measures.high_band_db) == "0.0"
        assert (measures.leakage_db, measures.sir_db, measures.sar_db) == (None, None, None)


def test_a_source_is_looked_at_once_for_all_models(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    song = song_of(rng, *TARGETS)
    estimates = {target: song.source(target) / 2 for target in TARGETS}
    references = References(song, RATE)
    first = measure_song(references, estimates)
    monkeypatch.setattr("libsep.metrics.find_onsets", None)
    assert measure_song(references, estimates) == first


def test_blurred_onsets_are_told(rng: np.random.Generator) -> None:
    song = song_of(rng, *TARGETS)
    strokes = np.exp(-np.arange(RATE // 4) / 1000)
    song.sources["drums"][:] = (song.sources["drums"] * np.tile(strokes, 8)).astype(np.int16)
    estimates = {target: song.source(target) for target in TARGETS}
    assert measure_song(References(song, RATE), estimates)["drums"].sharpness_db == 0
    kernel = np.hanning(2000) / 1000
    blurred = [np.convolve(channel, kernel, mode="same") for channel in estimates["drums"] ** 2]
    estimates["drums"] = np.sqrt(np.maximum(blurred, 0)).astype(np.float32)
    found = measure_song(References(song, RATE), estimates)["drums"]
    assert found.sharpness_db is not None
    assert found.sharpness_db < -3
    assert found.onset_lsd is not None
    assert found.onset_lsd > 1


def test_the_numbers_are_each_of_their_own_target(rng: np.random.Generator) -> None:
    song = song_of(rng, *TARGETS)
    gains = dict(zip(TARGETS, (0.9, 0.99, 1.1, 0.5), strict=True))
    estimates = {t: np.float32(gain) * song.source(t) for t, gain in gains.items()}
    for target, measures in measure_song(References(song, RATE), estimates).items():
        expected = -20 * math.log10(abs(1 - gains[target]))
        assert measures.usdr_db == pytest.approx(expected, abs=0.01)
        assert measures.csdr_db == pytest.approx(expected, abs=0.01)
        assert measures.lsd == pytest.approx(abs(2 * math.log10(gains[target])), rel=0.01)
        assert measures.high_band_db == pytest.approx(20 * math.log10(gains[target]), abs=0.01)


def test_a_silent_source_is_not_scored_and_its_leakage_is_told(rng: np.random.Generator) -> None:
    song = song_of(rng, "drums", "bass", "other", "vocals")
    song.sources["vocals"][:] = 2  # -84 dB
    estimates = {target: song.source(target) for target in TARGETS}
    estimates["vocals"] = 0.01 * song.mixture()
    found = measure_song(References(song, RATE), estimates)
    assert found["vocals"].is_silent
    assert found["vocals"].usdr_db is None
    assert found["vocals"].leakage_db == pytest.approx(-40, abs=0.01)
    assert not found["drums"].is_silent


def test_a_target_that_a_song_lacks_is_silent(rng: np.random.Generator) -> None:
    song = song_of(rng, "drums", "bass")
    estimates = dict.fromkeys(TARGETS, song.mixture() / 4)
    found = measure_song(References(song, RATE), estimates)
    assert [name for name, measures in found.items() if measures.is_silent] == ["other", "vocals"]
    assert found["vocals"].leakage_db == pytest.approx(20 * math.log10(1 / 4), abs=0.01)


def test_a_target_within_what_is_unscored_is_left_out(rng: np.random.Generator) -> None:
    song = song_of(rng, "vocals", UNSCORED)
    found = measure_song(References(song, RATE), dict.fromkeys(TARGETS, song.mixture() / 4))
    assert list(found) == ["vocals"]


def test_leakage_counts_the_silent_seconds_only(rng: np.random.Generator) -> None:
    song = song_of(rng, *TARGETS, seconds=3)
    song.sources["bass"][:, RATE : 2 * RATE] = 0
    estimates = {target: song.source(target) for target in TARGETS}
    estimates["bass"][:, RATE : 2 * RATE] = 0.1 * song.mixture()[:, RATE : 2 * RATE]
    estimates["bass"][:, :RATE] *= 3
    found = measure_song(References(song, RATE), estimates)
    assert found["bass"].leakage_db == pytest.approx(-20, abs=0.01)
    assert found["drums"].leakage_db is None


def test_silence_that_is_kept_has_the_least_leakage(rng: np.random.Generator) -> None:
    song = song_of(rng, "drums", "bass")
    estimates = dict.fromkeys(TARGETS, np.zeros_like(song.mixture()))
    assert measure_song(References(song, RATE), estimates)["vocals"].leakage_db == -LIMIT_DB


def test_only_the_targets_of_a_model_are_measured(rng: np.random.Generator) -> None:
    song = song_of(rng, *TARGETS)
    assert list(measure_song(References(song, RATE), {"vocals": song.source("vocals")})) == [
        "vocals"
    ]


def test_sir_and_sar_are_asked_for_all_that_is_heard(rng: np.random.Generator) -> None:
    song = song_of(rng, "vocals", UNSCORED)
    estimates = {target: song.source("vocals") * (i + 1) for i, target in enumerate(TARGETS)}
    asked = {}

    def bss_eval(
        sources: dict[str, np.ndarray], parts: dict[str, np.ndarray], sample_rate: int
    ) -> dict[str, tuple[float, float]]:
        asked.update(sources=sources, parts=parts, sample_rate=sample_rate)
        return {"vocals": (7.0, 8.0), UNSCORED: (1.0, 2.0)}

    found = measure_song(References(song, RATE), estimates, bss_eval)
    assert (found["vocals"].sir_db, found["vocals"].sar_db) == (7.0, 8.0)
    assert list(asked["sources"]) == ["vocals", UNSCORED]
    np.testing.assert_allclose(asked["parts"][UNSCORED], 6 * song.source("vocals"), rtol=1e-5)
    assert asked["sample_rate"] == RATE
