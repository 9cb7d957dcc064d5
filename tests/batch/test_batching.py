"""Segments of several tracks that share a pass over the device."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from libsep.batch.separators.batching import Batcher


def four_stems(segments: np.ndarray, cutoffs_hz: Sequence[float | None]) -> np.ndarray:
    assert len(cutoffs_hz) == len(segments)
    return np.stack([segments * weight for weight in (1, 2, 3, 4)], axis=1)


def test_every_caller_gets_the_estimates_of_his_own_segment() -> None:
    batcher = Batcher(four_stems, max_batch=4)
    segments = [np.full((2, 8), index, np.float32) for index in range(40)]
    with ThreadPoolExecutor(8) as pool:
        for segment, estimates in zip(segments, pool.map(batcher, segments), strict=True):
            np.testing.assert_array_equal(estimates, four_stems(segment[None], [None])[0])


def test_segments_that_wait_share_a_batch_of_bounded_size() -> None:
    sizes: list[int] = []
    begun, gate = threading.Event(), threading.Event()

    def compute(segments: np.ndarray, cutoffs_hz: Sequence[float | None]) -> np.ndarray:
        sizes.append(len(segments))
        begun.set()
        gate.wait(30)
        return four_stems(segments, cutoffs_hz)

    batcher = Batcher(compute, max_batch=3)
    with ThreadPoolExecutor(7) as pool:
        answers = [pool.submit(batcher, np.zeros((2, 4), np.float32))]
        assert begun.wait(30)
        answers += [pool.submit(batcher, np.zeros((2, 4), np.float32)) for _ in range(6)]
        while batcher.n_waiting < 6:
            time.sleep(0.01)
        gate.set()
        for answer in answers:
            answer.result(30)
    assert sizes == [1, 3, 3]


def test_an_error_reaches_every_caller_of_the_batch_and_the_next_batch_works() -> None:
    def compute(segments: np.ndarray, cutoffs_hz: Sequence[float | None]) -> np.ndarray:
        if segments.max() > 1:
            raise RuntimeError("device lost")
        return four_stems(segments, cutoffs_hz)

    batcher = Batcher(compute, max_batch=1)
    with pytest.raises(RuntimeError, match="device lost"):
        batcher(np.full((2, 4), 2, np.float32))
    assert batcher(np.ones((2, 4), np.float32)).shape == (4, 2, 4)


def test_every_segment_keeps_its_own_cut_off() -> None:
    def compute(segments: np.ndarray, cutoffs_hz: Sequence[float | None]) -> np.ndarray:
        cuts = np.array([hertz or 0 for hertz in cutoffs_hz], np.float32)
        return four_stems(segments + cuts[:, None, None], cutoffs_hz)

    batcher = Batcher(compute, max_batch=5)
    cutoffs_hz = [None, 16_000.0, 8_000.0] * 10
    segments = [np.full((2, 8), index, np.float32) for index in range(30)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(batcher, segments, cutoffs_hz))
    expected = [index + (hertz or 0) for index, hertz in enumerate(cutoffs_hz)]
    assert [answer[0, 0, 0] for answer in answers] == expected


def test_who_comes_after_the_end_is_told_and_does_not_wait_for_ever() -> None:
    batcher = Batcher(four_stems, max_batch=4)
    batcher(np.zeros((2, 8), np.float32))
    batcher.close()
    with pytest.raises(RuntimeError, match="another model by now"):
        batcher(np.zeros((2, 8), np.float32))


def test_what_was_asked_for_before_the_end_is_answered_and_then_the_device_is_let_go() -> None:
    begun, gate, before = threading.Event(), threading.Event(), set(threading.enumerate())

    def compute(segments: np.ndarray, cutoffs_hz: Sequence[float | None]) -> np.ndarray:
        begun.set()
        gate.wait(30)
        return four_stems(segments, cutoffs_hz)

    batcher = Batcher(compute, max_batch=4)
    (thread,) = set(threading.enumerate()) - before
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(batcher, np.zeros((2, 4), np.float32))]
        assert begun.wait(30)
        answers += [pool.submit(batcher, np.zeros((2, 4), np.float32))]
        while batcher.n_waiting < 1:
            time.sleep(0.01)
        batcher.close()
        gate.set()
        for answer in answers:
            answer.result(30)
    thread.join(5)
    assert not thread.is_alive()
