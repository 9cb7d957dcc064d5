import pytest

from libsep.evaluation.results import Row, n_silent, song_means, summarise, summarise_genres

from .conftest import result


@pytest.fixture
def rows() -> list[Row]:
    results = [
        result("a", "rock", {"m": {"drums": 1.0, "vocals": 6.0}, "n": {"drums": 0.0}}),
        result("b", "rock", {"m": {"drums": 2.0, "vocals": None}}),
        result("c", None, {"m": {"drums": 9.0, "vocals": 8.0}}),
    ]
    return [row for found in results for row in found.rows]


def test_means_and_medians_are_over_songs(rows: list[Row]) -> None:
    summary = summarise(rows)
    assert list(summary) == ["m", "n"]
    assert summary["m"]["drums"]["usdr_db"] == {"mean": 4.0, "median": 2.0, "n": 3}
    assert summary["m"]["vocals"]["usdr_db"] == {"mean": 7.0, "median": 7.0, "n": 2}
    assert summary["m"]["mean"]["usdr_db"] == {"mean": 5.5, "median": 4.5, "n": 5}
    assert summary["m"]["mean"]["csdr_db"]["mean"] == 2.75
    assert summary["m"]["vocals"]["leakage_db"] == {"mean": -20.0, "median": -20.0, "n": 1}
    assert "leakage_db" not in summary["m"]["drums"]
    assert "bass" not in summary["m"]


def test_genres_count_their_own_songs(rows: list[Row]) -> None:
    genres = summarise_genres(rows)
    assert list(genres) == ["rock"]
    assert genres["rock"]["m"]["drums"]["usdr_db"]["mean"] == 1.5


def test_silent_sources_are_counted_once_per_song(rows: list[Row]) -> None:
    silent = result("d", None, {"m": {"vocals": None}, "n": {"vocals": None}})
    assert n_silent([*rows, *silent.rows]) == {"vocals": 2}


def test_the_mean_of_a_song_is_over_its_targets(rows: list[Row]) -> None:
    assert song_means(rows) == {"a": {"m": 3.5, "n": 0.0}, "b": {"m": 2.0}, "c": {"m": 8.5}}
    assert song_means(rows, "csdr_db")["c"] == {"m": 4.25}
