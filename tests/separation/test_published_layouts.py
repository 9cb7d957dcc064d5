"""Every public model goes the whole way once: a server, pull, card, and the stems of music."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from libsep.separation.catalogue import CatalogueEntry, read_catalogue
from libsep.separation.pull import pull
from libsep.separation.registry import find_model
from libsep.separation.separator import Separator

from .file_server import serving
from .published_layouts import published_file


@pytest.mark.slow
@pytest.mark.parametrize("entry", read_catalogue(), ids=lambda entry: entry.name)
def test_a_checkpoint_in_its_published_layout_is_pulled_and_separates(
    entry: CatalogueEntry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("LIBSEP_MODELS", str(tmp_path))
    content = published_file(entry, entry.files[0])
    known = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    with serving(content) as server:  # several files of a model differ in their names only
        files = tuple(
            file.model_copy(update=known | {"url": server.url(f"whole/{file.name}")})
            for file in entry.files
        )
        model = pull(entry.model_copy(update={"files": files}))
    assert find_model(entry.name) == model
    card = (model.folder / "README.md").read_text()
    for text in (entry.name, entry.licence, entry.notice, *(file.url for file in files)):
        assert text in card
    for score in entry.published:
        assert score.test_set in card
    mixture = np.random.default_rng(1).normal(scale=0.1, size=(1, 2, 44100)).astype(np.float32)
    estimates = Separator(model, device="cpu", precision="float32").separate(mixture)
    assert estimates.shape == (1, len(entry.targets), 2, 44100)
    np.testing.assert_allclose(estimates.sum(axis=1), mixture, atol=1e-4)
