"""What takes the upper band of a recording away: responses of filters, as functions of Hz."""

import math

import numpy as np
from jaxtyping import Complex128, Float, Float32, Float64

Hertz = Float64[np.ndarray, " F"]
Response = Complex128[np.ndarray, " F"]


def brick_wall(hertz: Hertz, cutoff_hz: float, transition_hz: float = 0.0) -> Response:
    """Return 1 below the cut-off and 0 above it; between them half a cosine that ends there."""
    start = cutoff_hz - transition_hz
    place = np.clip((hertz - start) / max(transition_hz, 1e-9), 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * place)).astype(np.complex128)


def butterworth(hertz: Hertz, cutoff_hz: float, order: int) -> Response:
    """Return the response of an analogue filter that is 3 dB down at the cut-off."""
    angles = np.pi * (2 * np.arange(1, order + 1) + order - 1) / (2 * order)
    return _all_pole(hertz / cutoff_hz, np.exp(1j * angles))


def chebyshev(hertz: Hertz, cutoff_hz: float, order: int, ripple_db: float) -> Response:
    """Return the response of an analogue filter of type I, ``ripple_db`` down at the cut-off."""
    epsilon = math.sqrt(10 ** (ripple_db / 10) - 1)
    spread = math.asinh(1 / epsilon) / order
    angles = np.pi * (2 * np.arange(1, order + 1) - 1) / (2 * order)
    poles = -np.sinh(spread) * np.sin(angles) + 1j * np.cosh(spread) * np.cos(angles)
    gain = 1 / math.sqrt(1 + epsilon**2) if order % 2 == 0 else 1.0
    return gain * _all_pole(hertz / cutoff_hz, poles)


def apply_response(
    samples: Float32[np.ndarray, "*lead T"], response: Complex128[np.ndarray, " F"]
) -> Float32[np.ndarray, "*lead T"]:
    """Return samples after a filter; what runs over the end comes back at the start.

    ``response`` belongs to the frequencies of `response_hertz`.
    """
    filtered = np.fft.irfft(np.fft.rfft(samples) * response, samples.shape[-1])
    return filtered.astype(np.float32)


def response_hertz(n_samples: int, sample_rate: int) -> Hertz:
    """Return the frequencies at which `apply_response` wants a response, in Hz."""
    frequencies: Float[np.ndarray, " F"] = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    return frequencies


def _all_pole(
    frequency: Float64[np.ndarray, " F"], poles: Complex128[np.ndarray, " P"]
) -> Response:
    """Return the response at ``frequency`` (1 is the cut-off) of poles, 1 at frequency 0."""
    response = np.ones(len(frequency), dtype=np.complex128)
    for pole in poles:
        response *= -pole / (1j * frequency - pole)
    return response
