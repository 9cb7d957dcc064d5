"""``libsep models``: what is there, its licence and quality; fetch a public model."""

import contextlib
import difflib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
import yaml
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from libsep.cli.examples import epilog
from libsep.cli.lines import markup
from libsep.cli.model_making import average, blend, chain, exchange, part
from libsep.cli.options import JsonOption
from libsep.cli.tables import stacked
from libsep.cli.terminal import go_on_unread
from libsep.errors import ModelError
from libsep.genre.description import ClassifierInfo, StoredClassifier
from libsep.restoration.model import RestorationInfo, RestorationModel
from libsep.separation.model import KINDS, Model, ModelInfo
from libsep.transients.model import HitInfo, HitModel, SoundInfo, SoundModel
from libsep.units import format_bytes

models = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

AnyInfo: TypeAlias = ModelInfo | RestorationInfo | ClassifierInfo | HitInfo | SoundInfo

COLUMNS = ("model", "state", "network", "targets", "licence", "size", "SDR in dB", "CPU time")

TABLE_WIDTH = 160
"""Columns of text below which the cells of the table would be a word wide, and words cut off."""

PLAIN_WIDTH = 176
"""Columns of text where no terminal says how many there are."""


@models.callback()
def options() -> None:
    """Tell what models there are, with licence and quality; fetch a public one."""


NameArgument = Annotated[str, typer.Argument(help="Name of a model.")]


@models.command("list", epilog=epilog("models list"))
def list_command(as_json: JsonOption = False) -> None:
    """List the models that came with libsep, those that were pulled, and those to be pulled."""
    rows = [_row(*each) for each in _all_models()]
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    cells = [[markup(text) for text in _cells(row)] for row in rows]
    if console.width < TABLE_WIDTH:
        console.print(stacked(COLUMNS, cells))
        return
    table = Table(*COLUMNS, box=None, padding=(0, 2, 0, 0))
    for each in cells:
        table.add_row(*each)
    console.print(table)


@models.command(epilog=epilog("models show"))
def show(name: NameArgument, as_json: JsonOption = False) -> None:
    """Print all that is known of a model: its description, then its card."""
    from libsep.genre.description import KIND as CLASSIFIER
    from libsep.genre.description import find_classifier
    from libsep.model_folder.description import CARD_FILE, Stored, folder_of, kind_of
    from libsep.restoration.model import KIND as RESTORER
    from libsep.restoration.model import find_restoration_model
    from libsep.separation.card import model_card
    from libsep.separation.catalogue import read_catalogue
    from libsep.separation.pull import is_pulled
    from libsep.separation.registry import find_model
    from libsep.transients.model import HITS, SOUNDS, find_hit_model, find_sound_model

    entries = {entry.name: entry for entry in read_catalogue()}
    if name in entries and not is_pulled(entries[name]):
        entry = entries[name]
        description, card = entry.model_dump(mode="json"), model_card(entry)
    else:
        finders: dict[str | None, Callable[[str], Stored]]
        finders = {RESTORER: find_restoration_model, CLASSIFIER: find_classifier}
        finders |= {HITS: find_hit_model, SOUNDS: find_sound_model}
        kind = kind_of(name)
        if kind is None and folder_of(name) is None:
            raise ModelError(_unknown(name))
        model = finders.get(kind, find_model)(name)
        path = model.folder / CARD_FILE
        card = path.read_text(encoding="utf-8") if path.is_file() else ""
        description = model.model_dump(mode="json") | {"folder": str(model.folder)}
    if as_json:
        print(json.dumps(description, indent=2))
        return
    print(yaml.safe_dump(description, sort_keys=False, allow_unicode=True, width=100))
    print(card)


@models.command(epilog=epilog("models pull"))
def pull(
    name: NameArgument,
    given: Annotated[
        Path | None,
        typer.Option("--from", help="Take this file, or the files in this folder; no network."),
    ] = None,
    sha256: Annotated[
        str | None,
        typer.Option("--sha256", help="Hash of the checkpoint, where libsep does not know it."),
    ] = None,
    accept_licence: Annotated[
        bool,
        typer.Option("--accept-licence", help="Use weights whose licence does not allow all use."),
    ] = False,
) -> None:
    """Fetch a public model, check it and convert it; from then on it works offline."""
    from libsep.model_folder.description import folder_of, models_folder
    from libsep.separation.catalogue import find_entry

    go_on_unread()
    folder = folder_of(name)
    if folder is not None and folder.parent == models_folder() and folder.is_dir():
        if given or sha256:
            raise ModelError(f"{name}: comes with libsep, expected neither --from nor --sha256")
        print(f"{name} comes with libsep, and lies in {folder}")
        return
    if name == "musicnn":
        from libsep.genre.public import pull_tagger

        if sha256:
            raise ModelError(f"{name}: libsep knows the hashes of its files, expected no --sha256")
        print(f"{name} lies in {pull_tagger(given).folder}")
        return
    entry = find_entry(name)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[yellow]{markup(f'{entry.licence}: {entry.notice}')}[/]")
    if entry.is_restricted and not accept_licence:
        raise ModelError(f"{name}: --accept-licence is needed to pull it, see the notice above")
    from libsep.separation import pull as pulling  # torch is not needed before

    with _progress(console) as progress:
        model = pulling.pull(
            entry,
            sha256=sha256,
            given=given,
            on_progress=lambda file: _Bar(progress, file).update,
        )
    print(f"{model.name} lies in {model.folder}")


for make in (chain, average, blend, exchange, part):
    models.command(epilog=epilog(f"models {make.__name__}"))(make)


class _Bar:
    """One file in a display of several."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=None)

    def update(self, n_done: int, total: int | None) -> None:
        """Show how much is there."""
        self._progress.update(self._task, completed=n_done, total=total)


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Progress]:
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield progress


def _all_models() -> Iterator[tuple[AnyInfo, int | None, str, list[str]]]:
    """Yield each model, the size of its own weights, its state, and the models that it shares."""
    from libsep.genre.description import list_classifiers
    from libsep.model_folder.description import models_folder
    from libsep.restoration.model import list_restoration_models
    from libsep.separation.catalogue import read_catalogue
    from libsep.separation.registry import files_of, list_models, networks_of
    from libsep.transients.model import list_hit_models, list_sound_models

    here: list[Model | RestorationModel | StoredClassifier | HitModel | SoundModel]
    here = [*list_models(), *list_restoration_models(), *list_classifiers()]
    here += [*list_hit_models(), *list_sound_models()]
    for model in here:
        is_shipped = model.folder.parent == models_folder()
        state = "shipped" if is_shipped else "pulled"
        try:
            own = networks_of(model) if isinstance(model, Model) else (model,)
            needed = files_of(model) if isinstance(model, Model) else (model,)
        except ModelError:  # `libsep doctor` tells which, and why
            yield model, None, "part missing", []
            continue
        is_whole = all(part.is_here for part in needed)
        size_bytes = sum(part.weights_path.stat().st_size for part in own) if is_whole else None
        yield model, size_bytes, state, [part.name for part in needed if part not in own]
    names = {model.name for model in here}
    for entry in read_catalogue():
        if entry.name not in names:
            yield entry, entry.size_bytes, "can be pulled", []


def _unknown(name: str) -> str:
    """Return that no model is called so, which ones are nearly, and all that there are."""
    names = [info.name for info, *_ in _all_models()]
    close = difflib.get_close_matches(name, names, cutoff=0.5)
    meant = f"did you mean {' or '.join(close)}? " if close else ""
    listed = ", ".join(names)
    return f"no model is called {name!r}: {meant}there are {listed} (a path needs a slash)"


def _row(info: AnyInfo, size_bytes: int | None, place: str, shared: list[str]) -> dict[str, Any]:
    """Return what is told of a model; a restorer has no targets, and scores of its own kind."""
    row: dict[str, Any] = {
        "name": info.name,
        "kind": info.kind,
        "state": place,
        "architecture": info.architecture,
        "targets": [],
        "licence": info.licence,
        "size_bytes": size_bytes,
        "shares": shared,
        "measured": dict(info.scores)
        if isinstance(info, RestorationInfo | HitInfo | SoundInfo)
        else [],
        "published": [],
        "cost": None,
    }
    if isinstance(info, ModelInfo):
        scores = {"measured": info.scores, "published": info.published}
        row |= {
            name: [score.model_dump(mode="json") for score in of] for name, of in scores.items()
        }
        row |= {"targets": [*info.targets], "cost": info.cost}
    return row


def _cells(row: dict[str, Any]) -> list[str]:
    from libsep.separation.card import format_cost

    size = format_bytes(row["size_bytes"]) if row["size_bytes"] else "not known"
    size = ", rest in ".join([size, *row["shares"]])
    texts = [row["name"], row["state"], row["architecture"]]
    if row["kind"] not in KINDS:
        return [*texts, row["kind"].replace("_", "-"), row["licence"], size, "see its card", ""]
    targets = " ".join(row["targets"])
    return [*texts, targets, row["licence"], size, _quality(row), format_cost(row["cost"])]


def _quality(row: dict[str, Any]) -> str:
    """Return the mean of the first score, measured before published, and what it is of."""
    for kind in ("measured", "published"):
        for score in row[kind]:
            target = "mean" if "mean" in score["values"] else next(iter(score["values"]))
            name = "" if target == "mean" else f" {target}"
            return f"{score['values'][target]:.1f}{name}, {kind}: {score['test_set']}"
    return "not known"
