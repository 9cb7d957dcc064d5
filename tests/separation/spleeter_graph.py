"""Spleeter's graph in numpy, straight from its description: TensorFlow's layouts and paddings.

It shares no code with libsep: features are ``(rows, columns, channels)``, kernels as TensorFlow
stores them, and every convolution is a sum over the taps.
"""

from collections.abc import Mapping, Sequence

import numpy as np

Variables = Mapping[str, np.ndarray]


def variables_of(
    n_sources: int, channels: Sequence[int], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Return random variables under Spleeter's names, with those that its graph does not use."""
    found: dict[str, np.ndarray] = {"global_step": np.array(7, np.int64)}
    numbers = dict.fromkeys(("conv2d", "conv2d_transpose", "batch_normalization"), 0)

    def name(kind: str) -> str:
        number = numbers[kind]
        numbers[kind] += 1
        return f"{kind}_{number}" if number else kind

    def kernel(kind: str, size: int, n_in: int, n_out: int) -> None:
        layer = name(kind)
        shape = (size, size, n_out, n_in) if "transpose" in kind else (size, size, n_in, n_out)
        n_taps = size * size * n_in
        found[f"{layer}/kernel"] = rng.standard_normal(shape) / np.sqrt(n_taps / 4)
        found[f"{layer}/bias"] = 0.1 * rng.standard_normal(n_out)

    def norm(n_channels: int) -> None:
        layer = name("batch_normalization")
        found[f"{layer}/gamma"] = 1 + 0.2 * rng.standard_normal(n_channels)
        found[f"{layer}/beta"] = 0.2 * rng.standard_normal(n_channels)
        found[f"{layer}/moving_mean"] = 0.2 * rng.standard_normal(n_channels)
        found[f"{layer}/moving_variance"] = 0.5 + rng.random(n_channels)

    for _ in range(n_sources):
        widths = [2, *channels]
        for n_in, n_out in zip(widths, channels, strict=False):
            kernel("conv2d", 5, n_in, n_out)
            norm(n_out)
        n_in = channels[-1]
        for n_out in [*channels[-2::-1], 1]:
            kernel("conv2d_transpose", 5, n_in, n_out)
            norm(n_out)
            n_in = 2 * n_out
        kernel("conv2d", 4, 1, 2)
    return {
        each: value if value.dtype == np.int64 else value.astype(np.float32)
        for each, value in found.items()
    }


def logits(
    magnitude: np.ndarray, variables: Variables, place: int, n_levels: int, activation: str
) -> np.ndarray:
    """Return the logits of one source for a magnitude ``(N, F, 2)``."""

    def of(kind: str, number: int, part: str) -> np.ndarray:
        layer = f"{kind}_{number}" if number else kind
        return variables[f"{layer}/{part}"].astype(np.float64)

    def norm(x: np.ndarray, number: int) -> np.ndarray:
        gamma, beta, mean, variance = (
            of("batch_normalization", number, part)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        return gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta

    x, skips = magnitude, []
    for level in range(n_levels):
        number = place * (n_levels + 1) + level
        raw = convolved(x, of("conv2d", number, "kernel"), 2, 1) + of("conv2d", number, "bias")
        skips.append(raw)
        x = activated(norm(raw, 2 * place * n_levels + level), activation, "down")
    x = skips.pop()
    for level in range(n_levels):
        number = place * n_levels + level
        kernel, bias = (of("conv2d_transpose", number, part) for part in ("kernel", "bias"))
        x = activated(transposed(x, kernel) + bias, activation, "up")
        x = norm(x, (2 * place + 1) * n_levels + level)
        if skips:
            x = np.concatenate([skips.pop(), x], axis=-1)
    number = place * (n_levels + 1) + n_levels
    return convolved(x, of("conv2d", number, "kernel"), 1, 2) + of("conv2d", number, "bias")


def activated(x: np.ndarray, activation: str, way: str) -> np.ndarray:
    if activation == "elu":
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    return np.where(x > 0, x, 0.2 * x if way == "down" else 0.0)


def convolved(x: np.ndarray, kernel: np.ndarray, stride: int, dilation: int) -> np.ndarray:
    """Return a convolution with padding "SAME": what it takes, the smaller half before."""
    n_rows, n_columns = (-(-size // stride) for size in x.shape[:2])
    reach = dilation * (kernel.shape[0] - 1) + 1
    total = [
        max((n_out - 1) * stride + reach - size, 0)
        for n_out, size in zip((n_rows, n_columns), x.shape, strict=False)
    ]
    padded = np.pad(x, [*((each // 2, each - each // 2) for each in total), (0, 0)])
    out = np.zeros((n_rows, n_columns, kernel.shape[3]))
    for row, column in np.ndindex(*kernel.shape[:2]):
        first, second = row * dilation, column * dilation
        seen = padded[first::stride, second::stride][:n_rows, :n_columns]
        out += seen @ kernel[row, column]
    return out


def transposed(x: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return the gradient of a convolution of stride 2 with padding "SAME": twice the size."""
    n_rows, n_columns, _ = x.shape
    full = np.zeros((2 * n_rows + 3, 2 * n_columns + 3, kernel.shape[2]))
    for row, column in np.ndindex(5, 5):
        rows, columns = slice(row, row + 2 * n_rows, 2), slice(column, column + 2 * n_columns, 2)
        full[rows, columns] += x @ kernel[row, column].T
    return full[1:-2, 1:-2]
