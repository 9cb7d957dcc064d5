"""What a person should know about a classifier before using it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from libsep.config import GenreTrainingConfig, Section
from libsep.genre.description import ClassifierInfo
from libsep.genre.names import GENRES
from libsep.model_folder.tensors import write_file


class About(Section):
    """What the training cannot know about a classifier."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")] = "genre-classifier"
    """What users call it, and the name of its folder."""

    description: str = "Hears the genre of a track, from the tags of a library."
    """One sentence for the list of models."""

    licence: str = "unknown"
    """SPDX identifier of the licence of the weights."""

    data: tuple[str, ...] = ("the library of the user who trained it",)
    """What it was trained on: one line for each source, with its licence."""

    training: str = ""
    """How it was trained: hardware, time."""


def write_card(
    path: Path,
    info: ClassifierInfo,
    counts: Mapping[str, tuple[int, int]],
    config: GenreTrainingConfig,
) -> None:
    """Write the card of a classifier.

    Parameters
    ----------
    path
        The file.
    info
        What was measured.
    counts
        Tracks and artists of each genre that it was trained on.
    config
        How it was trained.

    Raises
    ------
    ModelError
        The file cannot be written.
    """
    genres = info.genres
    table = [
        "| genre | tracks | artists | heard as " + " | ".join(genres) + " |",
        "| --- |" + " ---: |" * (2 + len(genres)),
    ]
    for genre in genres:
        heard = " | ".join(str(info.confusion[genre][other]) for other in genres)
        table.append(f"| {genre} | {counts[genre][0]} | {counts[genre][1]} | {heard} |")
    n_tracks = sum(n for n, _ in counts.values())
    parts = [
        f"# {info.name}",
        info.description,
        _accuracy(info, n_tracks, config.n_folds),
        _decided(info.scores, config.routing.threshold),
        _calibration(info),
        *_unknown(info),
        "\n".join(table),
        f"Licence: {info.licence}. Trained on:",
        "\n".join(f"* {source}" for source in info.data),
    ]
    write_file(path, ("\n\n".join(parts) + "\n").encode())


def _accuracy(info: ClassifierInfo, n_tracks: int, n_folds: int) -> str:
    scores = {name: _percent(value) for name, value in info.scores.items()}
    return (
        f"{scores['accuracy']} of {n_tracks} tracks are heard right by networks that were trained "
        f"without the track's artist ({n_folds} folds). Always saying the most frequent genre "
        f"would be right for {scores['largest']}. The mean over genres is {scores['recall']}; "
        f"guessing gives {_percent(1 / len(info.genres))}."
    )


def _unknown(info: ClassifierInfo) -> list[str]:
    unknown = ", ".join(genre for genre in GENRES if genre not in info.genres)
    if not unknown:
        return []
    too_few = f"It does not know {unknown}, of which the library had too few artists"
    return [
        f"{too_few}: such tracks are heard as something else, and no figure here says how often."
    ]


def _calibration(info: ClassifierInfo) -> str:
    return (
        f"Probabilities are off by {_percent(info.scores['calibration_error'])} on average, after "
        f"a temperature of {info.temperature:g} that was chosen on the same tracks."
    )


def _decided(values: Mapping[str, float], threshold: float) -> str:
    share = _percent(values["decided"])
    if "accuracy_decided" not in values:
        return f"No track reaches a probability of {threshold:g}: as it is, it decides nothing."
    return (
        f"{share} of the tracks reach a probability of {threshold:g}; of those "
        f"{_percent(values['accuracy_decided'])} are right, the others stay generic."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
