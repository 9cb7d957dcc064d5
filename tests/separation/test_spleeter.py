"""Archives of Spleeter: every way to give one, and the same numbers as its graph."""

import hashlib
import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.errors import ModelError
from libsep.nets.unet import UNet
from libsep.separation import spleeter
from libsep.separation.catalogue import CatalogueEntry
from libsep.separation.checkpoint import convert
from libsep.separation.pull import pull
from libsep.separation.registry import Model
from libsep.separation.spleeter import DATA, INDEX
from libsep.separation.weights import load_network

from ..model_folder.bundle_writer import write_bundle
from .spleeter_graph import logits, variables_of

CHANNELS = [3, 4, 5]
NAMES = ("vocals", "piano", "drums", "bass", "other")


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the two files of a small model of two sources."""
    monkeypatch.setenv("LIBSEP_MODELS", str(tmp_path / "shelf"))
    return write(tmp_path / "files", variables_of(2, CHANNELS, rng))


def write(folder: Path, variables: dict[str, np.ndarray]) -> Path:
    folder.mkdir()
    write_bundle(folder / INDEX, folder / DATA, variables)
    return folder


def tarred(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name in (INDEX, DATA):
            archive.add(folder / name, f"./2stems/{name}")
        link = tarfile.TarInfo("./checkpoint")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return path


def entry(sha256: str, sources: tuple[str, ...] = ("vocals", "accompaniment"), **changes: object):
    arguments = {
        "targets": ["vocals", "accompaniment"],
        "n_fft": 256,
        "hop_length": 64,
        "n_seen_bins": 64,
        "channels": CHANNELS,
    }
    file = {"url": "http://127.0.0.1/2stems.tar.gz", "sha256": sha256}
    values = {
        "name": "small",
        "architecture": "unet",
        "arguments": arguments | dict(changes.pop("arguments", {})),
        "targets": ["vocals", "accompaniment"],
        "sample_rate": 44100,
        "licence": "MIT",
        "source": "somebody",
        "spleeter_sources": sources,
        "files": [file | dict(changes.pop("file", {}))],
    }
    return CatalogueEntry.model_validate(values | changes)


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def converted(path: Path, folder: Path, entry: CatalogueEntry) -> Model:
    return convert(entry, {"2stems.tar.gz": path}, folder, {"2stems.tar.gz": sha256_of(path)})


@pytest.mark.parametrize(
    ("sources", "arguments"),
    [
        (("vocals", "accompaniment"), {}),
        (("vocals", "accompaniment"), {"masks": "shared"}),
        (NAMES, {"activations": "elu", "gains": "softmax", "joined": {"piano": "other"}}),
    ],
)
def test_the_masks_are_those_of_spleeters_graph(
    tmp_path: Path, rng: np.random.Generator, sources: tuple[str, ...], arguments: dict[str, object]
) -> None:
    variables = variables_of(len(sources), CHANNELS, rng)
    # What is stored in half precision is what the graph is given too.
    halves = {
        name: value.astype(np.float16).astype(np.float32) if value.ndim == 4 else value
        for name, value in variables.items()
    }
    path = tarred(write(tmp_path / "files", variables), tmp_path / "a.tar.gz")
    targets = [name for name in sources if name != "piano"]
    described = entry(
        sha256_of(path), sources, targets=targets, arguments={"targets": targets} | arguments
    )
    network = load_network(converted(path, tmp_path / "model", described))
    assert isinstance(network, UNet)
    parts = rng.standard_normal((1, 2, 129, 24, 2)).astype(np.float32)
    spectrum = torch.view_as_complex(torch.from_numpy(parts))
    magnitude = spectrum.abs().numpy()[0, :, :64].transpose(2, 1, 0).astype(np.float64)
    activation = str(arguments.get("activations", "relu"))
    found = np.stack(
        [logits(magnitude, halves, place, 3, activation) for place in range(len(sources))]
    )
    if arguments.get("gains") == "softmax":
        gains = np.exp(found) / np.exp(found).sum(0)
    else:
        gains = 1 / (1 + np.exp(-found))
    power = (gains * magnitude) ** 2
    masks = power / power.sum(0)
    if arguments.get("masks") == "shared":
        masks = gains + (1 - gains.sum(0)) / len(sources)
    by_name = dict(zip(sources, masks, strict=True))
    if "piano" in by_name:
        by_name["other"] = by_name["other"] + by_name.pop("piano")
    with torch.inference_mode():
        ours = network.masks(spectrum)[0].numpy()
    for place, target in enumerate(targets):
        expected = by_name[target].transpose(2, 1, 0)
        np.testing.assert_allclose(ours[place, :, :64], expected, atol=2e-4)
        above = np.broadcast_to(expected.mean(1, keepdims=True), ours[place, :, 64:].shape)
        np.testing.assert_allclose(ours[place, :, 64:], above, atol=2e-4)
    assert np.ptp(masks) > 0.5, "or everything would agree"


def test_an_archive_a_folder_and_a_wheel_give_the_same_model(folder: Path, tmp_path: Path) -> None:
    archive = tarred(folder, tmp_path / "2stems.tar.gz")
    members = {name: sha256_of(folder / name) for name in (INDEX, DATA)}
    wheel = tmp_path / "lite.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        for name in members:
            file.write(folder / name, f"spleeter/2stems/{name}")
    described = entry(sha256_of(archive), file={"members": members})
    models = []
    for given in (archive, tmp_path, folder, wheel):
        name = f"small-{len(models)}"
        renamed = described.model_copy(update={"name": name})
        models.append(pull(renamed, given=given))
    assert len({model.sha256 for model in models}) == 1
    assert "rounded to half precision" in (models[0].folder / "README.md").read_text()
    state = load_network(models[0]).state_dict()
    assert state["networks.vocals.down.0.conv.weight"].shape == (3, 2, 5, 5)
    assert archive.is_file(), "what the user gave stays"


def test_files_whose_hash_nobody_pinned_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"hash of its model\.index is not known, expected 2stems"):
        pull(entry("0" * 64), given=folder)
    wrong = {INDEX: "0" * 64, DATA: "0" * 64}
    with pytest.raises(ModelError, match=r"model\.index: sha256 is"):
        pull(entry("0" * 64, file={"members": wrong}), given=folder)
    with pytest.raises(ModelError, match=r"2stems\.tar\.gz: sha256 is"):
        pull(entry("0" * 64), given=tarred(folder, tmp_path / "2stems.tar.gz"))


def test_damaged_archives_are_told(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tar.gz"
    content = tarred(folder, tmp_path / "good.tar.gz").read_bytes()
    empty = io.BytesIO()
    tarfile.open(fileobj=empty, mode="w:gz").close()
    for damaged, message in (
        (content[: len(content) // 2], r"no archive of Spleeter|holds no model"),
        (b"nothing of the kind", "no archive of Spleeter"),
        (empty.getvalue(), r"holds no model\.index"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match=message):
            converted(path, tmp_path / "model", entry(sha256_of(path)))
    with tarfile.open(path, "w:gz") as archive:
        for _ in range(2):
            archive.add(folder / INDEX, INDEX)
    with pytest.raises(ModelError, match=r"no archive of Spleeter: .*exists"):
        converted(path, tmp_path / "model", entry(sha256_of(path)))
    monkeypatch.setattr(spleeter, "MAX_MEMBER_BYTES", 100)
    path.write_bytes(content)
    with pytest.raises(ModelError, match="longer than 100 bytes"):
        converted(path, tmp_path / "model", entry(sha256_of(path)))
    assert not (tmp_path / "model").exists()


def test_a_model_of_other_sources_is_refused(folder: Path, tmp_path: Path) -> None:
    path = tarred(folder, tmp_path / "a.tar.gz")
    three = entry(
        sha256_of(path),
        ("vocals", "drums", "rest"),
        targets=["vocals", "drums", "rest"],
        arguments={"targets": ["vocals", "drums", "rest"]},
    )
    with pytest.raises(ModelError, match=r"batch_normalization_12/beta is missing"):
        converted(path, tmp_path / "model", three)
    other = entry(sha256_of(path), architecture="scnet").model_copy(
        update={"arguments": {"targets": ["vocals", "accompaniment"]}}
    )
    with pytest.raises(ModelError, match="Spleeter's networks are no scnet"):
        converted(path, tmp_path / "model", other)
