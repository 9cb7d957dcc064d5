from pathlib import Path

import numpy as np
import pytest
import torch

from libsep.errors import ConfigError
from libsep.separation.cpu import has_native_bfloat16
from libsep.separation.registry import Model
from libsep.separation.segments import SegmentGrid
from libsep.separation.separator import Separator
from libsep.separation.stream import SegmentSeparator, separate_blocks
from libsep.separation.weights import load_network

GRID = SegmentGrid(segment_samples=24000, hop_samples=22000)


@pytest.fixture(scope="module")
def separator(tiny_model: Model) -> Separator:
    return Separator(tiny_model, device="cpu", precision="float32")


@pytest.fixture
def signal(rng: np.random.Generator) -> np.ndarray:
    return (0.2 * rng.normal(size=(2, 70001))).astype(np.float32)


def separate_track(
    separator: SegmentSeparator, blocks: list[np.ndarray], grid: SegmentGrid = GRID
) -> np.ndarray:
    pairs = separate_blocks(blocks, separator, grid, path=Path("track.flac"))
    return np.concatenate([np.zeros((4, 2, 0)), *(stems for _, stems in pairs)], axis=-1)


def test_a_separator_is_what_a_stream_needs(separator: Separator) -> None:
    assert isinstance(separator, SegmentSeparator)


def test_folding_and_half_precision_do_not_change_the_network(
    separator: Separator, tiny_model: Model, signal: np.ndarray
) -> None:
    estimates = separator.separate(signal[None])
    expected = load_network(tiny_model).separate(torch.from_numpy(signal[None]))
    np.testing.assert_allclose(estimates, expected, atol=1e-5)
    assert not np.allclose(estimates[:, 0], estimates[:, 1], atol=1e-2)


def test_a_streamed_track_of_one_segment_equals_the_whole_track(
    separator: Separator, tiny_model: Model, signal: np.ndarray
) -> None:
    grid = SegmentGrid(segment_samples=signal.shape[-1], hop_samples=signal.shape[-1])
    streamed = separate_track(separator, np.split(signal, [1, 30000], axis=-1), grid)
    whole = load_network(tiny_model).separate(torch.from_numpy(signal[None]))[0]
    np.testing.assert_allclose(streamed, whole, atol=1e-5)


def test_stems_do_not_depend_on_how_blocks_are_cut(
    separator: Separator, signal: np.ndarray
) -> None:
    whole = separate_track(separator, [signal])
    pieces = separate_track(separator, np.split(signal, [3, 22000, 22001, 66000], axis=-1))
    np.testing.assert_array_equal(pieces, whole)


def test_stems_do_not_depend_on_the_batch(separator: Separator, rng: np.random.Generator) -> None:
    segments = rng.normal(size=(3, 2, 9000)).astype(np.float32) * np.float32(
        [[[1]], [[10]], [[0.01]]]
    )
    together = separator.separate(segments)
    alone = np.concatenate([separator.separate(segments[i : i + 1]) for i in range(3)])
    np.testing.assert_allclose(together, alone, atol=2e-5)


@pytest.mark.parametrize("n_samples", [0, 1, 13230, 22000, 22001, 24000, 24001, 70001])
def test_stems_are_as_long_as_the_mixture_and_add_up_to_it(
    separator: Separator, signal: np.ndarray, n_samples: int
) -> None:
    mixture = signal[:, :n_samples]
    stems = separate_track(separator, [mixture])
    assert stems.shape == (4, 2, n_samples)
    np.testing.assert_allclose(stems.sum(axis=0), mixture, atol=10 ** (-100 / 20))


def test_silence_gives_exact_silence(separator: Separator, signal: np.ndarray) -> None:
    assert not separate_track(separator, [np.zeros((2, 60000), np.float32)]).any()
    segments = np.stack([signal[:, :9000], np.zeros((2, 9000), np.float32), signal[:, -9000:]])
    estimates = separator.separate(segments)
    assert not estimates[1].any()
    np.testing.assert_allclose(estimates[[0, 2]].sum(axis=1), segments[[0, 2]], atol=1e-5)


def test_read_only_segments_are_taken(separator: Separator, signal: np.ndarray) -> None:
    segment = signal[None, :, :9000].copy()
    segment.flags.writeable = False  # as they come out of shared memory
    assert separator.separate(segment).any()


def test_mapping_keeps_the_order(separator: Separator, signal: np.ndarray) -> None:
    segments = [signal[:, start : start + 9000] for start in (0, 9000, 18000)]
    for segment, estimates in zip(segments, separator.map(iter(segments)), strict=True):
        np.testing.assert_array_equal(estimates, separator.separate(segment[None])[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_refused(tiny_model: Model) -> None:
    with pytest.raises(ConfigError, match="torch finds no GPU"):
        Separator(tiny_model, device="cuda")


def test_bfloat16_is_used_where_the_processor_has_it(
    tiny_model: Model, separator: Separator, signal: np.ndarray
) -> None:
    if not has_native_bfloat16():
        assert "float32" in Separator(tiny_model, device="cpu").describe()
        with pytest.raises(ConfigError, match="only emulates it"):
            Separator(tiny_model, device="cpu", precision="bfloat16")
        return
    fast = Separator(tiny_model, device="cpu")
    assert fast.describe().endswith("bfloat16")
    segment = signal[None, :, :24000]
    estimates = fast.separate(segment)
    np.testing.assert_allclose(estimates, separator.separate(segment), atol=0.02)
    np.testing.assert_allclose(estimates.sum(axis=1), segment, atol=1e-5)


def test_a_separator_says_what_it_runs_on(separator: Separator) -> None:
    assert separator.describe().startswith("tiny on CPU (")
    assert separator.describe().endswith("float32")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpu_gives_the_same_stems(
    tiny_model: Model, separator: Separator, signal: np.ndarray
) -> None:
    on_gpu = Separator(tiny_model, device="cuda", precision="float32")
    segments = np.stack([signal[:, :24000], signal[:, 24000:48000]])
    np.testing.assert_allclose(on_gpu.separate(segments), separator.separate(segments), atol=1e-4)
