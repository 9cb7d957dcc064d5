"""Two processes that convert what is thrown at them, and the sound files to be damaged."""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from libsep.separation.registry import Model

from .bases import ENCODERS, make_base
from .worker import FFMPEG_MEMORY_KB, Result, convert

TIME_LIMIT_S = 1200.0
"""For what hangs: a file takes a quarter of a second on an idle machine."""

ConvertAll = Callable[[list[Path], Path], list[Result]]


@pytest.fixture(scope="session")
def bases(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> dict[str, bytes]:
    """Return a whole file of every format, by the ending of its name."""
    folder = tmp_path_factory.mktemp("bases")
    return {ending: make_base(folder, ending, ffmpeg).read_bytes() for ending in ENCODERS}


@pytest.fixture(scope="session")
def bounded_ffmpeg(tmp_path_factory: pytest.TempPathFactory, ffmpeg: Path) -> Path:
    """Return an ffmpeg that gets no more than a certain address space."""
    path = tmp_path_factory.mktemp("ffmpeg") / "ffmpeg"
    path.write_text(f'#!/bin/sh\nulimit -v {FFMPEG_MEMORY_KB}\nexec "{ffmpeg}" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def convert_all(
    tiny_model: Model, bounded_ffmpeg: Path, pytestconfig: pytest.Config
) -> Iterator[ConvertAll]:
    """Return a function that converts files into a folder, in two processes of their own."""
    context = multiprocessing.get_context("spawn")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(pytestconfig.rootpath)  # where the processes find this package
        patch.setenv("LIBSEP_FFMPEG", str(bounded_ffmpeg))
        with ProcessPoolExecutor(2, mp_context=context) as pool:

            def convert_files(paths: list[Path], output_root: Path) -> list[Result]:
                folder = tiny_model.folder
                futures = [pool.submit(convert, path, folder, output_root) for path in paths]
                return [future.result(TIME_LIMIT_S) for future in futures]

            yield convert_files


@pytest.fixture
def convert_one(convert_all: ConvertAll, tmp_path: Path) -> Callable[[Path], Result]:
    """Return a function that converts one file into ``stems`` of the test's folder."""
    return lambda path: convert_all([path], tmp_path / "stems")[0]
