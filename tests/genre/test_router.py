"""Routing: the order of what counts, the model of a genre, and reasons in words."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libsep.config import Config, RoutingConfig
from libsep.errors import ConfigError
from libsep.genre.names import GENERIC, GENRES
from libsep.genre.router import Route, Router
from libsep.track import Heard

from .conftest import MakeTrack

ALL = ("generic", "electronic", "scnet")


def router(
    *, available: tuple[str, ...] = ALL, default_model: str = "generic", **values: Any
) -> Router:
    config = Config().replaced(routing={"listen": False} | values).routing
    return Router(config, default_model=default_model, available=available)


def test_a_tag_gives_the_genre_and_its_model(make_track: MakeTrack) -> None:
    assert router().by_metadata(make_track("Deep House")) == Route(
        "electronic", "electronic", 'tag "Deep House" → electronic', "tag"
    )


def test_a_genre_without_a_model_is_served_by_generic_and_says_so(make_track: MakeTrack) -> None:
    assert router().by_metadata(make_track("Jazz")) == Route(
        "jazz", "generic", 'tag "Jazz" → jazz; no model for jazz, generic serves it', "tag"
    )


@pytest.mark.parametrize(
    ("genres", "reason"),
    [
        ((), "no genre tag → generic"),
        (("Other",), 'tag "Other" says nothing → generic'),
        (("Xyzzy",), 'tag "Xyzzy": no known genre → generic'),
    ],
)
def test_a_track_of_unknown_genre_is_generic(
    make_track: MakeTrack, genres: tuple[str, ...], reason: str
) -> None:
    route = router().by_metadata(make_track(*genres))
    assert route == Route("generic", "generic", reason, "fallback")


def test_a_model_that_was_asked_for_serves_every_genre(make_track: MakeTrack) -> None:
    asked = router(default_model="scnet")
    route = asked.by_metadata(make_track("House"))
    assert route is not None
    assert route.genre == "electronic"
    assert route.model == "scnet"
    assert route.reason == 'tag "House" → electronic; no model for electronic, scnet serves it'


def test_the_configuration_chooses_models(make_track: MakeTrack) -> None:
    chosen = router(models={"jazz": "scnet", "generic": "./mine"})
    models = [chosen.by_metadata(make_track(genre)) for genre in ("Jazz", "House", "Rock", "")]
    assert [route and route.model for route in models] == [
        "scnet", "electronic", "./mine", "./mine",
    ]  # fmt: skip


def test_an_option_comes_before_everything(make_track: MakeTrack, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("Jazz: rock")
    route = router(genre="pop", table=tmp_path / "t.yaml").by_metadata(make_track("Jazz"))
    assert route is not None
    assert (route.genre, route.source) == ("pop", "option")
    assert route.reason == "one genre for every track → pop; no model for pop, generic serves it"
    off = router(enabled=False).by_metadata(make_track("House"))
    assert off == Route("generic", "generic", "no routing: one model for every track", "option")


def test_the_table_comes_before_tags_and_tags_before_hints(
    make_track: MakeTrack, tmp_path: Path
) -> None:
    (tmp_path / "t.yaml").write_text("Jazz: rock\n/^my/: {model: scnet}\nGym: none\n")
    (tmp_path / "set.m3u").write_text("a/track.flac")
    hinted = router(
        table=tmp_path / "t.yaml",
        folders={"a": "acoustic"},
        playlists={tmp_path / "set.m3u": "hiphop"},
    )

    def decision(*genres: str, source: str = "a/track.flac") -> tuple[str, str, str]:
        route = hinted.by_metadata(make_track(*genres, source=source))
        assert route is not None
        return route.genre, route.source, route.reason.split(" → ")[0]

    assert decision("Jazz") == ("rock", "table", 'tag "Jazz" in the user\'s table')
    assert decision("My Deep House")[:2] == ("electronic", "table")
    assert decision("House") == ("electronic", "tag", 'tag "House"')
    assert decision("Gym", "House") == ("electronic", "tag", 'tag "House"')
    assert decision() == ("acoustic", "folder", 'folder "a"')
    assert decision("Gym", source="b/x.mp3") == (
        "generic", "fallback", '"Gym" in the user\'s table: says nothing',
    )  # fmt: skip


def test_a_table_may_choose_a_model_and_keep_the_genre_of_the_tag(
    make_track: MakeTrack, tmp_path: Path
) -> None:
    (tmp_path / "t.yaml").write_text("/deep/: {model: scnet}")
    assert router(table=tmp_path / "t.yaml").by_metadata(make_track("Deep House")) == Route(
        "electronic",
        "scnet",
        'tag "Deep House" in the user\'s table by /deep/ → electronic, model scnet',
        "table",
    )


def test_hints_may_come_first(make_track: MakeTrack, tmp_path: Path) -> None:
    (tmp_path / "set.m3u").write_text("a/track.flac")
    hinted = router(playlists={tmp_path / "set.m3u": "hiphop"}, hints_first=True)
    route = hinted.by_metadata(make_track("House"))
    assert route is not None
    assert (route.genre, route.source) == ("hiphop", "playlist")
    assert route.reason.startswith('playlist "set.m3u" → hiphop')
    other = hinted.by_metadata(make_track("House", source="b.mp3"))
    assert other is not None
    assert other.source == "tag"


def test_only_an_open_question_is_left_to_the_sound(make_track: MakeTrack) -> None:
    listening = router(listen=True, folders={"a": "jazz"})
    assert listening.by_metadata(make_track(source="b.mp3")) is None
    assert listening.by_metadata(make_track("Other", source="b.mp3")) is None
    assert listening.by_metadata(make_track("Pop", source="b.mp3")) is not None
    assert listening.by_metadata(make_track()) is not None


def test_the_sound_decides_from_the_threshold_on(make_track: MakeTrack) -> None:
    listening = router(listen=True, threshold=0.6)
    sure = Heard({"electronic": 0.6, "rock": 0.4}, ("House", "dance", "electro"))
    sound = "sounds like House, dance, electro (0.60) → electronic"
    assert listening.by_sound(sure, make_track()) == Route(
        "electronic", "electronic", sound, "sound"
    )
    other = listening.by_sound(sure, make_track("Other"))
    assert other.reason == f'tag "Other" says nothing; {sound}'
    unsure = listening.by_sound(Heard({"electronic": 0.59, "rock": 0.41}, ("House", "rock")))
    said = "sounds like House, rock (electronic 0.59, below 0.60) → generic"
    assert unsure == Route("generic", "generic", said, "fallback")
    for odd in ({}, {"rock": float("nan")}, {"generic": 1.0}):
        assert listening.by_sound(Heard(odd)).source == "fallback"


def test_a_classifier_without_tags_names_the_genre_and_what_the_tags_of_the_file_say(
    make_track: MakeTrack,
) -> None:
    heard = Heard({"electronic": 0.6, "rock": 0.4})
    sure = router(listen=True).by_sound(heard, make_track())
    assert sure.reason == "no genre tag; sounds like electronic (0.60) → electronic"
    unsure = router(listen=True, threshold=0.7).by_sound(heard, make_track())
    assert unsure.reason == "no genre tag; sounds like electronic (0.60, below 0.70) → generic"


def test_the_classifier_says_the_threshold_unless_the_configuration_does() -> None:
    heard = Heard({"rock": 0.6, "jazz": 0.4}, ("rock",))
    for chosen, source in ((None, "fallback"), (0.5, "sound")):
        config = RoutingConfig(threshold=chosen)
        strict = Router(config, default_model="generic", available=ALL, threshold=0.7)
        assert strict.by_sound(heard).source == source


def test_a_model_that_does_not_exist_is_an_error_before_the_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"routing\.models\.jazz: no model is called 'nonesuch'"):
        router(models={"jazz": "nonesuch"})
    (tmp_path / "t.yaml").write_text("Jazz: {model: nonesuch}")
    with pytest.raises(ConfigError, match=r"t\.yaml: Jazz: no model .* there are: electronic"):
        router(table=tmp_path / "t.yaml")
    with pytest.raises(ConfigError, match=r"routing\.folders\.a: expected 'electronic'"):
        router(folders={"a": "polka"})


def test_the_fingerprint_changes_with_what_may_change_a_decision(tmp_path: Path) -> None:
    table, playlist = tmp_path / "t.yaml", tmp_path / "set.m3u"
    table.write_text("Jazz: rock")
    playlist.write_text("a.mp3")

    def fingerprint(available: tuple[str, ...] = ALL, **values: Any) -> str:
        values = {"table": table, "playlists": {playlist: "jazz"}} | values
        return router(available=available, **values).fingerprint()

    before = fingerprint()
    assert before == fingerprint()
    changed = [fingerprint(threshold=0.7), fingerprint(available=("generic",))]
    table.write_text("Jazz: pop")
    changed.append(fingerprint())
    playlist.write_text("b.mp3")
    changed.append(fingerprint())
    assert len({before, *changed}) == 5
    assert Config().replaced(routing={"genre": "jazz"}).fingerprint() == Config().fingerprint()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.text(), max_size=5))
def test_any_tags_have_a_route_and_a_reason(make_track: MakeTrack, genres: list[str]) -> None:
    route = Router(RoutingConfig(listen=False), default_model="generic", available=ALL).by_metadata(
        make_track(*genres)
    )
    assert route is not None
    assert route.genre in (*GENRES, GENERIC)
    assert f" → {route.genre}" in route.reason
