"""Responses of filters are those of the textbooks."""

import numpy as np
import pytest
from scipy import signal

from libsep.dsp.low_pass import apply_response, brick_wall, butterworth, chebyshev, response_hertz

HERTZ = np.linspace(0, 20_000, 400)


@pytest.mark.parametrize("order", [6, 7, 8])
def test_analogue_filters_are_those_of_scipy(order: int) -> None:
    turns = 2 * np.pi * HERTZ
    expected = signal.freqs(*signal.butter(order, 2 * np.pi * 5000, analog=True), worN=turns)[1]
    np.testing.assert_allclose(butterworth(HERTZ, 5000.0, order), expected, atol=1e-6)
    coefficients = signal.cheby1(order, 0.5, 2 * np.pi * 5000, analog=True)
    expected = signal.freqs(*coefficients, worN=turns)[1]
    np.testing.assert_allclose(chebyshev(HERTZ, 5000.0, order, 0.5), expected, atol=1e-6)


def test_a_brick_wall_ends_at_the_cut_off() -> None:
    response = brick_wall(HERTZ, 5000.0, 1000.0).real
    assert (response[HERTZ <= 4000] == 1).all()
    assert np.abs(response[HERTZ >= 5000]).max() < 1e-12
    assert brick_wall(np.array([4500.0]), 5000.0, 1000.0)[0] == pytest.approx(0.5)
    assert (brick_wall(np.array([4999.0, 5001.0]), 5000.0) == [1, 0]).all()


def test_a_response_is_applied_to_the_samples() -> None:
    time_s = np.arange(8000) / 8000
    low, high = (np.sin(2 * np.pi * hertz * time_s).astype(np.float32) for hertz in (500, 3000))
    filtered = apply_response(np.stack([low + high, high]), brick_wall(_hertz(), 1000.0))
    np.testing.assert_allclose(filtered[0], low, atol=1e-5)
    np.testing.assert_allclose(filtered[1], 0, atol=1e-5)


def _hertz() -> np.ndarray:
    return response_hertz(8000, 8000)
