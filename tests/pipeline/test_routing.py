"""Which model a track gets, and what was heard before."""

import dataclasses
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from libsep.config import Config
from libsep.errors import ConfigError, ModelError
from libsep.genre.description import StoredClassifier
from libsep.pipeline import Assigner
from libsep.separation.registry import Model, find_model
from libsep.track import Assignment, Heard, Outcome, Track

from ..conftest import copied

HEARD = Heard({"electronic": 0.1, "rock": 0.8, "jazz": 0.1}, ("rock", "indie", "punk"))

MakeAssigner = Callable[..., Assigner]


def track(*genres: str, mtime_ns: int = 20) -> Track:
    return Track(
        path_name="a/x.mp3",
        source_name="a/x.mp3",
        output_name="a/x.mp3",
        size_bytes=10,
        mtime_ns=mtime_ns,
        genres=genres,
    )


def row(assignment: Assignment) -> Outcome:
    """Return the row of the ledger that `track` has when it was converted like this."""
    columns = assignment.columns()
    return Outcome(source="s", output="o", status="done", size_bytes=10, mtime_ns=20, **columns)


@pytest.fixture
def make_assigner(tiny_model: Model, other_model: Model) -> MakeAssigner:
    """Return a function that makes an assigner: rock has another model than the rest."""

    def make(**routing: Any) -> Assigner:
        values = {"models": {"rock": str(other_model.folder)}} | routing
        separation = {"model": str(tiny_model.folder)}
        return Assigner(Config().replaced(routing=values, separation=separation))

    return make


@pytest.fixture
def listening(make_assigner: MakeAssigner, tiny_classifier: StoredClassifier) -> Assigner:
    return make_assigner(listen=True, classifier=str(tiny_classifier.folder))


def test_a_tag_decides_and_the_reason_names_it(
    make_assigner: MakeAssigner, tiny_model: Model, other_model: Model
) -> None:
    assigner = make_assigner(listen=False)
    rock, untagged = assigner.assign(track("Hard Rock"), None), assigner.assign(track(), None)
    assert rock is not None
    assert untagged is not None
    found = (rock.model, rock.model_sha256, rock.genre, rock.genre_source)
    assert found == ("other", other_model.sha256, "rock", "tag")
    assert "Hard Rock" in rock.genre_reason
    assert (untagged.model, untagged.genre, untagged.genre_source) == (
        "tiny",
        "generic",
        "fallback",
    )
    assert assigner.models_of([rock]) == {"other": other_model}
    assert assigner.models_of([rock, untagged]) == {"other": other_model, "tiny": tiny_model}


def test_what_was_heard_counts_until_file_or_classifier_change(listening: Assigner) -> None:
    assert listening.assign(track(), None) is None
    heard = listening.by_sound(track(), HEARD)
    assert (heard.genre, heard.model, heard.genre_source) == ("rock", "other", "sound")
    assert heard.genre_reason == "sounds like rock, indie, punk (0.80) → rock"
    previous = row(heard)
    assert listening.assign(track(), previous) == heard
    assert listening.assign(track(mtime_ns=21), previous) is None
    replaced = dataclasses.replace(previous, classifier_sha256="of another classifier")
    assert listening.assign(track(), replaced) is None
    before_routing = dataclasses.replace(previous, classifier_sha256="", genre_probabilities={})
    assert listening.assign(track(), before_routing) is None


def test_what_was_heard_is_routed_anew_without_listening(
    listening: Assigner, make_assigner: MakeAssigner, tiny_classifier: StoredClassifier
) -> None:
    previous = row(listening.by_sound(track(), HEARD))
    strict = make_assigner(listen=True, classifier=str(tiny_classifier.folder), threshold=0.9)
    again = strict.assign(track(), previous)
    assert again is not None
    assert (again.genre, again.model, again.genre_source) == ("generic", "tiny", "fallback")
    said = "sounds like rock, indie, punk (rock 0.80, below 0.90) → generic"
    assert again.genre_reason == said
    found = Heard(again.genre_probabilities, again.heard_tags)
    assert found == HEARD, "a lower threshold needs them again"


def test_a_track_that_cannot_be_heard_is_generic_and_tried_again_unless_the_file_is_to_blame(
    listening: Assigner,
) -> None:
    broken = listening.unheard("x.mp3: is text", is_settled=True)
    assert (broken.genre, broken.model) == ("generic", "tiny")
    again = listening.assign(track(), row(broken))
    assert again is not None
    assert again.genre == "generic"
    assert listening.assign(track(), row(again)) == again, "the run after the next does not either"
    crashed = listening.unheard("the listener died", is_settled=False)
    assert listening.assign(track(), row(crashed)) is None


def test_a_track_that_will_be_heard_may_get_any_model(
    listening: Assigner, tiny_model: Model, other_model: Model
) -> None:
    generic = {model.name for model in (find_model("generic"), tiny_model)}
    assert set(listening.models_of([None])) <= generic | {"other"}
    assert {"other", "tiny"} <= set(listening.models_of([None]))


def test_without_routing_nothing_is_listened_to(make_assigner: MakeAssigner) -> None:
    for routing in ({"enabled": False}, {"genre": "jazz"}):
        options = {"listen": True, "classifier": "/nowhere/at/all", **routing}
        found = make_assigner(**options).assign(track(), None)
        assert found is not None
        assert (found.model, found.genre_source) == ("tiny", "option")


def test_a_classifier_that_is_not_there_stops_the_run(make_assigner: MakeAssigner) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        make_assigner(listen=True, classifier="/nowhere/at/all")


def test_two_models_of_one_name_are_refused(
    make_assigner: MakeAssigner, tiny_model: Model, tmp_path: Path
) -> None:
    twin = copied(tiny_model, "tiny", tmp_path)
    assigner = make_assigner(models={"jazz": str(twin.folder)})
    with pytest.raises(ConfigError, match="two models are called tiny"):
        assigner.assign(track("Jazz"), None)


def test_one_model_in_two_spellings_is_one(
    make_assigner: MakeAssigner, tiny_model: Model, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(tiny_model.folder)
    folder = tiny_model.folder
    spellings = {"jazz": f"{folder}/", "rock": os.path.relpath(folder), "pop": f"{tmp_path}/link"}
    assigner = make_assigner(models=spellings)
    for genre in spellings:
        found = assigner.assign(track(genre), None)
        assert found is not None
        assert found.model == "tiny"


def test_a_model_whose_targets_are_in_another_order_is_refused(
    make_assigner: MakeAssigner, tiny_model: Model, tmp_path: Path
) -> None:
    shutil.copytree(tiny_model.folder, tmp_path / "turned")
    path = tmp_path / "turned" / "model.yaml"
    values = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump(values | {"targets": values["targets"][::-1]}))
    assigner = make_assigner(models={"jazz": str(path.parent)})
    with pytest.raises(ConfigError, match="separates vocals, other, bass, drums, expected drums"):
        assigner.assign(track("Jazz"), None)
