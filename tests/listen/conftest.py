"""A shelf of two stem files of known signals, and a server that serves it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page

from libsep.listen.server import ListenServer
from libsep.listen.shelf import Shelf
from libsep.media.decode import decode_file

from ..media.conftest import write_stem_file

RATE = 44100
N_SAMPLES = 300_001
"""Nearly seven seconds: two whole chunks and a part of one."""


@pytest.fixture(scope="session")
def shelf_folder(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> Path:
    """Return a folder with a lossless stem file, and one in AAC with a strange name below it.

    Each stem is noise of its own; the mixture is not quite their sum, but 3 dB quieter.
    """
    rng = np.random.default_rng(20261128)
    stems = 0.08 * rng.standard_normal((4, 2, N_SAMPLES)) * np.arange(1, 5)[:, None, None] / 4
    mixture = stems.sum(axis=0) * 10 ** (-3 / 20)
    sources = np.concatenate([mixture[None], stems]).astype(np.float32)
    folder: Path = tmp_path_factory.mktemp("shelf")
    (folder / "deep & wide").mkdir()
    write_stem_file(folder / "First.stem.mp4", sources, ffmpeg, codec="alac")
    second = folder / "deep & wide" / "Zwei <b>Größen #1.stem.mp4"
    write_stem_file(second, sources[:, :, :100_000], ffmpeg)
    return folder


@pytest.fixture(scope="session")
def samples(shelf_folder: Path) -> np.ndarray:
    """Return what the first file holds ``(5, 2, T)``, decoded stream by stream."""
    path = shelf_folder / "First.stem.mp4"
    return np.stack([decode_file(path, stream=index) for index in range(5)])


def served(place: Path, ffmpeg: Path) -> Iterator[ListenServer]:
    """Yield a server of a file or folder that answers."""
    with ListenServer(Shelf(place), ffmpeg=ffmpeg) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(shelf_folder: Path, ffmpeg: Path) -> Iterator[ListenServer]:
    """Yield a server of the shelf."""
    yield from served(shelf_folder, ffmpeg)


def until(page: Page, condition: str, timeout_s: float = 120) -> Any:
    """Wait until a condition of the page is met; the page's policy forbids Playwright's own way."""
    deadline = time.monotonic() + timeout_s
    while not (value := page.evaluate(condition)):
        assert time.monotonic() < deadline, f"still not {condition}"
        page.wait_for_timeout(30)
    return value


@pytest.fixture
def opened(page: Page, server: ListenServer) -> Page:
    """Return the page with the first track loaded and drawn."""
    page.goto(server.url)
    until(page, "window.app?.player && app.waveform.filled === app.waveform.nBins")
    return page
