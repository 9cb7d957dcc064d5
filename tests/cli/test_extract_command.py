"""``libsep extract``."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..media.conftest import write_stem_file
from ..processes import Ended


def test_stems_become_files_and_the_exit_code_says_how_it_went(
    tmp_path: Path, ffmpeg: Path, rng: np.random.Generator, libsep: Callable[..., Ended]
) -> None:
    stems = 0.02 * rng.standard_normal((4, 2, 22_050))
    sources = np.concatenate([stems.sum(axis=0)[None], stems]).astype(np.float32)
    folder = tmp_path / "stems"
    folder.mkdir()
    write_stem_file(folder / "A [live].stem.mp4", sources, ffmpeg)
    out = tmp_path / "out"
    ended = libsep("extract", folder, "-o", out, "--only", "Vocals", "--format", "flac")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"done {folder}/A [live].stem.mp4: 1 file\n"
    assert [path.name for path in out.rglob("*.flac")] == ["vocals.flac"]
    (folder / "broken.stem.mp4").write_text("no MP4")
    again = libsep("extract", folder, "-o", out, "--only", "vocals", "--format", "flac", "--json")
    assert again.code == 1
    assert {each["status"] for each in again.json} == {"up to date", "failed"}
    assert libsep("extract", out, "-o", out).code == 1  # no stem files there
    both = libsep("extract", folder, "-o", out, "--only", "bass", "--without", "drums")
    assert both.code == 2
    assert "choose some stems, or leave some out" in both.err
