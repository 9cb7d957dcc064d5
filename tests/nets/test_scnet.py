"""SCNet beside the reference implementation (starrytong/SCNet at 5d95bf9, torch 2.11).

Both got the same seeded weights and the same noise; the differences were below 3e-7 for these
settings, for the sizes of both public checkpoints and for several lengths. What the reference
returned is kept here, with the part of the mixture that it lacks shared equally.
"""

import pytest
import torch

from libsep.nets.scnet import SCNet

from .public_networks import coloured_noise, levels, names_digest, picked, seeded_weights

SMALL = {"dims": [4, 8, 16, 32], "n_dual_path": 2, "n_fft": 512, "hop_length": 128}
LARGE = {"dims": [4, 64, 128, 256], "band_ratios": [0.225, 0.372, 0.403]}


@pytest.fixture
def network() -> SCNet:
    network = SCNet(**SMALL).eval()
    network.load_state_dict(seeded_weights(network.state_dict()))
    return network


def test_seeded_weights_give_what_the_reference_implementation_gives(network: SCNet) -> None:
    with torch.inference_mode():
        estimates = network.separate(coloured_noise(12000))
    expected = torch.tensor([0.0352762, 0.0364673, 0.0352707, 0.0380241])
    torch.testing.assert_close(levels(estimates), expected, rtol=1e-4, atol=0)
    samples = torch.tensor(
        [
            [0.020393, 0.014081, 0.015521, 0.001681],
            [0.154488, 0.007957, 0.019267, 0.021987],
            [-0.05685, 0.006958, 0.041335, 0.003806],
            [-0.083473, 0.015234, 0.039988, 0.011076],
        ]
    )
    torch.testing.assert_close(picked(estimates), samples, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "n_parameters", "digest"),
    [
        ({}, 10578768, "95b7ae833a7ea8800fef31207bbc635630f0df13a78225b36df2e2b12fd8c9b9"),
        (LARGE, 42181232, "a1def9682c5f924c9293061488e5f50a29ea0a299d917e4af81a387830481669"),
    ],
)
def test_the_parameters_have_the_names_and_shapes_of_the_public_checkpoints(
    arguments: dict[str, object], n_parameters: int, digest: str
) -> None:
    with torch.device("meta"):
        network = SCNet(**arguments)
    assert sum(weight.numel() for weight in network.parameters()) == n_parameters
    assert names_digest(network.state_dict()) == digest


@pytest.mark.parametrize("n_samples", [1, 127, 128, 12000, 12032, 12160])
def test_any_length_of_mixture_comes_back(network: SCNet, n_samples: int) -> None:
    mixture = coloured_noise(n_samples)
    estimates = network.separate(mixture)
    assert estimates.shape == (1, 4, 2, n_samples)
    torch.testing.assert_close(estimates.sum(1), mixture, rtol=0, atol=1e-6)


@pytest.mark.parametrize("wrong", [{"n_dual_path": 3}, {"dims": [3, 8]}])
def test_odd_numbers_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected even numbers"):
        SCNet(**wrong)
