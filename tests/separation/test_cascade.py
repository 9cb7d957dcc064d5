"""A model of two: the first takes the vocals off, the second splits the rest."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from libsep.errors import ModelError
from libsep.separation.cascade import chain
from libsep.separation.model import ModelInfo, Score
from libsep.separation.registry import Model, located, networks_of, read_model
from libsep.separation.segments import SegmentGrid
from libsep.separation.separator import Separator
from libsep.separation.stream import separate_blocks
from libsep.separation.weights import load_network, save_model
from libsep.track import TARGETS

GRID = SegmentGrid(segment_samples=24000, hop_samples=22000)


@pytest.fixture(scope="module")
def separator(tiny_cascade: Model) -> Separator:
    return Separator(tiny_cascade, device="cpu", precision="float32")


@pytest.fixture
def signal(rng: np.random.Generator) -> np.ndarray:
    return (0.2 * rng.normal(size=(2, 70001))).astype(np.float32)


@pytest.fixture
def shelf(tiny_cascade: Model, tmp_path: Path) -> Path:
    """Return a copy of the cascade's folder and those of its stages."""
    return Path(shutil.copytree(tiny_cascade.folder.parent, tmp_path / "shelf"))


def described(folder: Path, **changes: object) -> Model:
    values = yaml.safe_load((folder / "model.yaml").read_text())
    (folder / "model.yaml").write_text(yaml.safe_dump(values | changes))
    return read_model(folder)


def separate_track(separator: Separator, blocks: list[np.ndarray]) -> np.ndarray:
    pairs = separate_blocks(blocks, separator, GRID, path=Path("track.flac"))
    return np.concatenate([stems for _, stems in pairs], axis=-1)


def test_vocals_come_from_the_first_and_the_rest_from_the_second(
    separator: Separator, tiny_cascade: Model, signal: np.ndarray
) -> None:
    first, second = (load_network(part) for part in networks_of(tiny_cascade))
    mixture = torch.from_numpy(signal[None, :, :24000])
    vocals = first.separate(mixture)[:, 0]
    drums, bass, other, remains = second.separate(mixture - vocals).unbind(1)
    expected = torch.stack([drums, bass, other + remains, vocals], dim=1)
    estimates = separator.separate(mixture.numpy())
    np.testing.assert_allclose(estimates, expected, atol=1e-5)
    np.testing.assert_allclose(estimates.sum(axis=1), mixture, atol=1e-5)
    assert remains.abs().max() > 1e-3, "or the test could not tell where they go"


def test_stems_do_not_depend_on_blocks_or_batch_and_add_up(
    separator: Separator, signal: np.ndarray
) -> None:
    whole = separate_track(separator, [signal])
    pieces = separate_track(separator, np.split(signal, [3, 22000, 22001, 66000], axis=-1))
    np.testing.assert_array_equal(pieces, whole)
    np.testing.assert_allclose(whole.sum(axis=0), signal, atol=10 ** (-100 / 20))
    segments = np.stack([signal[:, :24000], np.zeros((2, 24000), np.float32), signal[:, -24000:]])
    together = separator.separate(segments)
    alone = np.concatenate([separator.separate(segment[None]) for segment in segments])
    np.testing.assert_allclose(together, alone, atol=2e-5)
    assert not together[1].any(), "silence is silent"


def test_each_stage_copes_with_too_little_memory(
    tiny_cascade: Model, separator: Separator, signal: np.ndarray
) -> None:
    small = Separator(tiny_cascade, device="cpu", precision="float32")
    for placed in small.networks:
        compute = placed.network.separate

        def refuse(mixture: torch.Tensor, compute: object = compute) -> torch.Tensor:
            if mixture.shape[0] * mixture.shape[-1] > 120000:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return compute(mixture)  # type: ignore[operator] # a method

        placed.network.separate = refuse  # type: ignore[method-assign]
    segments = np.tile(np.stack([signal, signal[:, ::-1]]), 3)
    estimates = small.separate(segments)
    np.testing.assert_allclose(estimates.sum(axis=1), segments, atol=1e-5)
    assert small.window_samples is not None
    assert small.window_samples <= 120000
    assert all(placed.window_samples == small.window_samples for placed in small.networks)


def test_a_stage_gets_segments_of_its_own_length(shelf: Path, signal: np.ndarray) -> None:
    described(shelf / "tiny", segment_s=2)  # shortest that a description may ask for
    cascade = described(shelf / "tiny-cascade", segment_s=10)
    separator = Separator(cascade, device="cpu", precision="float32")
    lengths: list[int] = []
    _, second = separator.networks
    compute = second.network.separate

    def note(mixture: torch.Tensor) -> torch.Tensor:
        lengths.append(mixture.shape[-1])
        return compute(mixture)

    second.network.separate = note  # type: ignore[method-assign]
    segments = np.tile(signal, 4)[None]
    estimates = separator.separate(segments)
    assert set(lengths) == {2 * 44100}
    assert separator.window_samples is None
    np.testing.assert_allclose(estimates.sum(axis=1), segments, atol=1e-5)


def test_the_hash_is_that_of_all_stages(shelf: Path, tiny_cascade: Model) -> None:
    assert tiny_cascade.sha256 not in {part.sha256 for part in networks_of(tiny_cascade)}
    network = load_network(read_model(shelf / "tiny"))
    for parameter in network.parameters():
        parameter.mul_(0.9)
    values = read_model(shelf / "tiny").model_dump(exclude={"sha256", "folder"})
    save_model(shelf / "tiny", ModelInfo(**values), network)
    stale = read_model(shelf / "tiny-cascade")
    assert stale.sha256 == tiny_cascade.sha256
    with pytest.raises(ModelError, match=r"stage tiny .* models chain [^ ]* tiny-vocals tiny "):
        networks_of(stale)
    score = Score(test_set="songs", measure="SDR", values={"mean": 1.0})
    described(shelf / "tiny-cascade", description="Mine.", scores=[score.model_dump(mode="json")])
    renewed = chain(shelf / "tiny-cascade", "tiny-vocals", "tiny")
    assert renewed.sha256 != stale.sha256
    assert (renewed.description, renewed.scores) == ("Mine.", ())
    assert networks_of(renewed)[1].sha256 == read_model(shelf / "tiny").sha256
    again = described(shelf / "tiny-cascade", scores=[score.model_dump(mode="json")])
    assert chain(shelf / "tiny-cascade", "tiny-vocals", "tiny") == again, "nothing was exchanged"


def test_a_new_cascade_says_what_follows_from_its_stages(tiny_cascade: Model) -> None:
    assert tiny_cascade.targets == TARGETS
    assert tiny_cascade.licence == "MIT"
    assert tiny_cascade.description == "tiny-vocals takes the vocals off, tiny splits the rest."
    text = (tiny_cascade.folder / "model.yaml").read_text()
    assert "architecture" not in text
    assert tiny_cascade.sha256 not in text, "it follows from those of the stages"


def test_segments_suit_both_stages(shelf: Path) -> None:
    described(shelf / "tiny", segment_s=2.0, overlap_s=0.4)
    assert chain(shelf / "one", "tiny-vocals", "tiny").overlap_s is None, "of one it is not known"
    described(shelf / "tiny-vocals", segment_s=5.0, overlap_s=0.7)
    both = chain(shelf / "both", "tiny-vocals", "tiny")
    assert (both.segment_s, both.overlap_s) == (5.0, 0.7)


def test_what_both_stages_ask_of_users_is_said_once(shelf: Path) -> None:
    for name in ("tiny-vocals", "tiny"):
        described(shelf / name, notice="ask the choir")
    assert chain(shelf / "new", "tiny-vocals", "tiny").notice == "ask the choir"


def test_stages_that_do_not_fit_are_refused(shelf: Path) -> None:
    for first, second, message in (
        ("tiny", "tiny-vocals", "other of its stages would be lost"),
        ("tiny-cascade", "tiny", "its stage tiny-cascade is a cascade"),
        ("nowhere", "tiny", "no model is called 'nowhere'"),
    ):
        with pytest.raises(ModelError, match=message):
            chain(shelf / "new", first, second)
        assert not (shelf / "new").exists()
    with pytest.raises(ModelError, match="is a separator, expected a cascade"):
        chain(shelf / "tiny", "tiny-vocals", "tiny")
    with pytest.raises(ModelError, match="is a cascade of tiny-vocals and tiny, expected one of"):
        load_network(read_model(shelf / "tiny-cascade"))
    described(shelf / "tiny-vocals", sample_rate=48000)
    with pytest.raises(ModelError, match="48000 Hz, expected one network of 44100 Hz"):
        networks_of(read_model(shelf / "tiny-cascade"))
    with pytest.raises(ModelError, match="wiener: a cascade has no estimates of its own"):
        described(shelf / "tiny-cascade", wiener=[{"share": 0.4, "from_hz": 500}])
    with pytest.raises(ModelError, match="1 stages, expected 2 of a cascade"):
        described(shelf / "tiny-cascade", stages=[{"name": "tiny", "sha256": "0" * 64}], wiener=[])


def test_a_cascade_of_another_machine_is_found_by_its_name(
    tiny_cascade: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tiny_cascade.model_copy(update={"folder": tmp_path / "elsewhere"})
    monkeypatch.setenv("LIBSEP_MODELS", str(tiny_cascade.folder.parent))
    assert located(elsewhere) == tiny_cascade
    assert located(tiny_cascade) is tiny_cascade
