"""Every track gets its model: by what is known of it, by its sound, or by what was heard before."""

import dataclasses
import functools
from collections.abc import Iterable

from libsep.config import Config
from libsep.errors import ConfigError
from libsep.genre.description import StoredClassifier, find_classifier
from libsep.genre.names import GENRES
from libsep.genre.router import Route, Router
from libsep.media.tags import Fingerprint
from libsep.separation.registry import Model, check_reconstruct, find_model, list_models
from libsep.track import TARGETS, Assignment, Heard, Outcome, Track

NOT_HEARD = "no tag tells, and it could not be listened to"
"""Reason for the model of a track whose sound could not be decoded."""

_MAX_REMEMBERED = 1 << 12  # tracks with one genre tag have one assignment


class Assigner:
    """Assigns tracks to models; reads descriptions of models only, so it needs no torch.

    Parameters
    ----------
    config
        The routing, and the model of all genres that have none of their own.

    Raises
    ------
    ConfigError
        The routing is wrong.
    ModelError
        The default model does not exist, or tracks are to be listened to and the classifier does
        not.
    """

    def __init__(self, config: Config) -> None:
        self._models: dict[str, Model] = {}
        default = config.separation.model
        self._reconstruct = config.separation.reconstruct
        self._model(default)
        classifier = _classifier(config)
        self._classifier_sha256 = classifier.identity if classifier is not None else ""
        self._router = Router(
            config.routing,
            default_model=default,
            available=[model.name for model in list_models()],
            threshold=classifier.threshold if classifier is not None else 0.0,
        )
        self._assignment = functools.lru_cache(_MAX_REMEMBERED)(self._made_of)

    def assign(self, track: Track, previous: Outcome | None) -> Assignment | None:
        """Return the model of a track, and why; None if only its sound can tell.

        Parameters
        ----------
        track
            As the scan saw it.
        previous
            Its last outcome, if any. What was heard then counts as long as the file and the
            classifier are the same.

        Raises
        ------
        ModelError
            The model that it should get does not exist.
        """
        route = self._router.by_metadata(track)
        if route is not None:
            return self._assignment(route)
        if previous is not None and self._has_heard(track, previous):
            if previous.genre_probabilities:
                return self.by_sound(track, previous.heard)
            return self.unheard(NOT_HEARD, is_settled=True)
        return None

    def by_sound(self, track: Track, heard: Heard) -> Assignment:
        """Return the model of a track that `assign` had no answer for and that was listened to.

        Parameters
        ----------
        track
            The track.
        heard
            How likely each genre is.
        """
        return dataclasses.replace(
            self._assignment(self._router.by_sound(heard, track)),
            genre_probabilities=dict(heard.probabilities),
            heard_tags=heard.tags,
            classifier_sha256=self._classifier_sha256,
        )

    def unheard(self, problem: str, *, is_settled: bool) -> Assignment:
        """Return the model of a track that could not be listened to.

        Parameters
        ----------
        problem
            Why not.
        is_settled
            Whether listening to the same file would fail again, so that the next run need not try.
        """
        return dataclasses.replace(
            self._assignment(self._router.fallback(problem)),
            classifier_sha256=self._classifier_sha256 if is_settled else "",
        )

    def as_made(self, made: Fingerprint) -> Assignment | None:
        """Return the model and genre that a stem file was made with; None if others may do now.

        The sound of a track need not be heard to know that its stem file is up to date, if all
        that could be heard leads to the one model that made it.
        """
        if made.model_sha256 != self.only_model_sha256():
            return None
        route = self._router.fallback("heard when its stem file was made")
        return self._assignment(dataclasses.replace(route, genre=made.genre))

    def models_of(self, assignments: Iterable[Assignment | None]) -> dict[str, Model]:
        """Return the models that tracks with these assignments are, or may be, given, by name.

        A track without an assignment may get the model of any genre.
        """
        given = list(assignments)
        names = {found.model for found in given if found is not None}
        if None in given:
            names |= self._names_by_sound()
        return {model.name: model for model in self._models.values() if model.name in names}

    def only_model_sha256(self) -> str:
        """Return the model that a track gets whatever is heard of it; empty if that depends."""
        if not self._classifier_sha256:
            return ""
        found = {model.sha256 for model in self.models_of([None]).values()}
        return found.pop() if len(found) == 1 else ""

    def _names_by_sound(self) -> set[str]:
        routes = [self._router.fallback("")]
        routes += [self._router.by_sound(Heard({genre: 1.0})) for genre in GENRES]
        return {self._model(route.model).name for route in routes}

    def _has_heard(self, track: Track, previous: Outcome) -> bool:
        if not self._classifier_sha256 or previous.classifier_sha256 != self._classifier_sha256:
            return False
        return (previous.size_bytes, previous.mtime_ns) == (track.size_bytes, track.mtime_ns)

    def _made_of(self, route: Route) -> Assignment:
        model = self._model(route.model)
        return Assignment(
            model=model.name,
            model_sha256=model.sha256,
            genre=route.genre,
            genre_reason=route.reason,
            genre_source=route.source,
        )

    def _model(self, name_or_path: str) -> Model:
        """Return the model of this name or path; each is read once."""
        if name_or_path not in self._models:
            model = find_model(name_or_path)
            check_reconstruct(model, self._reconstruct)
            if model.targets != TARGETS:
                raise ConfigError(
                    f"model {model.name} separates {', '.join(model.targets)}, expected "
                    f"{', '.join(TARGETS)} in this order"
                )
            for other in self._models.values():
                if other.name == model.name and not other.folder.samefile(model.folder):
                    raise ConfigError(
                        f"two models are called {model.name}: {other.folder} and {model.folder}"
                    )
            self._models[name_or_path] = model
        return self._models[name_or_path]


def _classifier(config: Config) -> StoredClassifier | None:
    """Return what listens; None if no track will be listened to."""
    routing = config.routing
    if not (routing.enabled and routing.listen) or routing.genre is not None:
        return None
    return find_classifier(routing.classifier)
