import pytest
import torch

from libsep.config import OptimiserConfig
from libsep.training.gate import judge_sdr, judge_sound
from libsep.training.state import State, new_state


@pytest.fixture
def state() -> State:
    return new_state(torch.nn.Linear(1, 1), OptimiserConfig())


def means(sdr_db: float, onset_lsd: float) -> dict[str, dict[str, float]]:
    return {"sdr_db": {"mean": sdr_db}, "onset_lsd": {"drums": onset_lsd, "bass": 9.0, "mean": 5.0}}


def test_without_discriminators_the_highest_sdr_is_the_best(state: State) -> None:
    assert judge_sdr(state, means(4.0, 1.0)).is_best
    verdict = judge_sdr(state, means(3.5, 0.1))
    assert not verdict.is_best
    assert verdict.reason == "SDR 3.50 dB, the best has 4.00"
    assert judge_sdr(state, means(4.1, 2.0)).is_best
    assert state.best_sdr_db == 4.1


def test_a_checkpoint_that_loses_too_much_sdr_is_refused_however_it_sounds(state: State) -> None:
    assert judge_sound(state, means(5.0, 1.0), 0.2).is_best, "the start is the first best"
    verdict = judge_sound(state, means(4.79, 0.1), 0.2)
    assert not verdict.is_best
    assert verdict.reason == "refused: SDR 4.79 dB, 0.21 less than the start, at most 0.2 allowed"
    assert judge_sound(state, means(4.81, 0.9), 0.2).is_best
    assert state.best_sdr_db == 4.81


def test_the_sdr_that_may_be_lost_is_counted_from_the_start_not_from_the_best(state: State) -> None:
    judge_sound(state, means(5.0, 1.0), 0.2)
    judge_sound(state, means(4.9, 0.9), 0.2)
    assert not judge_sound(state, means(4.75, 0.5), 0.2).is_best


def test_of_those_that_pass_the_nearest_at_the_onsets_is_the_best(state: State) -> None:
    judge_sound(state, means(5.0, 1.0), 0.2)
    verdict = judge_sound(state, means(6.0, 1.1), 0.2)
    assert not verdict.is_best
    assert verdict.reason == "onset LSD 1.1000, the best has 1.0000"
    assert judge_sound(state, means(4.9, 0.99), 0.2).is_best


def test_without_drums_in_the_validation_the_sdr_decides(state: State) -> None:
    silent = {"sdr_db": {"mean": 1.0}}
    assert judge_sound(state, silent, 0.2).is_best
    assert not judge_sound(state, silent, 0.2).is_best
