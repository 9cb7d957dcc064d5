"""The order in which a run takes the tracks."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsep.config import NightConfig
from libsep.errors import ConfigError
from libsep.library.plan import Action, Decision, PlannedTrack
from libsep.pipeline.priority import DAY_NS, prioritised
from libsep.track import Track

NOW_S = 1.8e9
LIBRARY = Path("/music")


def planned(name: str, *, days_old: float = 100.0, duration_s: float = 200.0) -> PlannedTrack:
    source = Path(name)
    track = Track(
        path_name=str(LIBRARY / source),
        source_name=str(source),
        output_name=str(source),
        size_bytes=1,
        mtime_ns=int(NOW_S * 1e9 - days_old * DAY_NS),
        duration_s=duration_s,
    )
    return PlannedTrack(track, None, None, Decision(Action.CONVERT, "not in the ledger"))


def order(work: Sequence[PlannedTrack], *rules: str) -> list[tuple[str, int]]:
    found = prioritised(work, NightConfig(order=rules), now_s=NOW_S)
    return [(each.track.source.name, each.rank) for each in found]


def playlist(folder: Path, *names: str) -> str:
    path = folder / "played.m3u8"
    path.write_text("".join(f"{LIBRARY / name}\n" for name in names))
    return f"playlist:{path}"


def test_new_files_come_first_and_the_rest_keeps_the_order_of_the_scan() -> None:
    work = [planned("z"), planned("b", days_old=29.9), planned("a"), planned("c", days_old=-1)]
    assert order(work, "new") == [("b", 0), ("c", 0), ("z", 1), ("a", 1)]


def test_the_order_of_a_playlist_counts_and_its_tracks_are_one_class(tmp_path: Path) -> None:
    work = [planned("a"), planned("b", days_old=1), planned("c", days_old=1), planned("d")]
    rule = playlist(tmp_path, "d", "elsewhere", "C", "d")
    assert order(work, rule, "new") == [("d", 0), ("c", 0), ("b", 1), ("a", 2)]
    assert order(work, "new", rule) == [("c", 0), ("b", 1), ("d", 2), ("a", 3)]


def test_a_playlist_in_latin_letters_orders_files_whose_names_are_in_them(tmp_path: Path) -> None:
    name = b"caf\xe9.mp3"
    path = tmp_path / "played.m3u"
    path.write_bytes(os.fsencode(LIBRARY) + b"/" + name)
    work = [planned("a"), planned(os.fsdecode(name))]
    assert order(work, f"playlist:{path}") == [(os.fsdecode(name), 0), ("a", 1)]


def test_the_shortest_come_first_but_are_no_more_urgent() -> None:
    work = [planned("mix", duration_s=4000.0), planned("intro", duration_s=9.0), planned("song")]
    assert order(work, "shortest") == [("intro", 0), ("song", 0), ("mix", 0)]


def test_without_rules_the_order_of_the_scan_is_left_alone() -> None:
    assert order([planned("z"), planned("a")]) == [("z", 0), ("a", 0)]


def test_a_playlist_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.m3u: the playlist cannot be read"):
        order([planned("a")], f"playlist:{tmp_path / 'gone.m3u'}")


@given(
    days=st.lists(st.floats(0, 60), min_size=1, max_size=20),
    rules=st.permutations(["new", "shortest", "played"]),
    data=st.data(),
)
def test_ranks_go_up_and_nothing_is_lost_whatever_the_rules(
    tmp_path_factory: pytest.TempPathFactory,
    days: list[float],
    rules: list[str],
    data: st.DataObject,
) -> None:
    names = [str(index) for index in range(len(days))]
    lengths = data.draw(st.lists(st.sampled_from([1.0, 2.0]), min_size=20, max_size=20))
    played = data.draw(st.lists(st.sampled_from(names), unique=True))
    rule = playlist(tmp_path_factory.mktemp("lists"), *played)
    work = [
        planned(name, days_old=age, duration_s=length)
        for name, age, length in zip(names, days, lengths, strict=False)
    ]
    found = order(work, *(rule if name == "played" else name for name in rules))
    ranks = [rank for _, rank in found]
    assert sorted(name for name, _ in found) == sorted(names)
    assert ranks == sorted(ranks)
    assert set(ranks) == set(range(max(ranks) + 1))
