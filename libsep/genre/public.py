"""The public tagger musicnn, from its authors' files into a model folder."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from libsep import config
from libsep.config import Genre
from libsep.errors import ModelError, reason_of
from libsep.genre.classifier import save_classifier
from libsep.genre.description import ClassifierInfo, StoredClassifier
from libsep.machine import temporary_folder
from libsep.model_folder.description import CARD_FILE, pulled_folder
from libsep.model_folder.tensor_bundle import read_bundle
from libsep.model_folder.tensors import check_sha256, fill, write_file
from libsep.nets.musicnn import MusiCNN

NAME = "musicnn"

NOTICE = "Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019, ISC licence."

_BANDS = ("timbral.0", "timbral.1", "temporal.0", "temporal.1", "temporal.2")
_FRAMES = ("middle.0", "middle.1", "middle.2")
_NORMALISATIONS = (
    "normalise",
    *(f"{layer}.normalise" for layer in (*_BANDS, *_FRAMES)),
    "pooled",
    "embedded",
)
"""Our names of what TensorFlow numbers through in the order in which the network was built."""


class PublicTagger(config.Section):
    """What ``musicnn.yaml`` says."""

    wheel: str
    """Where the files are."""

    folder: str
    """Where they lie in the wheel."""

    files: dict[str, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    """Name of each file, and its SHA-256: first the index, then the numbers."""

    licence: str
    """SPDX identifier of the licence of the weights."""

    data: tuple[str, ...]
    """What they were trained on."""

    tags: tuple[str, ...]
    """What the outputs are called, in their order."""

    table: dict[Genre, dict[str, float]]
    """How much each tag counts for a genre."""


def public_tagger() -> PublicTagger:
    """Return what is known of musicnn."""
    return config.load(PublicTagger, Path(__file__).with_name("musicnn.yaml"))


def pull_tagger(given: Path | None) -> StoredClassifier:
    """Convert musicnn from its wheel, and put it where `find_classifier` looks.

    Parameters
    ----------
    given
        The wheel, or the folder of its files.

    Raises
    ------
    ModelError
        ``given`` is missing or none of these, a file is another one than the authors', or the
        folder cannot be written.
    """
    known = public_tagger()
    if given is None:
        raise ModelError(
            f"{NAME}: comes with libsep as the classifier 'genre'; to convert it anew, give its "
            f"wheel with --from (pip download --no-deps musicnn==0.1.0; {known.wheel})"
        )
    info = ClassifierInfo(
        name=NAME,
        description="Names 50 tags of Last.fm, and by a table that nobody has fitted a genre.",
        architecture="musicnn",
        arguments={},
        sample_rate=16000,
        licence=known.licence,
        data=known.data,
        training=f"By the authors: Pons and Serra, 2019. {NOTICE}",
        genres=tuple(known.table),
        tags=known.tags,
        table=known.table,
    )
    network = MusiCNN(n_tags=len(known.tags))
    with temporary_folder() as scratch:
        index, numbers = _files(given, known, scratch)
        tensors = read_bundle(index, numbers, is_wanted=lambda name: "Adam" not in name)
    found = {name: torch.from_numpy(array) for name, array in tensors.items()}
    try:
        fill(network, dict(_renamed(found)), given)
    except KeyError as exc:
        raise ModelError(f"{given}: holds no {exc}, expected the tensors of MSD_musicnn") from exc
    folder = pulled_folder() / NAME
    write_file(folder / CARD_FILE, f"# {NAME}\n\n{info.description}\n\n{NOTICE}\n".encode())
    return save_classifier(folder, info, network)


def _files(given: Path, known: PublicTagger, scratch: Path) -> list[Path]:
    """Return where the files are, after their hashes were compared."""
    folder = given
    if not given.is_dir():
        folder = scratch
        try:
            with zipfile.ZipFile(given) as wheel:
                for name in known.files:
                    (folder / name).write_bytes(wheel.read(f"{known.folder}/{name}"))
        except (OSError, zipfile.BadZipFile, KeyError) as exc:
            raise ModelError(
                f"{given}: cannot be read as the wheel of musicnn: {reason_of(exc)}"
            ) from exc
    for name, sha256 in known.files.items():
        check_sha256(folder / name, sha256)
    return [folder / name for name in known.files]


def _renamed(found: Mapping[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors with our names and the axes of torch: outputs, inputs, frames, bands."""
    for number, layer in enumerate((*_BANDS, *_FRAMES)):
        theirs = _numbered("conv2d", number)
        kernel = found[f"{theirs}/kernel"]  # (frames, bands, inputs, outputs)
        if layer in _FRAMES:  # their bands are our inputs
            kernel = kernel.transpose(1, 2)
        kernel = kernel.permute(3, 2, 0, 1)
        yield f"{layer}.convolution.weight", kernel[..., 0] if layer in _FRAMES else kernel
        yield f"{layer}.convolution.bias", found[f"{theirs}/bias"]
    for number, layer in enumerate(_NORMALISATIONS):
        theirs = _numbered("batch_normalization", number)
        yield f"{layer}.weight", found[f"{theirs}/gamma"]
        yield f"{layer}.bias", found[f"{theirs}/beta"]
        yield f"{layer}.running_mean", found[f"{theirs}/moving_mean"]
        yield f"{layer}.running_var", found[f"{theirs}/moving_variance"]
        yield f"{layer}.num_batches_tracked", torch.tensor(0)
    for number, layer in enumerate(("dense", "tags")):
        yield f"{layer}.weight", found[f"{_numbered('dense', number)}/kernel"].T
        yield f"{layer}.bias", found[f"{_numbered('dense', number)}/bias"]


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name
