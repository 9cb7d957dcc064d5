"""One file in this process, as ``libsep convert`` and other programs do it."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.config import Config
from libsep.errors import ConfigError, ProbeError
from libsep.media.verify import verify_stems
from libsep.pipeline.networks import Networks
from libsep.pipeline.single import Converter
from libsep.separation.registry import Model
from libsep.track import Heard, Track


@pytest.fixture
def converter(tiny_model: Model) -> Converter:
    return Converter(Config().replaced(separation={"model": str(tiny_model.folder)}))


def test_one_converter_converts_many_files(
    converter: Converter, encode: Callable[..., Path], rng: np.random.Generator, tmp_path: Path
) -> None:
    for name in ("one.flac", "two.mp3"):
        source = encode(name, 0.1 * rng.standard_normal((2, 30000)).astype(np.float32))
        assert converter.convert(source).status == "done"
        assert verify_stems(tmp_path / f"{source.stem}.stem.mp4").is_conformant


def test_the_stem_file_goes_where_it_is_told(
    converter: Converter, encode: Callable[..., Path], rng: np.random.Generator, tmp_path: Path
) -> None:
    source = encode("one.flac", 0.1 * rng.standard_normal((2, 30000)).astype(np.float32))
    converter.convert(source, tmp_path / "there" / "other.stem.mp4")
    assert verify_stems(tmp_path / "there" / "other.stem.mp4").is_conformant
    with pytest.raises(ConfigError, match=r"\.stem\.mp4"):
        converter.convert(source, tmp_path / "other.mp4")


def test_a_file_that_is_not_there_is_an_error(converter: Converter, tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match="cannot be read"):
        converter.convert(tmp_path / "nothing.mp3")


def test_the_device_is_named(
    converter: Converter, encode: Callable[..., Path], rng: np.random.Generator
) -> None:
    assert converter.describe() == ""
    converter.convert(encode("one.flac", np.zeros((2, 30000), np.float32)))
    assert "tiny on" in converter.describe()


def test_a_file_that_is_up_to_date_is_not_listened_to(
    tiny_model: Model,
    encode: Callable[..., Path],
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[str] = []

    def hear(_: Networks, track: Track) -> Heard:
        heard.append(track.path.name)
        return Heard({"jazz": 0.9})

    monkeypatch.setattr(Networks, "hear", hear)
    config = Config().replaced(separation={"model": str(tiny_model.folder)})
    source = encode("one.flac", 0.1 * rng.standard_normal((2, 30000)).astype(np.float32))
    first, second = (Converter(config).convert(source) for _ in range(2))
    assert (first.status, first.genre) == ("done", "jazz")
    assert (second.status, second.genre) == ("skipped", "jazz")
    assert heard == ["one.flac"]
    # What was heard stands in the stem file: it counts for other settings and models, too.
    again = Converter(config.replaced(encode={"gain_db": -1.0})).convert(source)
    assert (again.status, again.genre, again.genre_reason) == ("done", "jazz", first.genre_reason)
    assert heard == ["one.flac"]
    os.utime(source, ns=(0, 0))
    Converter(config).convert(source)
    assert heard == ["one.flac"] * 2
