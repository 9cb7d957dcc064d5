"""Check the stem files that `make run` wrote, with a reader that is not ours: PyAV."""

import sys
from pathlib import Path

import av
import numpy as np

MIN_CORRELATION = 0.99
"""Between the first stream and the sum of the others; each is coded with loss of its own."""


def decode(path: Path, index: int) -> np.ndarray:
    """Return the samples ``(2, T)`` of one audio stream."""
    with av.open(path) as container:
        frames = container.decode(container.streams.audio[index])
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1)


def check(path: Path) -> str:
    """Return what was found, once it is what a stem file has to be."""
    with av.open(path) as container:
        kinds = [stream.type for stream in container.streams if stream.type != "video"]
        title = container.metadata.get("title", "")
    assert kinds == ["audio"] * 5, f"{path}: streams {kinds}"
    assert title, f"{path}: no title"
    mixture, *stems = (decode(path, index) for index in range(5))
    shapes = {mixture.shape, *(stem.shape for stem in stems)}
    assert len(shapes) == 1, f"{path}: streams of {shapes} samples"
    fit = float(np.corrcoef(mixture.ravel(), np.sum(stems, axis=0).ravel())[0, 1])
    assert fit > MIN_CORRELATION, f"{path}: the stems add up to the mixture with {fit:.4f} only"
    assert all(np.abs(stem).max() > 0 for stem in stems), f"{path}: a stem is silent"
    return f"{title}: five streams of {mixture.shape[1]} samples, sum and mixture agree: {fit:.5f}"


def main() -> None:
    """Check every file of a folder, whose number is given."""
    folder, n_expected = Path(sys.argv[1]), int(sys.argv[2])
    paths = sorted(folder.rglob("*.stem.mp4"))
    assert len(paths) == n_expected, f"{len(paths)} stem files, expected {n_expected}"
    for path in paths:
        print(check(path))


if __name__ == "__main__":
    main()
