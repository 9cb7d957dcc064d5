"""What a run was told, kept in its folder: its configuration, and the lists it converts."""

import dataclasses
import json
import os
from collections.abc import Sequence
from pathlib import Path

import yaml

from libsep.config import Config, load
from libsep.errors import ConfigError, LedgerError
from libsep.ledger import FOLDER, Ledger
from libsep.media.atomic import write_text

RUNS = "runs"
"""Folder beside the ledger, with a folder for each run."""

CONFIG, LISTS = "config.yaml", "playlists.json"
"""Files in the folder of a run: how it was configured, and what lists it was to convert."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a run was told.

    ``config_path`` holds its whole configuration; None: nobody knows it. ``playlists`` are lists as
    `libsep.dj.read.read_list` takes them, with absolute paths; ``with_library``: all tracks of the
    library were to be converted beside them.
    """

    config_path: Path | None = None
    playlists: tuple[str, ...] = ()
    with_library: bool = False

    def config(self) -> Config:
        """Return the configuration; the default if none is known.

        Raises
        ------
        ConfigError
            It was kept by another version, and cannot be read.
        """
        return Config() if self.config_path is None else load(Config, self.config_path)

    @property
    def is_default(self) -> bool:
        """Whether the configuration is the default one; False if it cannot be read."""
        try:
            return self.config() == Config()
        except ConfigError:
            return False


def keep(folder: Path, config: Config, playlists: Sequence[str], *, with_library: bool) -> None:
    """Write what a run is told into its folder, so that it means the same from everywhere.

    Parameters
    ----------
    folder
        Of the run.
    config, playlists, with_library
        See `Told`; paths may be relative.

    Raises
    ------
    StemsError
        It cannot be written.
    """
    values = config.anchored().model_dump(mode="json")
    write_text(folder / CONFIG, yaml.safe_dump(values, sort_keys=False))
    if playlists:
        # As text, in which the name of a list may follow that of its file.
        lists = [os.path.join(os.getcwd(), each) for each in playlists]  # noqa: PTH109, PTH118
        told = {"playlists": lists, "with_library": with_library}
        write_text(folder / LISTS, json.dumps(told))


def read_told(folder: Path) -> Told:
    """Return what the run of this folder was told."""
    told = Told(config_path=folder / CONFIG)
    try:
        values = json.loads((folder / LISTS).read_bytes())
    except (FileNotFoundError, ValueError):  # there were none, or it was cut off
        return told
    if isinstance(values, list):  # as earlier versions wrote it
        values = {"playlists": values, "with_library": False}
    return dataclasses.replace(
        told, playlists=tuple(values["playlists"]), with_library=values["with_library"]
    )


def last_told(runs: Path, names: Sequence[str]) -> Told:
    """Return what the last of some runs was told whose folder is here; nothing is known if none is.

    Parameters
    ----------
    runs
        Holds a folder for each run.
    names
        The runs, the last one at the end; a name may come again.
    """
    folders = (runs / name for name in dict.fromkeys(reversed(names)))
    found = next((folder for folder in folders if (folder / CONFIG).is_file()), None)
    return Told() if found is None else read_told(found)


def told_last(stems: Path) -> Told:
    """Return what the run was told that wrote the last row of a local output folder.

    Of a damaged ledger it is not known.
    """
    own = stems / FOLDER
    try:
        names = Ledger(own).history()["run"].to_pylist()
    except LedgerError:
        return Told()
    return last_told(own / RUNS, names)
