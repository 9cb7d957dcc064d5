import numpy as np
import pytest
import torch

from libsep.training.adversarial.contests import (
    context_contest,
    leak,
    loudest_crops,
    target_contest,
    unpaired_contest,
    without_treble,
)

from ..conftest import SAMPLE_RATE, tone


@pytest.fixture
def sources(rng: np.random.Generator) -> torch.Tensor:
    return torch.from_numpy(rng.normal(0, 0.1, (2, 4, 2, 3000)).astype(np.float32))


def rms(signal: torch.Tensor) -> float:
    return float(signal.square().mean().sqrt())


def test_source_and_estimate_are_shown_beside_the_same_mixture_at_level_one(
    sources: torch.Tensor,
) -> None:
    mixtures = sources.sum(1)
    contest = target_contest(0.5 * sources[:, 0], sources[:, 0], mixtures)
    assert torch.equal(contest.real[:, 2:], contest.fake[:, 2:])
    torch.testing.assert_close(contest.fake[:, :2], 0.5 * contest.real[:, :2])
    for item, mixture in zip(contest.real, mixtures, strict=True):
        assert rms(item[2:]) == pytest.approx(1)
        torch.testing.assert_close(item[2:], mixture / rms(mixture))


def test_replaced_targets_are_their_sources_and_have_no_gradient(sources: torch.Tensor) -> None:
    estimates = (0.5 * sources).requires_grad_()
    is_replaced = torch.tensor([[True, False, False, True], [False, True, False, False]])
    contest = context_contest(estimates, sources, is_replaced)
    assert contest.fake.shape == (2, 8, 3000)
    fake, real = (side.unflatten(1, (4, 2)) for side in (contest.fake, contest.real))
    assert torch.equal(fake[is_replaced], real[is_replaced])
    torch.testing.assert_close(fake[~is_replaced], 0.5 * real[~is_replaced])
    contest.fake.sum().backward()
    assert (estimates.grad[is_replaced] == 0).all()
    assert (estimates.grad[~is_replaced] != 0).all()


def test_the_level_of_a_recording_does_not_tell_it_from_an_estimate(
    rng: np.random.Generator,
) -> None:
    noise = torch.from_numpy(rng.normal(0, 0.1, (1, 2, 4000)).astype(np.float32))
    alone = 0.01 * noise[..., :1000]
    contest = unpaired_contest(noise, 2 * noise, alone)
    # Without the upper part of the band the RMS of white noise is a little below one.
    assert rms(contest.real) == pytest.approx(0.7**0.5, rel=0.05)
    assert rms(contest.fake) == pytest.approx(0.7**0.5, rel=0.05)


def test_an_estimate_of_almost_nothing_is_not_judged(sources: torch.Tensor) -> None:
    mixtures = sources[:, 0]
    estimates = mixtures * torch.tensor([0.01, 1.0])[:, None, None]
    estimates.requires_grad_()
    contest = unpaired_contest(estimates, mixtures, sources[:, 1, :, :500])
    assert not contest.real[0].any()
    assert not contest.fake[0].any()
    assert contest.fake[1].any()
    contest.fake.square().sum().backward()
    assert not estimates.grad[0].any()
    assert estimates.grad[1].any()


def test_the_loudest_crop_is_found() -> None:
    signals = torch.zeros(2, 2, 4000)
    signals[0, :, 2400:3000] = 1.0
    signals[1, :, 100:200] = 1.0
    crops = loudest_crops(signals, 800)
    assert crops.shape == (2, 2, 800)
    assert crops[0].sum() == 1200
    assert crops[1].sum() == 200


def test_treble_is_cut_and_the_rest_is_kept() -> None:
    low, high = (torch.from_numpy(tone(f, 0.1).astype(np.float32)) for f in (1000, 18_000))
    torch.testing.assert_close(without_treble((low + high)[None])[0], low, atol=1e-3, rtol=0)
    assert SAMPLE_RATE / 2 * 0.7 < 18_000


def test_the_leak_is_a_share_of_the_mixture(sources: torch.Tensor) -> None:
    mixtures = sources[:, 0]
    assert leak(torch.zeros_like(mixtures), mixtures) == 0
    assert leak(-0.25 * mixtures, mixtures).item() == pytest.approx(0.25)
    silence = torch.zeros(1, 2, 100)
    assert leak(silence, silence) == 0
