"""The commands of ``libsep models`` that make a model of others."""

from pathlib import Path
from typing import Annotated

import typer

from libsep.cli.terminal import go_on_unread

WeightsOption = Annotated[
    list[float] | None,
    typer.Option(
        "--weight",
        min=0,
        help="Of each part, in order; repeatable. By default all are equal.",
    ),
]


def chain(
    folder: Annotated[Path, typer.Argument(help="The cascade; its last part is its name.")],
    first: Annotated[str, typer.Argument(help="Model that takes the vocals off.")],
    second: Annotated[str, typer.Argument(help="Model that splits the rest.")],
) -> None:
    """Make one model of two: the second splits what the first leaves of the mixture.

    If FOLDER is a cascade already, its stages are exchanged, or their hashes are renewed after
    one was trained again; its description stays, its scores go. Models beside FOLDER come first.
    """
    from libsep.separation import cascade

    go_on_unread()
    model = cascade.chain(folder, first, second)
    print(f"{model.name} lies in {model.folder}, sha256 {model.sha256}")


def average(
    folder: Annotated[Path, typer.Argument(help="Model folder to write.")],
    parts: Annotated[
        list[str], typer.Argument(help="Models and checkpoints (.pt), the checkpoint first.")
    ],
    about: Annotated[
        Path, typer.Option(help="YAML with the model's name, licence, data and so on.")
    ],
    weight: WeightsOption = None,
) -> None:
    """Average the weights of a training's checkpoints, and of what it began with, into a model.

    The run of the first checkpoint says which network it is.
    """
    from libsep.training.weights.average import average_weights

    go_on_unread()
    model = average_weights(parts, weight or [1.0] * len(parts), about, folder)
    print(f"{model.name} lies in {model.folder}")


def blend(
    folder: Annotated[Path, typer.Argument(help="Model folder to write.")],
    parts: Annotated[
        list[str], typer.Argument(help="Models of one network, with the same targets.")
    ],
    weight: WeightsOption = None,
) -> None:
    """Make a model that averages what several find: better than each of them, and slower.

    Unlike averaged weights, the parts may be different networks.
    """
    from libsep.separation import blend as blending

    go_on_unread()
    model = blending.blend(folder, parts, weight or [1.0] * len(parts))
    print(f"{model.name} lies in {model.folder}, sha256 {model.sha256}")


def exchange(
    folder: Annotated[Path, typer.Argument(help="Model folder to write.")],
    name: Annotated[str, typer.Argument(help="Blend whose other networks stay.")],
    part: Annotated[str, typer.Argument(help="Model that takes the place of one of them.")],
    place: Annotated[int, typer.Option(min=0, help="Which of its networks, from 0.")] = 0,
) -> None:
    """Make a blend like another one but for one network, and store only that: a genre's model.

    The other blend must stay, and be the same, wherever the new one is used.
    """
    from libsep.separation import blend as blending

    go_on_unread()
    model = blending.exchange(folder, name, place, part)
    print(f"{model.name} lies in {model.folder}, sha256 {model.sha256}")


def part(
    folder: Annotated[Path, typer.Argument(help="Model folder to write.")],
    name: Annotated[str, typer.Argument(help="Blend one of whose networks is wanted alone.")],
    place: Annotated[int, typer.Option(min=0, help="Which of its networks, from 0.")] = 0,
) -> None:
    """Make a model of one network of a blend, without storing it again: faster, not as good.

    The blend must stay, and be the same, wherever the new one is used.
    """
    from libsep.separation import blend as blending

    go_on_unread()
    model = blending.part(folder, name, place)
    print(f"{model.name} lies in {model.folder}, sha256 {model.sha256}")
