"""``libsep train``: train a model on a folder of stems."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from libsep import config
from libsep.cli.terminal import go_on_unread
from libsep.cli.train_drums import train_drums
from libsep.cli.train_genre import train_genre
from libsep.cli.train_presence import train_presence
from libsep.cli.train_restoration import train_restoration
from libsep.media.awake import kept_awake

if TYPE_CHECKING:
    from libsep.training.job import Job

Settings = Annotated[Path, typer.Argument(help="YAML file, your own or configs/train/….")]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder of the run; is resumed.")]
DataOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="Folder of songs with stems, of single sources, or a pack; repeatable. "
        "For a genre classifier: the library; for super-resolution: any music."
    ),
]
ValidationOption = Annotated[
    list[Path] | None, typer.Option(help="Folder or YAML list of songs to score; repeatable.")
]
CacheOption = Annotated[
    Path | None, typer.Option(help="Folder for decoded material; by default inside --out.")
]
StartOption = Annotated[
    str | None,
    typer.Option(
        "--from", help="Begin with these weights: a model's name, its folder, or a checkpoint."
    ),
]
UnpairedOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="Folder of full mixes, drums/, no_drums/ … for adversarial training; repeatable. "
        "For `kind: presence`: the mixes in which targets may be silent."
    ),
]
ModelFolderOption = Annotated[
    Path | None,
    typer.Option(
        help="Model folder to write at the end; needs --about. A genre classifier is always "
        "written, by default inside --out."
    ),
]
AboutOption = Annotated[
    Path | None, typer.Option(help="YAML with the model's name, licence, data and so on.")
]


@kept_awake()
def train(
    settings: Settings,
    out: OutOption,
    data: DataOption = None,
    validation: ValidationOption = None,
    cache: CacheOption = None,
    start: StartOption = None,
    unpaired: UnpairedOption = None,
    model: ModelFolderOption = None,
    about: AboutOption = None,
) -> None:
    """Train a separator, or what `kind` in SETTINGS names.

    `kind: genre` trains a genre classifier, `super_resolution` a network that restores treble,
    `drum_hits` a detector of drum hits, `drum_sounds` a generator of them; `presence` finds
    passages of mixes in which a target is silent. The run folder holds the checkpoint from which a
    stopped training goes on, and the learning curve.
    """
    from libsep.media.atomic import expect_folder
    from libsep.training.job import Job

    for folder in filter(None, (out, cache)):
        expect_folder(folder)
    loaded = config.load_training(settings)
    if model is not None and not isinstance(loaded, config.PresenceTrainingConfig):
        expect_folder(model)
    go_on_unread()
    files: dict[str, Any] = {"out": out, "cache": cache, "model": model, "about": about}
    if isinstance(loaded, config.GenreTrainingConfig):
        _refuse({"--validation": validation, "--from": start, "--unpaired": unpaired})
        print(train_genre(loaded, data or [], **files))
        return
    if not data:
        raise typer.BadParameter("--data: expected at least one folder of sources")
    if isinstance(loaded, config.DrumHitTrainingConfig | config.DrumSoundTrainingConfig):
        _refuse({"--validation": validation, "--from": start, "--unpaired": unpaired})
        print(train_drums(loaded, data, **files))
        return
    if isinstance(loaded, config.PresenceTrainingConfig):
        _refuse({"--from": start, "--model": model, "--about": about})
        print(train_presence(loaded, data, validation or [], unpaired or [], out=out, cache=cache))
        return
    if (model is None) != (about is None):
        raise typer.BadParameter("--model and --about belong together")
    if isinstance(loaded, config.RestorationTrainingConfig):
        _refuse({"--unpaired": unpaired})
        print(train_restoration(loaded, data, validation or [], start=start, **files))
        return
    job = Job(
        config=loaded,
        data=tuple(data),
        validation=tuple(validation or ()),
        out=out,
        cache=cache or out / "cache",
        start=start,
        unpaired=tuple(unpaired or ()),
        is_watched=True,
    )
    _train_separator(job, model, about)
    print(model or out)


def _train_separator(job: "Job", model: Path | None, about: Path | None) -> None:
    """Train; write a model folder if one is asked for."""
    from libsep.training.job import BEST, CHECKPOINT
    from libsep.training.local import train as run_training
    from libsep.training.weights.export import describe, export_model

    if about is not None:
        describe(job.config, about)  # wrong ones are refused before the training, not after
    run_training(job)
    if model is not None and about is not None:
        export_model(job.out, BEST if job.validation else CHECKPOINT, about, model)


def _refuse(options: Mapping[str, object]) -> None:
    """Refuse options that only separators have.

    Raises
    ------
    typer.BadParameter
        One of them is given.
    """
    if given := [name for name, value in options.items() if value]:
        raise typer.BadParameter(f"{', '.join(given)}: for separators only")
