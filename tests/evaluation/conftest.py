"""Rows of results, made up."""

from collections.abc import Mapping

from libsep.evaluation.measures import Measures
from libsep.evaluation.results import Row, SongResult

Values = Mapping[str, Mapping[str, float | None]]


def result(song: str, genre: str | None, values: Values) -> SongResult:
    """Return a song whose uSDR is given by model and target; None is a silent source."""
    rows = [
        Row(
            model=model,
            song=song,
            genre=genre,
            target=target,
            measures=Measures(leakage_db=-20.0, is_silent=True)
            if usdr_db is None
            else Measures(usdr_db=usdr_db, csdr_db=usdr_db / 2),
        )
        for model, targets in values.items()
        for target, usdr_db in targets.items()
    ]
    return SongResult(song=song, genre=genre, duration_s=2.0, rows=tuple(rows))
