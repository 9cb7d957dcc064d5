"""Attacks of a drum loop, blurred by a separator where a pad sounds, get their sound back."""

import numpy as np
import pytest

from libsep.metrics import residual_db
from libsep.transients.generated import DrumSounds
from libsep.transients.listener import HitListener
from libsep.transients.model import find_hit_model
from libsep.transients.replacer import DRUMS, OTHER, DrumReplacer

from ..conftest import SAMPLE_RATE

BEAT_S = 0.5
N_BEATS = 46
"""23 s: two sections of ten seconds, with a stroke on the seam, and a shorter one."""

FIRST_BUSY = 16
"""Beat from which on the pad sounds."""


@pytest.fixture(scope="module")
def listener() -> HitListener:
    return HitListener(find_hit_model("drum-hits"), SAMPLE_RATE)


def loop() -> tuple[np.ndarray, np.ndarray]:
    """Return the true drums, and the stems of a separator that leaves a third of them in other."""
    time_s = np.arange(int(0.4 * SAMPLE_RATE)) / SAMPLE_RATE
    sweep = np.sin(2 * np.pi * (50 * time_s + 6 * (1 - np.exp(-40 * time_s))))
    click = np.random.default_rng(3).standard_normal(time_s.size) * np.exp(-400 * time_s)
    kick = 0.5 * sweep * np.exp(-8 * time_s) + 0.1 * click
    n_samples = int(N_BEATS * BEAT_S * SAMPLE_RATE)
    drums = np.zeros((2, n_samples), np.float32)
    level = np.random.default_rng(4).uniform(0.6, 1, N_BEATS)
    for beat in range(N_BEATS):
        start = int(beat * BEAT_S * SAMPLE_RATE)
        drums[:, start : start + kick.size] += (level[beat] * kick)[: n_samples - start]
    seconds = np.arange(n_samples) / SAMPLE_RATE
    pad = np.stack([sum(np.sin(2 * np.pi * hz * seconds) for hz in (196.3, 293.9, 467.1))] * 2)
    is_busy = seconds >= FIRST_BUSY * BEAT_S - 0.1
    pad = (0.06 * pad * is_busy).astype(np.float32)
    stems = np.zeros((4, 2, n_samples), np.float32)
    stems[DRUMS] = drums * np.where(is_busy, 0.67, 1) + 0.3 * pad
    stems[OTHER] = drums + pad - stems[DRUMS]
    return drums, stems


def replaced(
    listener: HitListener,
    mixture: np.ndarray,
    stems: np.ndarray,
    n_blocks: int = 3,
    sounds: DrumSounds | None = None,
) -> tuple[np.ndarray, np.ndarray, int]:
    replacer = DrumReplacer(listener, SAMPLE_RATE, sounds)
    blocks = zip(
        np.array_split(mixture, n_blocks, axis=-1),
        np.array_split(stems, n_blocks, axis=-1),
        strict=True,
    )
    mixtures, made = zip(*replacer.through(blocks), strict=True)
    return np.concatenate(mixtures, -1), np.concatenate(made, -1), replacer.n_replaced


def attack_errors_db(drums: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    """Return the error of the first 20 ms of each stroke over the pad, relative to the stroke."""
    errors = []
    for beat in range(FIRST_BUSY, N_BEATS):
        start = int(beat * BEAT_S * SAMPLE_RATE)
        true, heard = (signal[:, start : start + 882] for signal in (drums, estimate))
        errors.append(10 * np.log10(np.square(true - heard).sum() / np.square(true).sum()))
    return np.array(errors)


def test_attacks_come_nearer_to_the_clean_stroke_and_the_sum_stays(listener: HitListener) -> None:
    drums, stems = loop()
    mixture = stems.sum(axis=0)
    before = stems.copy()
    same, made, n_replaced = replaced(listener, mixture, stems)
    np.testing.assert_array_equal(stems, before, err_msg="the caller's memory is not changed")
    np.testing.assert_array_equal(same, mixture)
    assert made.shape == stems.shape
    assert n_replaced >= 0.8 * (N_BEATS - FIRST_BUSY)
    errors = [attack_errors_db(drums, each[DRUMS]) for each in (stems, made)]
    assert errors[1].mean() < errors[0].mean() - 6
    seam = 20 - FIRST_BUSY
    assert errors[1][seam] < errors[0][seam] - 6, "the stroke where two sections meet"
    assert np.abs(made.sum(axis=0) - mixture).max() <= 2**-23, "one step of 24 bits"
    assert residual_db(mixture, made) < -160
    untouched = [index for index in range(4) if index not in (DRUMS, OTHER)]
    np.testing.assert_array_equal(made[untouched], stems[untouched])


def test_the_level_of_a_track_does_not_matter(listener: HitListener) -> None:
    _, stems = loop()
    gain = np.float32(0.003)
    _, expected, n_replaced = replaced(listener, stems.sum(axis=0), stems)
    _, made, n_of_level = replaced(listener, gain * stems.sum(axis=0), gain * stems)
    assert n_of_level == n_replaced
    changes = [expected[DRUMS] - stems[DRUMS], made[DRUMS] / gain - stems[DRUMS]]
    assert residual_db(changes[0], changes[1][None]) < -40


def test_it_does_not_matter_how_the_track_is_cut(listener: HitListener) -> None:
    _, stems = loop()
    mixture = stems.sum(axis=0)
    once = replaced(listener, mixture, stems, 1)
    again = replaced(listener, mixture, stems, 31)
    np.testing.assert_array_equal(again[1], once[1])
    assert again[2] == once[2]


def test_strokes_where_nothing_else_sounds_stay_as_they_are(listener: HitListener) -> None:
    drums, stems = loop()
    n_clean = int((FIRST_BUSY - 1) * BEAT_S * SAMPLE_RATE)
    _, made, _ = replaced(listener, stems.sum(axis=0), stems)
    np.testing.assert_allclose(made[DRUMS, :, :n_clean], drums[:, :n_clean], atol=1e-4)


@pytest.mark.parametrize("kind", ["silence", "no drums", "shorter than a stroke"])
def test_a_track_without_strokes_goes_through_unchanged(listener: HitListener, kind: str) -> None:
    _, stems = loop()
    if kind == "shorter than a stroke":
        stems = stems[..., :700]
    else:
        stems[DRUMS] = 0
    mixture = stems.sum(axis=0) * np.float32(kind != "silence")
    stems *= np.float32(kind != "silence")
    same, made, n_replaced = replaced(listener, mixture, stems)
    assert n_replaced == 0
    np.testing.assert_array_equal(same, mixture)
    np.testing.assert_array_equal(made, stems)


def test_no_block_gives_no_block(listener: HitListener) -> None:
    assert list(DrumReplacer(listener, SAMPLE_RATE).through([])) == []
