"""What a person should know about a classifier before using it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from libsep.config import Section
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

    notice: str = ""
    """What a licence wants to be told: the card holds it."""


def write_card(
    path: Path,
    info: ClassifierInfo,
    counts: Mapping[str, tuple[int, int]],
    *,
    n_folds: int,
    notice: str = "",
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
    n_folds
        Parts into which the artists were divided.
    notice
        What its licence wants to be told.

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
    for genre in (genre for genre in genres if genre in counts):
        heard = " | ".join(str(info.confusion[genre][other]) for other in genres)
        table.append(f"| {genre} | {counts[genre][0]} | {counts[genre][1]} | {heard} |")
    n_tracks = sum(n for n, _ in counts.values())
    parts = [
        f"# {info.name}",
        info.description,
        _accuracy(info, n_tracks, n_folds),
        _decided(info.scores, info.threshold),
        _calibration(info),
        *_unknown(info, counts),
        "\n".join(table),
        *_tags(info),
        f"Licence: {info.licence}. Trained on:",
        "\n".join(f"* {source}" for source in info.data),
        *(text for text in (info.training, notice) if text),
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


def _unknown(info: ClassifierInfo, counts: Mapping[str, tuple[int, int]]) -> list[str]:
    untold = ", ".join(genre for genre in info.genres if genre not in counts)
    if untold:
        text = (
            f"No track of {untold} was there to fit or to measure: what is said of them is a guess"
        )
        return [f"{text}, and no figure here says how often it is right."]
    unknown = ", ".join(genre for genre in GENRES if genre not in info.genres)
    if not unknown:
        return []
    too_few = f"It does not know {unknown}, of which the library had too few artists"
    return [
        f"{too_few}: such tracks are heard as something else, and no figure here says how often."
    ]


def _tags(info: ClassifierInfo) -> list[str]:
    """Return the table of tags, where it decides."""
    if not info.table or "n_genres" in info.arguments:
        return []
    rows = [
        f"| {genre} | " + ", ".join(f"{tag} × {weight:g}" for tag, weight in weights.items()) + " |"
        for genre, weights in info.table.items()
    ]
    text = "The probabilities of a genre's tags, times these weights, are added; the sums, to the"
    return [
        f"{text} power of 1 / {info.temperature:g}, are the shares of the genres:",
        "\n".join(["| genre | tags |", "| --- | --- |", *rows]),
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
