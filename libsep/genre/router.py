"""Which model a track is given, and why: options, tags, hints, and last its sound."""

import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Collection
from typing import Literal

from libsep.config import RoutingConfig
from libsep.errors import ConfigError
from libsep.genre.hints import FolderHints, PlaylistHints
from libsep.genre.names import GENERIC, GENRES
from libsep.genre.table import digest_source
from libsep.genre.tags import Verdict, judge, labels_of, quoted
from libsep.genre.user_table import UserTable, load_user_table
from libsep.track import Heard, Track

Source = Literal["option", "table", "tag", "folder", "playlist", "sound", "fallback"]
"""What a decision rests on."""

_MAX_REMEMBERED = 1 << 12  # libraries hold few different genre tags, and a scan asks for each track


@dataclasses.dataclass(frozen=True)
class Route:
    """The genre and the model of a track, and in one sentence why.

    ``model`` is a name, or a path with a slash in it.
    """

    genre: str
    model: str
    reason: str
    source: Source


class Router:
    """Decides which model a track is given.

    Parameters
    ----------
    config
        What the user wants.
    default_model
        Serves every genre that has no model of its own.
    available
        Names of the models that exist; a path is not checked.
    threshold
        Probability that a genre must reach that was heard, where ``config`` does not say it.

    Raises
    ------
    ConfigError
        The user's table, a folder pattern or a playlist is wrong, or a model that the
        configuration names does not exist.
    """

    def __init__(
        self,
        config: RoutingConfig,
        *,
        default_model: str,
        available: Collection[str],
        threshold: float = 0.5,
    ) -> None:
        self._config = config
        self._threshold = threshold if config.threshold is None else config.threshold
        self._default_model = default_model
        self._chosen = {str(name): model for name, model in config.models.items()}
        self._available = frozenset(available)
        self._table = load_user_table(config.table) if config.table else UserTable()
        self._folders = FolderHints(config.folders)
        self._playlists = PlaylistHints(config.playlists)
        self._check_models()
        self._by_table = functools.lru_cache(_MAX_REMEMBERED)(self._find_by_table)
        self._by_tag = functools.lru_cache(_MAX_REMEMBERED)(self._find_by_tag)

    def by_metadata(self, track: Track) -> Route | None:
        """Return the route of a track by option, user's table, tags, folder and playlist.

        None if only its sound could tell, and libsep is to listen; see `by_sound`.
        """
        if not self._config.enabled:
            reason = "no routing: one model for every track"
            return Route(GENERIC, self._default_model, reason, "option")
        if self._config.genre is not None:
            return self._route(self._config.genre, "one genre for every track", "option")
        by_table = self._by_table(track.genres)
        if by_table is not None:
            return by_table
        by_tag, by_hint = self._by_tag(track.genres), self._by_hint(track)
        found = (by_hint or by_tag) if self._config.hints_first else (by_tag or by_hint)
        if found is None and not self._config.listen:
            return self.fallback(self._judge(track.genres).reason)
        return found

    def by_sound(self, heard: Heard, track: Track | None = None) -> Route:
        """Return the route of a track by how likely each genre is.

        Below the threshold the track is generic. The tags of ``track`` are only told in the reason:
        they say nothing, or `by_metadata` would have decided.
        """
        why = ""
        if track is not None and (labels_of(track.genres) or not heard.tags):
            why = f"{self._judge(track.genres).reason}; "
        probabilities = heard.probabilities
        genre = max(probabilities, key=lambda name: probabilities[name], default=GENERIC)
        probability = probabilities.get(genre, 0.0)
        sound = f"sounds like {', '.join(heard.tags or (genre,))}"
        if genre in GENRES and probability >= self._threshold:
            return self._route(genre, f"{why}{sound} ({probability:.2f})", "sound")
        name = f"{genre} " if heard.tags else ""
        limit = f"{name}{probability:.2f}, below {self._threshold:.2f}"
        return self.fallback(f"{why}{sound} ({limit})")

    def fallback(self, reason: str) -> Route:
        """Return the route of a track of unknown genre; ``reason`` says why it is unknown."""
        return self._route(GENERIC, reason, "fallback")

    def fingerprint(self) -> str:
        """Return the SHA-256 of everything that decisions by metadata rest on."""
        lines = [(entry.name, entry.genre, entry.model) for entry in self._table.entries]
        content = json.dumps(
            [
                self._config.model_dump(mode="json", exclude={"table", "playlists"}),
                self._default_model,
                sorted(self._available),
                lines,
                self._playlists.content(),
            ]
        )
        return hashlib.sha256(content.encode() + digest_source()).hexdigest()

    def _find_by_table(self, genres: tuple[str, ...]) -> Route | None:
        found = self._table.find(self._labels(genres))
        if found is None:
            return None
        entry, reason = found
        if entry.model is None:
            return self._route(entry.genre or GENERIC, reason, "table")
        genre = entry.genre or self._judge(genres).genre or GENERIC
        return Route(genre, entry.model, f"{reason} → {genre}, model {entry.model}", "table")

    def _find_by_tag(self, genres: tuple[str, ...]) -> Route | None:
        verdict = self._judge(genres)
        return self._route(verdict.genre, verdict.reason, "tag") if verdict.genre else None

    def _by_hint(self, track: Track) -> Route | None:
        folder = self._folders.find(track)
        if folder is not None:
            return self._route(folder[0], f"folder {quoted((folder[1],))}", "folder")
        playlist = self._playlists.find(track)
        if playlist is not None:
            return self._route(playlist[0], f"playlist {quoted((playlist[1],))}", "playlist")
        return None

    def _judge(self, genres: tuple[str, ...]) -> Verdict:
        labels = self._labels(genres)
        if not labels and (ignored := labels_of(genres)):
            return Verdict(None, f"{quoted(ignored)} in the user's table: says nothing")
        return judge(labels)

    def _labels(self, genres: tuple[str, ...]) -> tuple[str, ...]:
        """Return the labels in genre tags without those that the user wants ignored."""
        labels = labels_of(genres)
        return tuple(label for label in labels if not self._table.ignores(label))

    def _route(self, genre: str, reason: str, source: Source) -> Route:
        model, note = self._model_of(genre)
        return Route(genre, model, f"{reason} → {genre}{note}", source)

    def _model_of(self, genre: str) -> tuple[str, str]:
        """Return the model of a genre, and what the reason has to say about it."""
        chosen = self._chosen
        if genre in chosen:
            return chosen[genre], ""
        # A model that was asked for by name serves all genres, also those that have their own.
        if self._default_model == GENERIC and genre in self._available:
            return genre, ""
        model = chosen.get(GENERIC, self._default_model)
        return model, "" if genre == GENERIC else f"; no model for {genre}, {model} serves it"

    def _check_models(self) -> None:
        wanted = {f"routing.models.{genre}": name for genre, name in self._config.models.items()}
        for entry in self._table.entries:
            if entry.model is not None:
                wanted[f"{self._config.table}: {entry.name}"] = entry.model
        for place, name in wanted.items():
            if not re.search(r"[/\\]", name) and name not in self._available:
                names = ", ".join(sorted(self._available)) or "none"
                message = f"{place}: no model is called {name!r}, there are: {names}"
                hint = f"a path needs a slash; a public model comes by libsep models pull {name}"
                raise ConfigError(f"{message} ({hint})")
