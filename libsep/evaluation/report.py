"""What an evaluation found, as plain values for programs."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from libsep import __version__
from libsep.errors import ConfigError, StemsError
from libsep.evaluation.evaluate import Plan
from libsep.evaluation.results import Row, SongResult, n_silent, summarise, summarise_genres
from libsep.evaluation.routing import RoutingLine, compare_routing
from libsep.genre.router import Route
from libsep.media import atomic
from libsep.separation.registry import Model, find_model


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """The results of all songs, and what they were made with.

    ``routes`` says for each song where routing sends it, and ``routing`` what comes of it; both
    are empty if nobody asked.
    """

    plan: Plan
    results: Sequence[SongResult]
    routes: Mapping[str, Route] = dataclasses.field(default_factory=dict)
    routing: Sequence[RoutingLine] = ()

    @property
    def rows(self) -> list[Row]:
        """All rows of all songs."""
        return [row for result in self.results for row in result.rows]

    def with_routing(self, routes: Mapping[str, Route], generic: Model) -> "Report":
        """Return the same results with a comparison of ``generic`` alone and of ``routes``."""
        routed = {
            song: (route.genre, self.plan.name_of(find_model(route.model)))
            for song, route in routes.items()
        }
        lines = compare_routing(self.results, self.plan.models, self.plan.name_of(generic), routed)
        return dataclasses.replace(self, routes=routes, routing=lines)

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain values: settings, songs, summaries, routing and all rows."""
        rows = self.rows
        return {
            "version": __version__,
            "separation": self.plan.separation.model_dump(mode="json", exclude={"model"}),
            "models": {
                name: {
                    "sha256": model.sha256,
                    "licence": model.licence,
                    "reconstruct": self.plan.separation_of(model).reconstruct,
                }
                for name, model in self.plan.models.items()
            },
            "songs": [self._song(result) for result in self.results],
            "n_silent": n_silent(rows),
            "summary": summarise(rows),
            "genres": summarise_genres(rows),
            "routing": [line.as_json() for line in self.routing],
            "rows": [row.as_json() for row in rows],
        }

    def as_json_text(self) -> str:
        """Return the plain values as JSON."""
        return json.dumps(self.as_json(), indent=1, allow_nan=False) + "\n"

    def as_csv(self) -> str:
        """Return one line for each model, song and target, with a head line."""
        rows = [row.as_json() for row in self.rows]
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def _song(self, result: SongResult) -> dict[str, Any]:
        route = self.routes.get(result.song)
        return {
            "song": result.song,
            "genre": result.genre,
            "duration_s": round(result.duration_s, 3),
            "warnings": list(result.warnings),
            **({"routed_to": route.model, "route_reason": route.reason} if route else {}),
        }


def write_text(path: Path, text: str) -> None:
    """Write a result file, and its folder if needed.

    Raises
    ------
    ConfigError
        It cannot be written there.
    """
    try:
        atomic.write_text(path, text)
    except StemsError as exc:
        raise ConfigError(f"{path}: results {exc.message}") from exc
