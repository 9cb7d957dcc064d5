"""Public models onto this machine: fetch once, convert once, use offline."""

import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from libsep.errors import ModelError
from libsep.model_folder.description import CARD_FILE, DESCRIPTION_FILE, pulled_folder
from libsep.model_folder.tensors import check_sha256, write_file
from libsep.separation.card import model_card
from libsep.separation.catalogue import CatalogueEntry
from libsep.separation.checkpoint import convert
from libsep.separation.download import OnProgress, download
from libsep.separation.model import Model
from libsep.separation.registry import read_model

logger = logging.getLogger(__name__)

DOWNLOADS = ".downloads"
"""Folder of what is being fetched, beside the models; its name is no model's."""


def is_pulled(entry: CatalogueEntry) -> bool:
    """Return whether a public model lies on this machine already."""
    return (pulled_folder() / entry.name / DESCRIPTION_FILE).is_file()


def pull(
    entry: CatalogueEntry,
    *,
    sha256: str | None = None,
    given: Path | None = None,
    on_progress: Callable[[str], OnProgress] = lambda _name: lambda _done, _total: None,
) -> Model:
    """Fetch a public model, convert it and put it where `find_model` looks.

    Parameters
    ----------
    entry
        Which model. One that lies there already is returned as it is; one whose weights are
        missing or damaged is fetched again.
    sha256
        Of the checkpoint, for a model of a single file whose hash is not in the catalogue.
    given
        The checkpoint, or the folder of its files, if the user has fetched it himself. In place of
        an archive of Spleeter, the files that were in it, or a wheel that holds them.
    on_progress
        Is called with the name of each file, for what is told how much of it is there.

    Raises
    ------
    ModelError
        The hash is not known, a file cannot be fetched or is another one, or it cannot be
        converted. See `libsep.separation.download` and `libsep.separation.checkpoint`.
    """
    folder = pulled_folder() / entry.name
    if is_pulled(entry) and (found := _whole_model(folder)) is not None:
        return found
    pins = _pins(entry, sha256)
    downloads = pulled_folder() / DOWNLOADS / entry.name
    if given is not None:
        paths = _given_files(entry, given)
    else:
        paths = {file.name: downloads / file.name for file in entry.files}
        for file in entry.files:
            download(
                file.url,
                paths[file.name],
                sha256=pins[file.name],
                size_bytes=file.size_bytes,
                on_progress=on_progress(file.name),
            )
    write_file(folder / CARD_FILE, model_card(entry).encode())
    model = convert(entry, paths, folder, pins)
    shutil.rmtree(downloads, ignore_errors=True)
    return model


def _whole_model(folder: Path) -> Model | None:
    """Return the model in a folder; None if a part of it is missing or damaged."""
    try:
        model = read_model(folder)
        check_sha256(model.weights_path, model.sha256)
    except ModelError as exc:
        logger.warning("fetched again: %s", exc)
        return None
    return model


def _pins(entry: CatalogueEntry, sha256: str | None) -> dict[str, str]:
    """Return the hash of each file: the catalogue's, else the user's."""
    given = sha256.lower() if sha256 else None
    if given is not None and not re.fullmatch(r"[0-9a-f]{64}", given):
        raise ModelError(f"--sha256: {sha256!r}, expected the 64 hexadecimal digits of a SHA-256")
    pins: dict[str, str] = {}
    for file in entry.files:
        known = file.sha256 or given
        if known is None:
            raise ModelError(
                f"{entry.name}: nobody has published the sha256 of {file.url}, and libsep takes no "
                "file unseen: fetch it, check it, and give its hash with --sha256 (and the file "
                "with --from)"
            )
        if given is not None and known != given:
            raise ModelError(f"{entry.name}: sha256 of {file.name} is {known}, not {given}")
        pins[file.name] = known
    return pins


def _given_files(entry: CatalogueEntry, given: Path) -> dict[str, Path]:
    """Return where the files lie that the user has."""
    if not given.is_dir():
        if len(entry.files) > 1:
            names = ", ".join(file.name for file in entry.files)
            raise ModelError(f"{given}: expected a folder with {names}")
        return {entry.files[0].name: given}
    if entry.spleeter_sources and not (given / entry.files[0].name).is_file():
        return {entry.files[0].name: given}  # the files out of the archive
    return {file.name: given / file.name for file in entry.files}
