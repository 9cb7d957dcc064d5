"""Which blocks of a library are labelled."""

import itertools
from collections import Counter
from pathlib import Path

import pytest

from libsep.config import LabelConfig
from libsep.errors import ConfigError
from libsep.track import Track
from libsep.training.distillation.blocks import plan_blocks

from ...conftest import track_called


def library(n_folders: int, n_tracks: int, duration_s: float | None = 240.0) -> list[Track]:
    sources = [f"album{a}/{t}.flac" for a in range(n_folders) for t in range(n_tracks)]
    return [track_called(s, duration_s=duration_s) for s in sources]


def test_any_beginning_of_the_plan_is_spread_over_all_tracks() -> None:
    tracks = library(20, 5)
    blocks = plan_blocks(tracks, LabelConfig(max_gb=5.0), 4)
    learned = [block for block in blocks if not block.is_held_back]
    counts = Counter(block.track.source for block in learned)
    assert max(counts.values()) - min(counts.values()) <= 1
    n_tracks = len(counts)
    assert len({block.track for block in learned[:n_tracks]}) == n_tracks
    assert {block.start_s for block in learned[:n_tracks]} == {120.0}, "first the middle"
    for track in (learned[0].track, learned[1].track):
        starts = sorted(block.start_s for block in learned if block.track == track)
        assert all(later - first >= 24 for first, later in itertools.pairwise(starts))


def test_no_folder_is_on_both_sides_and_a_growing_library_changes_no_side() -> None:
    def sides(n_folders: int) -> dict[Path, bool]:
        blocks = plan_blocks(library(n_folders, 3), LabelConfig(), 4)
        return {block.track.source: block.is_held_back for block in blocks}

    small, large = sides(30), sides(60)
    assert 1 <= sum(small.values()) <= 15
    assert len({source.parent for source, held in small.items() if held}) * 3 == sum(small.values())
    assert small.items() <= large.items()


def test_the_plan_fits_into_the_disk_that_it_may_take() -> None:
    config = LabelConfig(max_gb=0.2)
    blocks = plan_blocks(library(20, 5), config, 4)
    assert 0.17e9 < sum(block.n_bytes(4) for block in blocks) <= 0.2e9
    assert {block.is_held_back for block in blocks} == {True, False}


def test_one_folder_is_split_by_tracks_and_short_tracks_are_one_block() -> None:
    blocks = plan_blocks(library(1, 6, duration_s=9.0), LabelConfig(), 2)
    assert sum(block.is_held_back for block in blocks) >= 1
    assert {(block.start_s, block.duration_s) for block in blocks} == {(0.0, 9.0)}


def test_a_folder_that_is_most_of_the_library_is_not_held_back() -> None:
    both = library(2, 16)
    for large in ("album0", "album1"):  # one of them is drawn
        tracks = [t for t in both if t.source.parent.name == large or int(t.source.stem) < 4]
        blocks = plan_blocks(tracks, LabelConfig(max_held_back=99), 4)
        judges = {block.track.source for block in blocks if block.is_held_back}
        assert 1 <= len(judges) <= len(tracks) / 3


@pytest.mark.parametrize(
    ("tracks", "max_gb", "message"),
    [
        (library(1, 1), 1.0, "1 tracks of 5 s or more, expected two"),
        (library(2, 1, duration_s=3.0), 1.0, "0 tracks of 5 s or more"),
        (library(2, 1), 0.01, r"labels\.max_gb: 0\.01, too little for two blocks"),
    ],
)
def test_a_library_that_teaches_nothing_is_refused(
    tracks: list[Track], max_gb: float, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_blocks(tracks, LabelConfig(max_gb=max_gb), 4)
