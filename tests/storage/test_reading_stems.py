"""Commands that only read an output: they take one in a store as they take a folder."""

from pathlib import Path

import numpy as np

from libsep.config import StorageConfig
from libsep.extraction.extract import Job
from libsep.extraction.selection import Selection
from libsep.extraction.tree import extract_all
from libsep.storage.ends import noted_library
from libsep.storage.places import parse_place, place_to_text

from ..media.conftest import write_stem_file
from .conftest import S3Server


def test_an_output_remembers_its_library(
    s3: S3Server, storage: StorageConfig, tmp_path: Path
) -> None:
    output = parse_place("s3://bucket/stems")
    assert noted_library(output, storage) == ""
    s3.put("stems/.libsep/library", "/home/dj/Größen".encode())
    assert noted_library(output, storage) == "/home/dj/Größen"
    assert place_to_text(output) == "s3://bucket/stems"
    assert noted_library(tmp_path, storage) == ""
    (tmp_path / ".libsep").mkdir()
    (tmp_path / ".libsep" / "library").write_text("s3://bucket/music")
    assert noted_library(tmp_path, storage) == "s3://bucket/music"


def test_stem_files_in_a_store_are_extracted_here(
    s3: S3Server, storage: StorageConfig, tmp_path: Path, ffmpeg: Path, rng: np.random.Generator
) -> None:
    stems = 0.02 * rng.standard_normal((4, 2, 22_050))
    sources = np.concatenate([stems.sum(axis=0)[None], stems]).astype(np.float32)
    path = write_stem_file(tmp_path / "x.stem.mp4", sources, ffmpeg)
    s3.put_file("stems/a/One.stem.mp4", path)
    s3.put("stems/Two.stem.mp4", b"no MP4")
    job = Job(
        selection=Selection(only=("bass",)), format_name="wav", output=tmp_path / "out",
        ffmpeg=ffmpeg,
    )  # fmt: skip
    found = {each.source: each.status for each in extract_all(["s3://bucket/stems"], job, storage)}
    assert found == {
        "s3://bucket/stems/a/One.stem.mp4": "done", "s3://bucket/stems/Two.stem.mp4": "failed",
    }  # fmt: skip
    assert [str(p.relative_to(job.output)) for p in job.output.rglob("*.wav")] == ["a/One/bass.wav"]
    again = extract_all(["s3://bucket/stems/a/One.stem.mp4"], job, storage)
    assert [each.status for each in again] == ["done"]  # alone it lies at the top
