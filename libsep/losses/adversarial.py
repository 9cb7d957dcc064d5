"""What discriminators and the generator they judge have to lower."""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Kind = Literal["lsgan", "hinge", "log"]

Maps = Sequence[Float[Tensor, "B *_"]]
"""Logits or features of several resolutions; each may have another shape."""


def discriminator_loss(reals: Maps, fakes: Maps, kind: Kind) -> Float[Tensor, ""]:
    """Return how wrong logits are, as the mean over resolutions; 0 if none is wrong.

    With ``lsgan`` real logits should be 1 and fake ones 0, and errors are squared; with ``hinge``
    real ones should be at least 1 and fake ones at most -1; with ``log`` it is the negative
    logarithm of the probability of a right answer, which is never quite 0.

    References
    ----------
    Mao et al., "Least squares generative adversarial networks", ICCV 2017, equation 9 with
    a = 0, b = 1. Lim and Ye, "Geometric GAN", 2017, equation 12. Goodfellow et al., "Generative
    adversarial nets", NIPS 2014, equation 1.
    """
    losses = []
    for real, fake in zip(reals, fakes, strict=True):
        if kind == "lsgan":
            losses.append((real.float() - 1).square().mean() + fake.float().square().mean())
        elif kind == "log":
            losses.append(F.softplus(-real.float()).mean() + F.softplus(fake.float()).mean())
        else:
            losses.append(F.relu(1 - real.float()).mean() + F.relu(1 + fake.float()).mean())
    return torch.stack(losses).mean()


def generator_loss(fakes: Maps, kind: Kind) -> Float[Tensor, ""]:
    """Return how well the fakes were recognised, as the mean over resolutions.

    With ``lsgan`` the squared distance to the logit of a real, 1; with ``hinge`` the negative
    logit, which has no smallest value; with ``log`` the negative logarithm of the probability to
    pass for real, whose gradient does not vanish where all fakes are recognised.
    """
    if kind == "lsgan":
        losses = [(fake.float() - 1).square().mean() for fake in fakes]
    elif kind == "log":
        losses = [F.softplus(-fake.float()).mean() for fake in fakes]
    else:
        losses = [-fake.float().mean() for fake in fakes]
    return torch.stack(losses).mean()


def feature_loss(reals: Maps, fakes: Maps) -> Float[Tensor, ""]:
    """Return the mean distance between features, as a share of the size of the real ones.

    0 for equal features, 1 if those of the fake are all zero. The real ones get no gradient.

    References
    ----------
    Larsen et al., "Autoencoding beyond pixels using a learned similarity metric", ICML 2016;
    relative to the size as in Défossez et al., "High fidelity neural audio compression", 2022.
    """
    losses = []
    for real, fake in zip(reals, fakes, strict=True):
        size = real.detach().float().abs().mean().clamp(min=1e-8)
        losses.append((fake.float() - real.detach().float()).abs().mean() / size)
    return torch.stack(losses).mean()
