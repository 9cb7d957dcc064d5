import pytest
import torch

from libsep.config import AdversarialConfig, OptimiserConfig
from libsep.training.gate import judge_sdr, judge_sound, with_share
from libsep.training.state import State, new_adversary, new_state


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


def test_weights_nearer_to_the_start_may_have_the_highest_sdr(state: State) -> None:
    verdict = judge_sdr(state, between(at_0=(4.0, 1, 0), at_33=(4.5, 1, 0), at_67=(4.2, 1, 0)))
    assert (verdict.is_best, verdict.start_share) == (True, 0.33)
    assert verdict.reason == "SDR 4.50 dB, 0.33 of the start kept, the highest"
    assert state.best_sdr_db == 4.5
    verdict = judge_sdr(state, between(at_0=(4.4, 1, 0), at_33=(4.1, 1, 0)))
    assert verdict.reason == "SDR 4.40 dB, the best has 4.50"
    assert not verdict.is_best


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


def between(**of_shares: tuple[float, float, float]) -> dict[str, dict[str, float]]:
    """Return means of weights by their share of the start: SDR, onset LSD, high band in dB."""
    found = {}
    for name, (sdr_db, onset_lsd, high_db) in of_shares.items():
        share = float(name.removeprefix("at_")) / 100
        found[with_share("sdr_db", share)] = {"mean": sdr_db}
        found[with_share("onset_lsd", share)] = {"drums": onset_lsd}
        found[with_share("high_band_db", share)] = {"drums": high_db}
    return found


def test_of_weights_between_the_best_that_keeps_the_sdr_is_taken(state: State) -> None:
    judge_sound(state, between(at_0=(5.0, 1.0, -3.0)), 0.2)
    assert state.best_distance == pytest.approx(1.3)
    verdict = judge_sound(
        state,
        between(at_0=(4.7, 0.7, 0.0), at_25=(4.85, 0.8, -1.0), at_50=(4.95, 0.8, -1.5)),
        0.2,
    )
    assert verdict.is_best
    assert verdict.start_share == 0.25
    assert verdict.reason == (
        "onset LSD 0.8000 and high band -1.00 dB are a distance of 0.9000, the lowest, "
        "at SDR 4.85 dB, 0.25 of the start kept"
    )
    assert (state.best_sdr_db, state.best_distance) == (4.85, pytest.approx(0.9))
    worse = judge_sound(state, between(at_0=(4.9, 1.0, 1.0), at_25=(4.9, 0.95, 1.0)), 0.2)
    assert not worse.is_best


def test_too_much_treble_is_as_far_away_as_too_little(state: State) -> None:
    judge_sound(state, between(at_0=(5.0, 1.0, -1.0)), 0.2)
    assert not judge_sound(state, between(at_0=(5.0, 0.95, 2.0)), 0.2).is_best


def test_weights_between_are_those_of_both_and_survive_a_checkpoint() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.BatchNorm1d(1))
    state = new_state(network, OptimiserConfig(), new_adversary(AdversarialConfig(), 4, 1, "cpu"))
    start = state.average[0].weight.item()
    with torch.no_grad():
        state.average[0].weight.add_(4.0)
    assert state.between(0.25).average[0].weight.item() == pytest.approx(start + 3.0)
    assert state.between(0.0) is state
    assert state.average[0].weight.item() == pytest.approx(start + 4.0)
    assert state.state_dict()["origin"]["0.weight"].item() == start
    with pytest.raises(ValueError, match="no weights to go back to"):
        new_state(network, OptimiserConfig()).between(0.5)
