from pathlib import Path

import pytest

from libsep.config import RoutingConfig
from libsep.datasets.songs import SongFiles
from libsep.errors import ConfigError
from libsep.evaluation.routing import ALL, compare_routing, route_songs
from libsep.separation.registry import Model

from .conftest import result


def song(name: str, genre: str | None) -> SongFiles:
    return SongFiles(name, {"drums": ((Path("d.wav"), 0),)}, genre=genre)


def test_lines_compare_one_model_routing_and_the_best_of_each_song() -> None:
    def both(generic: float, rock: float) -> dict[str, dict[str, float | None]]:
        names = {"generic": generic, "rock": rock, "mixture/4": 99.0}
        return {name: {"drums": value, "vocals": value + 2} for name, value in names.items()}

    results = [
        result("a", "Metal", both(1.0, 3.0)),
        result("b", "Punk", both(4.0, 2.0)),
        result("c", "Swing", both(5.0, 6.0)),
        result("d", None, both(2.0, 1.0)),
    ]
    routed = {
        "a": ("rock", "rock"),
        "b": ("rock", "rock"),
        "c": ("jazz", "generic"),
        "d": ("generic", "generic"),
    }
    lines = compare_routing(results, ("generic", "rock"), "generic", routed)
    by_genre = {line.genre: line for line in lines}
    assert list(by_genre) == ["rock", "jazz", "generic", ALL]
    rock = by_genre["rock"]
    # Means of the two targets: 1 dB above the drums'.
    assert (rock.n_songs, rock.routed_to) == (2, ("rock",))
    assert (rock.generic_db, rock.routed_db, rock.oracle_db) == (3.5, 3.5, 4.5)
    assert rock.oracle_models == {"generic": 1, "rock": 1}
    jazz = by_genre["jazz"]
    assert (jazz.generic_db, jazz.routed_db, jazz.oracle_db) == (6.0, 6.0, 7.0)
    every = by_genre[ALL]
    assert (every.generic_db, every.routed_db, every.oracle_db) == (4.0, 4.0, 4.75)
    assert every.routed_to == ("generic", "rock")
    assert every.oracle_models == {"generic": 2, "rock": 2}


def test_targets_count_alike_however_many_songs_have_them() -> None:
    results = [
        result("a", "rock", {"generic": {"drums": 2.0, "vocals": 0.0}}),
        result("b", "rock", {"generic": {"drums": 4.0, "vocals": None}}),
    ]
    routed = dict.fromkeys("ab", ("rock", "generic"))
    (line, _) = compare_routing(results, ("generic",), "generic", routed)
    assert line.generic_db == 1.5  # of 3 and 0


def test_songs_of_which_a_model_has_no_score_are_left_out() -> None:
    found = {"generic": {"drums": 2.0}, "vocals": {"vocals": None}}
    results = [result("a", "rock", found), result("b", "rock", found | {"vocals": {"vocals": 3.0}})]
    routed = {"a": ("rock", "vocals"), "b": ("rock", "vocals")}
    (line, _) = compare_routing(results, ("generic", "vocals"), "generic", routed)
    assert (line.n_songs, line.generic_db, line.routed_db) == (1, 2.0, 3.0)
    assert compare_routing(results[:1], ("generic", "vocals"), "generic", routed) == []


def test_songs_go_where_a_run_would_send_them(tmp_path: Path) -> None:
    config = RoutingConfig(models={"rock": f"{tmp_path}/mine"})
    songs = [song("a", "Death Metal"), song("b", "Bebop"), song("c", None)]
    routes = route_songs(songs, config, "generic")
    assert {name: (route.genre, route.model) for name, route in routes.items()} == {
        "a": ("rock", f"{tmp_path}/mine"),
        "b": ("jazz", "generic"),
        "c": ("generic", "generic"),
    }
    assert '"Death Metal"' in routes["a"].reason


def test_a_model_that_is_asked_for_is_the_one_without_routing() -> None:
    routes = route_songs([song("a", "jazz")], RoutingConfig(), "models/mine")
    assert routes["a"].model == "models/mine"


def test_a_model_that_is_asked_for_is_compared_with_the_models_of_the_genres(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("generic", "rock")
    models = [tiny_model.model_copy(update={"name": name}) for name in names]
    monkeypatch.setattr("libsep.evaluation.routing.list_models", lambda: models)
    songs = [song("a", "Death Metal"), song("b", "Bebop"), song("c", None)]
    routes = route_songs(songs, RoutingConfig(), "models/mine")
    found = {name: (route.genre, route.model) for name, route in routes.items()}
    assert found == {
        "a": ("rock", "rock"),
        "b": ("jazz", "models/mine"),
        "c": ("generic", "models/mine"),
    }


def test_routing_needs_genres() -> None:
    with pytest.raises(ConfigError, match="no song has a genre, which routing needs"):
        route_songs([song("a", None)], RoutingConfig(), "generic")
