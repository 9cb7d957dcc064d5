"""Open-Unmix beside the reference implementation (openunmix 1.3.0, torch 2.11).

Both got the same seeded weights and the same noise; the differences were below 2e-7 for these
settings and for the size of the public checkpoints. What the reference returned (ratio masks,
without a Wiener filter) is kept here, with the part of the mixture that it lacks shared equally.
"""

import pytest
import torch

from libsep.nets.open_unmix import OpenUnmix

from .public_networks import SEED, coloured_noise, levels, names_digest, picked, seeded_weights

SMALL = {"n_fft": 512, "hop_length": 128, "n_seen_bins": 187, "hidden": 16}


@pytest.fixture
def network() -> OpenUnmix:
    network = OpenUnmix(**SMALL).eval()
    for index, target in enumerate(network.targets):
        one = network.networks[target]
        one.load_state_dict(seeded_weights(one.state_dict(), SEED + index))
    return network


def test_seeded_weights_give_what_the_reference_implementation_gives(network: OpenUnmix) -> None:
    with torch.inference_mode():
        estimates = network.separate(coloured_noise(12000))
    expected = torch.tensor([0.0436117, 0.0400239, 0.0470675, 0.0423665])
    torch.testing.assert_close(levels(estimates), expected, rtol=1e-4, atol=0)
    samples = torch.tensor(
        [
            [-0.019865, -0.022933, -0.011285, -0.045622],
            [-0.052417, 0.019207, 0.004187, 0.074191],
            [0.055469, 0.025404, 0.063095, -0.011723],
            [0.051372, 0.022552, 0.060115, 0.021704],
        ]
    )
    torch.testing.assert_close(picked(estimates), samples, rtol=0, atol=1e-5)


def test_the_parameters_have_the_names_and_shapes_of_the_public_checkpoints() -> None:
    with torch.device("meta"):
        network = OpenUnmix()
    for one in network.networks.values():
        assert names_digest(one.state_dict()) == (
            "3367179ebff2967d2e3d9778c26c60abbaeca4075c56fac745817104b2a0eebf"
        )


def test_what_no_network_wants_is_shared_equally(network: OpenUnmix) -> None:
    for one in network.networks.values():
        one.output_scale.data.zero_()
        one.output_mean.data.zero_()
    mixture = coloured_noise(3000)
    estimates = network.separate(mixture)
    torch.testing.assert_close(estimates, (mixture / 4)[:, None].expand(1, 4, 2, 3000))
