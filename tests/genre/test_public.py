"""musicnn from the files of its authors: names, axes, pins, and what is refused."""

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.errors import ModelError
from libsep.genre import public
from libsep.genre.classifier import load_network
from libsep.nets.musicnn import MusiCNN

from ..model_folder.bundle_writer import write_bundle


@pytest.fixture(scope="module")
def network() -> MusiCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20261128)
        made = MusiCNN()
        for name, tensor in made.named_buffers():
            if name.endswith(("running_mean", "running_var")):
                tensor.uniform_(0.5, 2.0)
    return made.eval()


def as_tensorflow(network: MusiCNN) -> dict[str, np.ndarray]:
    """Return a network's tensors as TensorFlow 1 names them, and something of its optimiser."""
    bands, frames = [*network.timbral, *network.temporal], [*network.middle]
    normalisations = [network.normalise, *(layer.normalise for layer in (*bands, *frames))]
    tensors: dict[str, torch.Tensor] = {}
    for number, layer in enumerate((*bands, *frames)):
        name = f"conv2d_{number}" if number else "conv2d"
        weight = layer.convolution.weight  # (out, 1, frames, bands) or (out, in, frames)
        kernel = (
            weight.permute(2, 3, 1, 0) if layer in bands else weight.permute(2, 1, 0)[:, :, None]
        )
        tensors |= {f"{name}/kernel": kernel, f"{name}/bias": layer.convolution.bias}
    for number, layer in enumerate([*normalisations, network.pooled, network.embedded]):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        tensors |= {f"{name}/gamma": layer.weight, f"{name}/beta": layer.bias}
        tensors |= {f"{name}/moving_mean": layer.running_mean}
        tensors |= {f"{name}/moving_variance": layer.running_var}
    for name, layer in (("dense", network.dense), ("dense_1", network.tags)):
        tensors |= {f"{name}/kernel": layer.weight.T, f"{name}/bias": layer.bias}
    tensors["dense/kernel/Adam"] = torch.ones(3)
    return {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: MusiCNN) -> Path:
    """Return a folder with the files of a network that is pinned as the public one."""
    monkeypatch.setenv("LIBSEP_MODELS", str(tmp_path / "pulled"))
    return written(tmp_path, monkeypatch, as_tensorflow(network))


def written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tensors: Mapping[str, np.ndarray]
) -> Path:
    known = public.public_tagger()
    folder = tmp_path / known.folder
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in known.files]
    write_bundle(*paths, tensors)
    pins = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    pinned = known.model_copy(update={"files": pins})
    monkeypatch.setattr(public, "public_tagger", lambda: pinned)
    return folder


def test_a_converted_network_hears_what_the_first_did(
    folder: Path, tmp_path: Path, network: MusiCNN
) -> None:
    wheel = tmp_path / "musicnn-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in folder.iterdir():
            archive.write(path, path.relative_to(tmp_path))
    patch = torch.rand(1, 60, 96)
    with torch.inference_mode():
        expected = network.tags(network.embed(patch))
        for given in (folder, wheel):
            info = public.pull_tagger(given)
            converted = load_network(info)
            assert isinstance(converted, MusiCNN)
            found = converted.eval().tags(converted.embed(patch))
            torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-2)
    assert info.folder == tmp_path / "pulled" / "musicnn"
    assert "Universitat Pompeu Fabra" in (info.folder / "README.md").read_text()


def test_other_files_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="comes with libsep as the classifier 'genre'"):
        public.pull_tagger(None)
    with pytest.raises(ModelError, match="cannot be read as the wheel of musicnn"):
        public.pull_tagger(tmp_path / "nowhere.whl")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as archive:
        archive.writestr("other/__init__.py", "")
    with pytest.raises(ModelError, match="cannot be read as the wheel of musicnn"):
        public.pull_tagger(tmp_path / "other.whl")
    numbers = folder / ".data-00000-of-00001"
    numbers.write_bytes(numbers.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(ModelError, match="sha256 is"):
        public.pull_tagger(folder)


def test_a_checkpoint_that_lacks_a_tensor_is_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: MusiCNN
) -> None:
    tensors = as_tensorflow(network)
    del tensors["dense/bias"]
    written(tmp_path, monkeypatch, tensors)
    with pytest.raises(ModelError, match="holds no 'dense/bias', expected the tensors"):
        public.pull_tagger(folder)
