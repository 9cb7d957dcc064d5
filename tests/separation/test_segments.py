import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jaxtyping import Float32

from libsep.config import Config
from libsep.errors import ConfigError
from libsep.separation.segments import Segment, SegmentGrid, cut_segments, join_segments

GRID = SegmentGrid(segment_samples=120, hop_samples=100)
LENGTHS = [0, 1, 30, 99, 100, 101, 119, 120, 121, 199, 200, 201, 220, 221, 300, 320, 1000, 1021]


def ramp(n_samples: int) -> Float32[np.ndarray, "2 T"]:
    """Return a signal in which no two samples are equal."""
    left = np.arange(1, n_samples + 1, dtype=np.float32) / 4096
    return np.stack([left, -left])


def cut_at(signal: Float32[np.ndarray, "2 T"], cuts: list[int]) -> list[np.ndarray]:
    """Return the signal in pieces; equal and far cuts give empty pieces."""
    return np.split(signal, sorted(cuts), axis=-1)


def separated(
    segments: Iterator[Segment],
) -> Iterator[tuple[Segment, Float32[np.ndarray, "S 2 segment"]]]:
    """Pass the mixture through three fixed gains that add up to one."""
    gains = np.array([0.6, 1.5, -1.1], dtype=np.float32)[:, None, None]
    return ((segment, segment.mixture * gains) for segment in segments)


@st.composite
def grids(draw: st.DrawFn) -> SegmentGrid:
    hop_samples = draw(st.integers(1, 40))
    return SegmentGrid(
        segment_samples=hop_samples + draw(st.integers(0, hop_samples)), hop_samples=hop_samples
    )


@given(st.integers(0, 300), st.lists(st.integers(0, 300)), grids())
def test_cutting_and_joining_changes_nothing(
    n_samples: int, cuts: list[int], grid: SegmentGrid
) -> None:
    signal = ramp(n_samples)
    joined = list(join_segments(separated(cut_segments(cut_at(signal, cuts), grid)), grid))
    mixture = np.concatenate([np.zeros((2, 0)), *(block for block, _ in joined)], axis=-1)
    stems = np.concatenate([np.zeros((3, 2, 0)), *(block for _, block in joined)], axis=-1)
    np.testing.assert_array_equal(mixture, signal)
    np.testing.assert_allclose(stems[0], signal * np.float32(0.6), rtol=1e-6, atol=0)
    np.testing.assert_allclose(stems.sum(axis=0), signal, rtol=0, atol=10 ** (-90 / 20) * 1e-2)


@given(st.integers(0, 300), st.lists(st.integers(0, 300)), grids())
def test_segments_lie_on_the_grid_however_blocks_are_cut(
    n_samples: int, cuts: list[int], grid: SegmentGrid
) -> None:
    signal = ramp(n_samples)
    segments = list(cut_segments(cut_at(signal, cuts), grid))
    padded = np.pad(signal, ((0, 0), (0, grid.segment_samples)))
    last_start = max(n_samples - grid.segment_samples, 0)
    for index, segment in enumerate(segments):
        place = index * grid.hop_samples
        start = min(place, last_start)
        expected = padded[:, start : start + grid.segment_samples]
        np.testing.assert_array_equal(segment.mixture, expected)
        assert segment.n_context == place - start
        assert segment.n_samples == min(grid.segment_samples, n_samples - place)
    assert [segment.is_last for segment in segments] == [False] * (len(segments) - 1) + [True] * (
        n_samples > 0
    )


@pytest.mark.parametrize("n_samples", LENGTHS)
def test_there_are_just_enough_segments_to_cover_the_track(n_samples: int) -> None:
    segments = list(cut_segments([ramp(n_samples)], GRID))
    covered = (len(segments) - 1) * 100 + 120 if segments else 0
    assert covered - 100 < n_samples <= covered or len(segments) == (n_samples > 0)


@pytest.mark.parametrize("n_samples", LENGTHS)
def test_length_is_kept_to_the_sample(n_samples: int) -> None:
    joined = list(join_segments(separated(cut_segments([ramp(n_samples)], GRID)), GRID))
    assert sum(mixture.shape[-1] for mixture, _ in joined) == n_samples
    assert all(mixture.shape == stems.shape[1:] for mixture, stems in joined)


def test_cross_fade_lies_in_the_overlap_and_nowhere_else() -> None:
    segments = list(cut_segments([ramp(220)], GRID))
    levels = [np.ones((1, 2, 120), np.float32), np.zeros((1, 2, 120), np.float32)]
    joined = join_segments(zip(segments, levels, strict=True), GRID)
    stem = np.concatenate([stems for _, stems in joined], axis=-1)[0, 0]
    assert (stem[:100] == 1).all()
    assert (stem[120:] == 0).all()
    assert (stem[100:105] == 1).all()  # the outer quarters of the overlap are not used
    assert (stem[115:120] == 0).all()
    assert (np.diff(stem[104:116]) < 0).all()
    np.testing.assert_allclose(stem[100:120] + stem[100:120][::-1], 1, atol=1e-6)


def test_only_a_track_shorter_than_a_segment_is_followed_by_silence() -> None:
    short, long = (list(cut_segments([ramp(n)], GRID)) for n in (50, 350))
    assert (short[-1].mixture[:, 50:] == 0).all()
    assert (long[-1].mixture != 0).all()
    np.testing.assert_array_equal(long[-1].mixture, ramp(350)[:, -120:])


def test_segments_come_before_the_blocks_that_they_do_not_need() -> None:
    taken = 0

    def blocks() -> Iterator[Float32[np.ndarray, "2 T"]]:
        nonlocal taken
        for _ in itertools.repeat(None):  # a track without end
            taken += 7
            yield ramp(7)

    segments = cut_segments(blocks(), GRID)
    for index in range(50):
        next(segments)
        assert taken <= index * 100 + 120 + 7


@settings(max_examples=10)
@given(grids())
def test_estimates_are_not_changed_in_place(grid: SegmentGrid) -> None:
    pairs = list(separated(cut_segments([ramp(100)], grid)))
    before = [estimates.copy() for _, estimates in pairs]
    list(join_segments(pairs, grid))
    for (_, estimates), expected in zip(pairs, before, strict=True):
        np.testing.assert_array_equal(estimates, expected)


@pytest.mark.parametrize("hop_samples", [-1, 0, 59, 121])
def test_a_grid_with_gaps_or_triple_overlap_is_refused(hop_samples: int) -> None:
    with pytest.raises(ValueError, match="from half a segment to a whole one"):
        SegmentGrid(segment_samples=120, hop_samples=hop_samples)


def test_the_configuration_allows_no_grid_that_cannot_be_made() -> None:
    Config().replaced(separation={"overlap_s": 6.0})
    with pytest.raises(ConfigError, match="overlap_s must be at most 6, half of segment_s"):
        Config().replaced(separation={"overlap_s": 6.1})


@pytest.mark.parametrize(
    ("segment_s", "n_samples"), [(2.35, 103_635), (2.25, 99_225), (2.0, 88_200)]
)
def test_segments_of_an_odd_length_overlap_by_nearly_half(segment_s: float, n_samples: int) -> None:
    grid = SegmentGrid.of_seconds(segment_s, segment_s / 2, 44100)
    assert grid.segment_samples == n_samples
    assert grid.overlap_samples == n_samples // 2
