"""musicnn: its spectrogram, its layers worked out another way, and that items do not mix."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchaudio
from torch import Tensor, nn

from libsep.nets.musicnn import N_BANDS, MusiCNN


@pytest.fixture(scope="module")
def network() -> MusiCNN:
    """Return a network whose normalisations rise and fall, with statistics that are not trivial."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20261128)
        made = MusiCNN(n_tags=5, n_genres=3)
        for module in made.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                nn.init.normal_(module.weight)
                nn.init.normal_(module.bias)
                nn.init.normal_(module.running_mean, std=0.1)
                nn.init.uniform_(module.running_var, 0.5, 2.0)
    return made.eval()


def spectrograms(n_batch: int, n_frames: int = 40) -> Tensor:
    rng = np.random.default_rng(4)
    values = rng.gamma(1.0, 1.0, (n_batch, n_frames, N_BANDS)).astype(np.float32)
    return torch.from_numpy(values)


def normalised(hidden: np.ndarray, layer: nn.Module) -> np.ndarray:
    """Return what a normalisation makes of ``(features, …)``, by its formula."""
    mean, variance, weight, bias = (
        getattr(layer, name).double().numpy().reshape(-1, *[1] * (hidden.ndim - 1))
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    return np.asarray((hidden - mean) / np.sqrt(variance + 1e-3) * weight + bias)


def correlated(image: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    """Return the valid correlation of ``(inputs, N, F)`` with ``(outputs, inputs, n, f)``."""
    windows = np.lib.stride_tricks.sliding_window_view(image, kernels.shape[2:], axis=(1, 2))
    return np.einsum("inmab,oiab->onm", windows, kernels)


def by_hand(network: MusiCNN, features: np.ndarray) -> np.ndarray:
    """Return the logits of one spectrogram, in numpy, as the authors describe the layers."""
    image = normalised(features[None].astype(np.float64), network.normalise)
    front = []
    for layer in (*network.timbral, *network.temporal):
        kernels = layer.convolution.weight.double().numpy()
        missing = kernels.shape[2] - 1
        padded = np.pad(image, ((0, 0), (missing // 2, missing - missing // 2), (0, 0)))
        hidden = correlated(padded, kernels) + layer.convolution.bias.numpy()[:, None, None]
        front.append(normalised(np.maximum(hidden, 0), layer.normalise).max(axis=2))
    parts = [np.concatenate(front)]
    for index, layer in enumerate(network.middle):
        before = parts[-1]
        kernels = layer.convolution.weight.double().numpy()[:, :, :, None]
        hidden = correlated(np.pad(before, ((0, 0), (3, 3)))[:, :, None], kernels)[:, :, 0]
        hidden = np.maximum(hidden + layer.convolution.bias.numpy()[:, None], 0)
        made = normalised(hidden, layer.normalise)
        parts.append(made + before if index else made)
    frames = np.concatenate(parts)
    pooled = np.empty(2 * len(frames))
    pooled[0::2], pooled[1::2] = frames.max(axis=1), frames.mean(axis=1)
    dense = normalised(pooled, network.pooled) @ network.dense.weight.double().numpy().T
    embedded = normalised(np.maximum(dense + network.dense.bias.numpy(), 0), network.embedded)
    tags = network.tags
    return np.asarray(embedded @ tags.weight.double().numpy().T + tags.bias.numpy())


def test_the_layers_are_those_that_the_authors_describe(network: MusiCNN) -> None:
    features = spectrograms(2)
    with torch.inference_mode():
        found = network.tags(network.embed(features)).numpy()
        expected = np.stack([by_hand(network, item.numpy()) for item in features])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_the_spectrogram_is_that_of_torchaudio_and_its_logarithm() -> None:
    rng = np.random.default_rng(5)
    audio = torch.from_numpy(rng.normal(0, 0.1, (2, 2, 16000)).astype(np.float32))
    mel = torchaudio.transforms.MelSpectrogram(
        16000, n_fft=512, hop_length=256, n_mels=96, norm="slaney", mel_scale="slaney"
    )
    expected = torch.log10(1 + 10_000 * mel(audio.mean(dim=1))).transpose(1, 2)
    found = MusiCNN().features(audio)
    assert found.shape == (2, 63, 96)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_the_shortcut_of_a_layer_is_what_it_learns_with(network: MusiCNN) -> None:
    bands = F.normalize(spectrograms(3))[:, None]
    for layer in (*network.timbral, *network.temporal):
        with torch.inference_mode():
            short = layer(bands)
            padded = F.pad(bands, layer.padding)
            whole = layer.normalise(torch.relu(layer.convolution(padded))).amax(dim=3)
        torch.testing.assert_close(short, whole, rtol=1e-4, atol=1e-5)


def test_one_item_does_not_change_another(network: MusiCNN) -> None:
    features = spectrograms(3)
    with torch.inference_mode():
        together, alone = network.embed(features), network.embed(features[1:2])
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-4)


def test_a_gradient_reaches_every_parameter() -> None:
    network = MusiCNN(n_tags=5, n_genres=3).train()
    assert network.genres is not None
    embedded = network.embed(spectrograms(4))
    (network.tags(embedded).square().sum() + network.genres(embedded).square().sum()).backward()
    lacking = [name for name, p in network.named_parameters() if not p.grad.abs().sum() > 0]
    assert not lacking
