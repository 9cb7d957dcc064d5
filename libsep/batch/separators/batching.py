"""Gather segments of several tracks into one batch for a device."""

import concurrent.futures
import queue
import threading
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float32

Request = tuple[np.ndarray, float | None, "concurrent.futures.Future[np.ndarray]"]
"""A segment, where its track is to be restored from in Hz (None: it is not), and the answer."""

Compute = Callable[
    [Float32[np.ndarray, "B 2 T"], Sequence[float | None]], Float32[np.ndarray, "B S 2 T"]
]


class Batcher:
    """Computes what many threads ask for, as many requests at once as are waiting.

    A batch takes whatever is in the queue when the device is free, so an idle device never waits
    for a batch to fill. The results do not depend on who shares a batch, because items of a batch
    do not influence each other in ``compute``.

    Parameters
    ----------
    compute
        Turns segments ``(B, 2, T)`` into estimates ``(B, S, 2, T)``, given the cut-off of each.
    max_batch
        Largest number of segments in one call of ``compute``.
    """

    def __init__(self, compute: Compute, max_batch: int) -> None:
        self._compute = compute
        self._max_batch = max_batch
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._gate = threading.Lock()
        self._is_closed = False
        threading.Thread(target=self._serve, name="batcher", daemon=True).start()

    @property
    def n_waiting(self) -> int:
        """How many segments wait for the device."""
        return self._requests.qsize()

    def __call__(
        self, segment: Float32[np.ndarray, "2 T"], cutoff_hz: float | None = None
    ) -> Float32[np.ndarray, "S 2 T"]:
        """Return the estimates of one segment; an error of ``compute`` is raised here.

        Raises
        ------
        RuntimeError
            It was closed, and nobody would answer.
        """
        future: concurrent.futures.Future[np.ndarray] = concurrent.futures.Future()
        with self._gate:
            if self._is_closed:
                raise RuntimeError("the separator has another model by now")
            self._requests.put((segment, cutoff_hz, future))
        return future.result()

    def close(self) -> None:
        """Let go of ``compute`` once all that was asked for so far is answered."""
        with self._gate:
            self._is_closed = True
            self._requests.put(None)

    def _serve(self) -> None:
        while requests := self._next_batch():
            segments, cutoffs_hz, futures = zip(*requests, strict=True)
            try:
                estimates = self._compute(np.stack(segments), cutoffs_hz)
                answers = list(zip(futures, estimates, strict=True))
            except Exception as exc:  # noqa: BLE001 - every caller must be answered, whatever failed
                for future in futures:
                    future.set_exception(exc)
            else:
                for future, estimate in answers:
                    future.set_result(estimate)

    def _next_batch(self) -> list[Request]:
        """Return the requests that wait, at least one; none at all once it was closed."""
        requests: list[Request] = []
        while len(requests) < self._max_batch:
            try:
                request = self._requests.get(block=not requests)
            except queue.Empty:
                break
            if request is None:
                self._requests.put(None)  # for the next call, if there are requests before it
                break
            requests.append(request)
        return requests
