import dataclasses

import numpy as np
import pytest
import torch

from libsep.dsp.stft import stft
from libsep.nets.level import gain_to_level
from libsep.nets.unet import UNet

SMALL = {"n_fft": 256, "hop_length": 64, "n_seen_bins": 96, "channels": [4, 6, 8]}
FIVE = {"targets": ["drums", "bass", "other", "vocals"], "joined": {"piano": "other"}}


@pytest.fixture
def spectrum(rng: np.random.Generator) -> torch.Tensor:
    parts = rng.standard_normal((2, 2, 129, 21, 2)).astype(np.float32)
    return torch.view_as_complex(torch.from_numpy(parts))


def network(**arguments: object) -> UNet:
    torch.manual_seed(5)
    return UNet(**{**SMALL, **arguments}).eval()


@torch.inference_mode()
def test_a_source_of_its_own_goes_into_the_target_that_it_joins(spectrum: torch.Tensor) -> None:
    five = network(**FIVE)
    names = ["drums", "bass", "other", "vocals", "piano"]
    alone = network(targets=names)
    alone.load_state_dict(five.state_dict())
    expected = alone.masks(spectrum)
    masks = five.masks(spectrum)
    torch.testing.assert_close(masks[:, 2], expected[:, 2] + expected[:, 4])
    torch.testing.assert_close(masks[:, [0, 1, 3]], expected[:, [0, 1, 3]])


@torch.inference_mode()
@pytest.mark.parametrize("gains", ["sigmoid", "softmax"])
@pytest.mark.parametrize("masks", ["ratio", "shared"])
def test_masks_lie_between_zero_and_one_and_sum_to_one(
    spectrum: torch.Tensor, gains: str, masks: str
) -> None:
    found = network(targets=["vocals", "rest"], gains=gains, masks=masks).masks(spectrum)
    assert found.min() >= 0
    assert found.max() <= 1
    torch.testing.assert_close(found.sum(1), torch.ones_like(found[:, 0]))
    above = found[..., 96:, :]
    mean = found[..., :96, :].mean(-2, keepdim=True)
    torch.testing.assert_close(above, mean.expand_as(above))


@torch.inference_mode()
def test_what_two_gains_leave_over_is_shared_equally(spectrum: torch.Tensor) -> None:
    model = network(targets=["vocals", "rest"], masks="shared")
    magnitude = spectrum.abs()[:, :, :96].transpose(-1, -2)
    padded = torch.nn.functional.pad(magnitude, (0, 0, 0, 3))  # 21 frames, 24 in three levels
    own, other = (net(padded)[:, 0, :, :21].sigmoid() for net in model.networks.values())
    mask = model.masks(spectrum)[:, 0, :, :96].transpose(-1, -2)
    torch.testing.assert_close(mask, (own + 1 - other) / 2)


@torch.inference_mode()
def test_one_network_of_two_also_says_what_the_rest_is(spectrum: torch.Tensor) -> None:
    both = network(targets=["vocals", "rest"])
    alone = network(targets=["rest", "vocals"], rest="rest", masks="shared")
    assert list(alone.networks) == ["vocals"]
    alone.networks["vocals"].load_state_dict(both.networks["vocals"].state_dict())
    seen = spectrum.abs()[:, :, :96].mT
    gain = both.networks["vocals"](torch.nn.functional.pad(seen, (0, 0, 0, 3)))[:, 0, :, :21]
    rest, vocals = alone.masks(spectrum)[..., :96, :].unbind(1)
    torch.testing.assert_close(vocals, gain.sigmoid().mT)
    torch.testing.assert_close(rest, 1 - vocals)


def test_one_network_finds_the_gains_of_all_and_keeps_its_statistics(
    spectrum: torch.Tensor,
) -> None:
    model = network(joint=True, gains="softmax", fixed_norms=True).train()
    assert list(model.networks) == ["joint"]
    statistics = {name: x.clone() for name, x in model.state_dict().items() if "running" in name}
    with torch.autocast("cpu", torch.bfloat16):
        masks = model.masks(spectrum)
    torch.testing.assert_close(masks.sum(1), torch.ones_like(masks[:, 0]))
    assert masks.std(dim=1).min() > 0
    masks[:, 1].sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    assert all(torch.equal(model.state_dict()[name], x) for name, x in statistics.items())


@torch.inference_mode()
def test_a_ratio_is_that_of_the_squared_magnitudes(spectrum: torch.Tensor) -> None:
    model = network(targets=["vocals", "rest"])
    found = model.masks(spectrum)[:, :, :, :96]
    model.masking = dataclasses.replace(model.masking, masks="shared")
    shared = model.masks(spectrum)[:, 0, :, :96]
    ratio = found[:, 0] / found[:, 1]  # (v / a)²
    assert ((ratio > 1) == (shared > 0.5)).float().mean() > 0.999


@torch.inference_mode()
def test_frames_that_do_not_fill_the_levels_are_followed_by_silence(
    spectrum: torch.Tensor,
) -> None:
    model = network(targets=["vocals", "rest"])
    longer = torch.nn.functional.pad(spectrum, (0, 3))  # 24 frames fill three levels
    torch.testing.assert_close(model.masks(longer)[..., :21], model.masks(spectrum))


def test_half_of_the_deepest_features_are_dropped_in_training(spectrum: torch.Tensor) -> None:
    model = network(targets=["vocals", "rest"])
    assert not torch.equal(model.train().masks(spectrum), model.masks(spectrum))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.0
    torch.testing.assert_close(model.eval().masks(spectrum), model.masks(spectrum))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_seen_bins": 97}, "97 bins, expected a multiple of 8"),
        ({"n_seen_bins": 136}, "136 bins"),
        ({"joined": {"piano": "keys"}}, "expected targets"),
        ({"rest": "keys"}, "rest keys, expected one of"),
        ({"rest": "other", "gains": "softmax"}, "rest other, .*gains sigmoid"),
    ],
)
def test_what_does_not_fit_is_refused(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(**wrong)


def test_the_public_sizes_have_their_parameters() -> None:
    with torch.device("meta"):
        two = UNet(targets=["vocals", "accompaniment"])
    assert sum(p.numel() for p in two.networks["vocals"].parameters()) == 9_822_725


@torch.inference_mode()
def test_networks_that_hear_one_level_find_the_same_in_quiet_and_in_loud_music(
    rng: np.random.Generator,
) -> None:
    mixture = torch.from_numpy(rng.standard_normal((2, 2, 4000)).astype(np.float32))
    quiet = torch.stack([1e-3 * mixture[0], 30 * mixture[1]])  # of a batch, each has its own
    scale = torch.tensor([1e-3, 30.0])[:, None, None, None]
    as_heard, at_one_level = network(), network(level_db=-16.0)
    changes = {
        name: ((model.separate(quiet) / scale - model.separate(mixture)).abs().max()).item()
        for name, model in {"as heard": as_heard, "at one level": at_one_level}.items()
    }
    assert changes["at one level"] < 1e-5
    assert changes["as heard"] > 1e-2
    at_that_level = mixture * 10 ** (-16 / 20)
    torch.testing.assert_close(
        at_one_level.separate(at_that_level), as_heard.separate(at_that_level), atol=0.02, rtol=0
    )
    silence = torch.zeros(1, 2, 4000)
    assert not at_one_level.separate(silence).any()


def test_a_level_is_that_of_the_samples_and_silence_after_them_does_not_count(
    rng: np.random.Generator,
) -> None:
    mixture = torch.from_numpy(rng.standard_normal((1, 2, 100_000)).astype(np.float32))
    mixture *= torch.tensor([0.02, 0.1])[:, None]
    level_db = 10 * mixture.square().mean().log10().item()
    for n_silent in (0, 300_000):
        magnitude = stft(torch.nn.functional.pad(mixture, (0, n_silent)), 1024, 256).abs().mT
        gain_db = 20 * gain_to_level(magnitude, 1024, -18.0).log10().item()
        assert level_db + gain_db == pytest.approx(-18, abs=0.1)
