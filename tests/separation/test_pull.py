import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.errors import ModelError
from libsep.nets.hdemucs import HybridDemucs
from libsep.separation import catalogue
from libsep.separation.architectures import ARCHITECTURES
from libsep.separation.catalogue import find_entry, read_catalogue
from libsep.separation.pull import is_pulled, pull
from libsep.separation.registry import find_model, list_models
from libsep.separation.segments import SegmentGrid
from libsep.separation.separator import Separator
from libsep.separation.stream import separate_blocks
from libsep.track import TARGETS

from .file_server import FileServer, serving
from .public_model import checkpoint, write_catalogue

CONTENT = checkpoint()


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of pulled models, empty."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("LIBSEP_MODELS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


@pytest.fixture
def server(tmp_path: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serve a small public model that stands in the catalogue."""
    with serving(CONTENT) as server:
        path = write_catalogue(tmp_path / "catalogue.yaml", server.url("whole/a.ckpt"), CONTENT)
        monkeypatch.setattr(catalogue, "CATALOGUE_PATH", path)
        yield server


def test_a_pulled_model_separates_without_network(server: FileServer, shelf: Path) -> None:
    with pytest.raises(ModelError, match="'little' is not on this machine yet: libsep models pull"):
        find_model("little")
    told: list[str] = []
    pull(
        find_entry("little"), on_progress=lambda name: lambda done, _: told.append(f"{name} {done}")
    )
    assert told[-1] == f"a.ckpt {len(CONTENT)}"
    server.shutdown()
    model = find_model("little")
    assert (model.segment_s, model.folder) == (2.5, shelf / "little")
    assert "little" in [listed.name for listed in list_models()]
    assert {path.name for path in model.folder.iterdir()} == {
        "model.yaml", "model.safetensors", "README.md",
    }  # fmt: skip
    separator = Separator(model, device="cpu", precision="float32")
    mixture = np.random.default_rng(1).normal(size=(2, 50000)).astype(np.float32)
    grid = SegmentGrid(segment_samples=20000, hop_samples=16000)
    blocks = np.split(mixture, [100, 30000], axis=-1)
    pairs = list(separate_blocks(blocks, separator, grid, path=Path("a")))
    stems = np.concatenate([stems for _, stems in pairs], axis=-1)
    assert stems.shape == (4, 2, 50000)
    np.testing.assert_allclose(stems.sum(axis=0), mixture, atol=1e-5)
    assert np.abs(stems[0] - stems[1]).max() > 1e-3
    again = separate_blocks([mixture], separator, grid, path=Path("a"))
    np.testing.assert_array_equal(np.concatenate([stems for _, stems in again], axis=-1), stems)


def test_a_model_is_fetched_once(server: FileServer, shelf: Path) -> None:
    first = pull(find_entry("little"))
    again = pull(find_entry("little"))
    assert again == first
    assert server.ranges == [None]
    assert not any((shelf / ".downloads").iterdir())


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_model_whose_weights_are_damaged_is_fetched_again(
    server: FileServer, shelf: Path, damage: Callable[[Path], object]
) -> None:
    first = pull(find_entry("little"))
    damage(first.weights_path)
    assert pull(find_entry("little")) == first
    assert server.ranges == [None, None]
    Separator(first, device="cpu", precision="float32")


def test_a_file_of_the_user_needs_no_network(
    server: FileServer, shelf: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.pt").write_bytes(CONTENT)
    (tmp_path / "a.ckpt").write_bytes(CONTENT)
    assert pull(find_entry("little"), given=tmp_path / "mine.pt").folder == shelf / "little"
    assert pull(find_entry("little-restricted"), given=tmp_path).folder.is_dir()
    assert server.ranges == []
    assert (tmp_path / "mine.pt").read_bytes() == CONTENT


def test_a_wrong_file_of_the_user_is_refused_and_kept(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "mine.pt").write_bytes(CONTENT[:-1])
    with pytest.raises(ModelError, match=r"mine\.pt: sha256 is"):
        pull(find_entry("little"), given=tmp_path / "mine.pt")
    with pytest.raises(ModelError, match=r"nothing/a\.ckpt|No such file"):
        pull(find_entry("little"), given=tmp_path / "nothing")
    assert (tmp_path / "mine.pt").exists()
    assert not is_pulled(find_entry("little"))


def test_a_model_without_a_known_hash_wants_one(server: FileServer) -> None:
    entry = find_entry("little-unpinned")
    with pytest.raises(ModelError, match=r"nobody has published the sha256 of .* --sha256"):
        pull(entry)
    with pytest.raises(ModelError, match="expected 0000"):
        pull(entry, sha256="0" * 64)
    assert pull(entry, sha256=hashlib.sha256(CONTENT).hexdigest().upper()).name == entry.name


def test_a_hash_that_contradicts_the_catalogue_is_refused(server: FileServer) -> None:
    with pytest.raises(ModelError, match=f"sha256 of a.ckpt is [0-9a-f]{{64}}, not {'0' * 64}"):
        pull(find_entry("little"), sha256="0" * 64)
    with pytest.raises(ModelError, match=r"--sha256: 'abc', expected the 64 hexadecimal digits"):
        pull(find_entry("little"), sha256="abc")
    assert server.ranges == []


def test_a_checkpoint_that_does_not_fit_leaves_no_model(server: FileServer) -> None:
    with pytest.raises(ModelError, match=r"little-large: .* \(another checkpoint\?\)"):
        pull(find_entry("little-large"))
    assert not is_pulled(find_entry("little-large"))
    assert "little-large" not in [model.name for model in list_models()]


def test_several_files_cannot_be_given_as_one(shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"expected a folder with drums-9619578f\.pth, bass-"):
        pull(find_entry("umxhq"), given=tmp_path / "one.pth")


@pytest.mark.parametrize("entry", read_catalogue(), ids=lambda entry: entry.name)
def test_every_public_model_has_what_libsep_promises(entry: catalogue.CatalogueEntry) -> None:
    assert entry.targets == TARGETS or entry.name == "spleeter-2stems"
    assert entry.sample_rate == 44100
    assert entry.architecture in ARCHITECTURES
    assert entry.description
    assert entry.notice
    assert entry.data
    assert entry.cost
    assert entry.is_restricted == (entry.licence != "MIT")
    assert all(file.url.startswith("https://") for file in entry.files)
    assert all(file.sha256 for file in entry.files) or entry.name == "hdemucs-musdb"


def test_a_model_that_is_not_public_is_named() -> None:
    with pytest.raises(ModelError, match="no public model is called 'x', there are: hdemucs, "):
        find_entry("x")


def test_a_damaged_catalogue_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "CATALOGUE_PATH", tmp_path / "catalogue.yaml")
    with pytest.raises(ModelError, match=r"catalogue\.yaml: cannot be read"):
        read_catalogue()


@pytest.mark.slow
def test_torchaudios_own_checkpoint_format_is_taken(shelf: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    network = HybridDemucs()
    torch.save(network.network.state_dict(), tmp_path / "hdemucs_high_musdbhq_only.pt")
    path = tmp_path / "hdemucs_high_musdbhq_only.pt"
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    model = pull(find_entry("hdemucs-musdb"), given=tmp_path, sha256=sha256)
    separator = Separator(model, device="cpu", precision="float32")
    mixture = np.random.default_rng(1).normal(size=(1, 2, 20000)).astype(np.float32)
    with torch.inference_mode():
        expected = network.eval().separate(torch.from_numpy(mixture))
    np.testing.assert_allclose(separator.separate(mixture), expected, atol=1e-5)
