import numpy as np
import pytest
import torch

from libsep.losses.adversarial import discriminator_loss, feature_loss, generator_loss


def logits(*values: float) -> list[torch.Tensor]:
    """Return one resolution for each value, of different shapes."""
    return [torch.full((2, 1, 3, n + 1), value) for n, value in enumerate(values)]


def test_least_squares_worked_out_by_hand() -> None:
    # (0.5 - 1)² + 0.25² and (2 - 1)² + 0, then their mean.
    loss = discriminator_loss(logits(0.5, 2.0), logits(0.25, 0.0), "lsgan")
    assert loss.item() == pytest.approx((0.3125 + 1) / 2)
    assert generator_loss(logits(0.25, 3.0), "lsgan").item() == pytest.approx((0.5625 + 4) / 2)


def test_hinge_worked_out_by_hand() -> None:
    # Beyond the margin nothing is left to gain.
    assert discriminator_loss(logits(1.5), logits(-1.5), "hinge") == 0
    loss = discriminator_loss(logits(0.25), logits(0.5), "hinge")
    assert loss.item() == pytest.approx(0.75 + 1.5)
    assert generator_loss(logits(0.5, -1.0), "hinge").item() == pytest.approx(0.25)


def test_logarithms_worked_out_by_hand() -> None:
    # A logit of log 3 is a probability of 3/4.
    loss = discriminator_loss(logits(np.log(3)), logits(-np.log(3)), "log")
    assert loss.item() == pytest.approx(-2 * np.log(0.75))
    assert generator_loss(logits(0.0), "log").item() == pytest.approx(np.log(2))


@pytest.mark.parametrize("kind", ["lsgan", "hinge", "log"])
def test_fooling_and_telling_apart_pull_logits_in_opposite_directions(kind: str) -> None:
    fakes = [torch.zeros(2, 1, 3, 1, requires_grad=True)]
    (up,) = torch.autograd.grad(generator_loss(fakes, kind), fakes)
    (down,) = torch.autograd.grad(discriminator_loss(logits(1.0), fakes, "hinge"), fakes)
    assert (up < 0).all()
    assert (down > 0).all()


def test_a_perfect_discriminator_of_least_squares_costs_nothing() -> None:
    assert discriminator_loss(logits(1.0, 1.0), logits(0.0, 0.0), "lsgan") == 0
    assert generator_loss(logits(1.0), "lsgan") == 0


def test_features_are_compared_relative_to_the_real_ones() -> None:
    reals = [torch.tensor([[1.0, -3.0]]), torch.tensor([[[10.0]]])]
    assert feature_loss(reals, reals) == 0
    zeros = [torch.zeros(1, 2), torch.zeros(1, 1, 1)]
    assert feature_loss(reals, zeros).item() == pytest.approx(1)
    louder = [2 * real for real in reals]
    assert feature_loss(reals, louder).item() == pytest.approx(1)


def test_real_features_get_no_gradient() -> None:
    reals = [torch.ones(1, 4, requires_grad=True)]
    fakes = [torch.zeros(1, 4, requires_grad=True)]
    feature_loss(reals, fakes).backward()
    assert reals[0].grad is None
    torch.testing.assert_close(fakes[0].grad, torch.full((1, 4), -0.25))
