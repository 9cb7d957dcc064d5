"""A generative network makes the clean sound of a drum that a track has."""

import numpy as np
import pytest
import torch

from libsep.errors import ModelError
from libsep.metrics import residual_db
from libsep.nets.drum_hits import DRUMS as KINDS
from libsep.nets.one_shot_gan import LEAD
from libsep.transients.bank import StrokeBank
from libsep.transients.generated import DrumSounds, fitted
from libsep.transients.listener import HitListener
from libsep.transients.model import find_hit_model, find_sound_model
from libsep.transients.replacer import DRUMS
from libsep.transients.strokes import Stroke, StrokeGrid
from libsep.transients.templates import Template
from libsep.transients.weights import load_sound_network

from ..conftest import SAMPLE_RATE
from .test_replacer import FIRST_BUSY, attack_errors_db, loop, replaced

GRID = StrokeGrid.of_rate(SAMPLE_RATE)
LENGTH = GRID.length
HERTZ = np.fft.rfftfreq(LENGTH, 1 / SAMPLE_RATE)
KICK = KINDS.index("kick")


@pytest.fixture(scope="module")
def sounds() -> DrumSounds:
    return DrumSounds(find_sound_model("drum-sounds"), SAMPLE_RATE)


@pytest.fixture(scope="module")
def kick() -> np.ndarray:
    """Return a stroke of a kick by the network, by a code that is none of those that are tried.

    As in a track, it shows what is before the attack.
    """
    network = load_sound_network(find_sound_model("drum-sounds"))
    code = 0.7 * torch.randn(1, network.n_code, generator=torch.Generator().manual_seed(9))
    sound: np.ndarray = network(code, torch.tensor([KICK]))[0].numpy()
    return np.pad(sound, (GRID.before - LEAD, 0))[:LENGTH]


def template(sound: np.ndarray) -> Template:
    """Return a sound of unit energy as the track's own one, all of whose strokes agree."""
    level = np.sqrt(np.square(sound).sum())
    return Template((sound / level).astype(np.float32), np.full(LENGTH // 2 + 1, 0.8))


def test_a_sound_that_the_network_knows_is_found_with_gains_and_lag(
    sounds: DrumSounds, kick: np.ndarray
) -> None:
    own = template(np.outer([0.9, -0.3], kick))
    first = sounds.in_place_of(own, ("kick",))
    again = sounds.in_place_of(own, ("kick",))
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(again[0].sound, first[0].sound)
    found, _ = first
    assert np.square(found.sound).sum() == pytest.approx(1, rel=1e-4)
    assert (found.sound * own.sound).sum() > 0.85
    left, right = np.square(found.sound).sum(axis=1)
    assert left / right == pytest.approx(9, rel=1e-3)
    assert (found.agreement <= own.agreement).all()
    better = sounds.in_place_of(own, ("kick",), [first[1]])
    assert better is not None
    assert (better[0].sound * own.sound).sum() > 0.98, "steps add up"
    assert better[0].agreement[HERTZ < 150].mean() > 0.6, "there both are the same sound"


def test_of_two_drums_that_are_hit_at_once_the_louder_one_is_found(
    sounds: DrumSounds, kick: np.ndarray
) -> None:
    own = template(np.outer([1, 1], kick))
    both = sounds.in_place_of(own, ("hat", "kick"))
    alone = sounds.in_place_of(own, ("kick",))
    assert both is not None
    assert alone is not None
    np.testing.assert_array_equal(both[0].sound, alone[0].sound)


def test_noise_that_no_network_can_make_is_left_alone(sounds: DrumSounds) -> None:
    noise = np.random.default_rng(0).standard_normal((2, LENGTH))
    assert sounds.in_place_of(template(noise), ("snare",)) is None


def test_where_sounds_differ_in_frequency_the_generated_one_counts_less(
    sounds: DrumSounds, kick: np.ndarray
) -> None:
    pure = np.outer([1, 1], kick)
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal((2, LENGTH)))
    spectrum[:, HERTZ < 4000] = 0
    hissing = template(pure + 0.3 * np.fft.irfft(spectrum, LENGTH))
    first = sounds.in_place_of(hissing, ("kick",))
    assert first is not None
    found = sounds.in_place_of(hissing, ("kick",), [first[1]])
    assert found is not None
    assert found[0].agreement[HERTZ > 5000].mean() < 0.2
    assert found[0].agreement[HERTZ < 150].mean() > 0.6


def test_where_neither_sounds_they_do_not_agree_beyond_all_bounds(
    sounds: DrumSounds, kick: np.ndarray
) -> None:
    spectrum = np.fft.rfft(np.outer([1, 0], kick))
    spectrum[:, HERTZ > 6000] = 0  # sums of such bands are not exact
    found = sounds.in_place_of(template(np.fft.irfft(spectrum, LENGTH)), ("kick",))
    assert found is not None
    assert 0 <= found[0].agreement.min() <= found[0].agreement.max() <= 0.8


def test_a_drum_that_is_struck_once_has_a_generated_sound_but_none_of_its_own(
    sounds: DrumSounds, kick: np.ndarray
) -> None:
    lag = GRID.lag
    sound = np.pad(np.outer([0.5, 0.5], kick), ((0, 0), (lag, lag))).astype(np.float32)
    for made_by, n_templates in ((None, 0), (sounds, 1)):
        bank = StrokeBank(SAMPLE_RATE, lag, made_by)
        bank.add(("kick",), Stroke(1000, clean_db=6.0, sound=sound))
        assert len(bank.templates(("kick",))) == n_templates
        faint = StrokeBank(SAMPLE_RATE, lag, made_by)
        faint.add(("kick",), Stroke(1000, clean_db=-6.0, sound=sound))
        assert faint.templates(("kick",)) == [], "it is not heard above the rest"


def test_the_correlation_has_a_gradient(kick: np.ndarray) -> None:
    sound = torch.from_numpy(np.pad(kick, (150, 50)))[None].requires_grad_()
    clean = torch.from_numpy(template(np.outer([1, 0.5], kick)).sound)
    alike = fitted(sound, clean)
    assert int(alike.argmax()) == 150
    assert alike.max().item() == pytest.approx(1, abs=1e-3)
    alike[0, 30].backward()
    assert sound.grad is not None
    assert sound.grad.abs().max().item() > 0


def test_attacks_of_a_loop_come_nearer_to_the_drum_however_it_is_cut_and_the_sum_stays(
    sounds: DrumSounds,
) -> None:
    drums, stems = loop()
    mixture = stems.sum(axis=0)
    listener = HitListener(find_hit_model("drum-hits"), SAMPLE_RATE)
    _, made, n_replaced = replaced(listener, mixture, stems, 1, sounds)
    assert n_replaced > 10
    _, again, n_again = replaced(listener, mixture, stems, 31, sounds)
    np.testing.assert_array_equal(again, made)
    assert n_again == n_replaced
    before, after = (attack_errors_db(drums, each[DRUMS]) for each in (stems, made))
    assert len(before) == 46 - FIRST_BUSY
    assert after.mean() < before.mean() - 1
    assert residual_db(mixture, made) < -160


def test_a_model_for_another_sample_rate_is_refused() -> None:
    model = find_sound_model("drum-sounds")
    with pytest.raises(ModelError, match=r"drum-sounds: is for drums at 44100 Hz.*48000 Hz"):
        DrumSounds(model, 48000)
    wrong = model.model_copy(update={"architecture": "drum_hit_net"})
    with pytest.raises(ModelError, match=r"expected .*'drum_hit_net'"):
        DrumSounds(wrong, SAMPLE_RATE)
