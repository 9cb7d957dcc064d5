"""``libsep run`` with genres: what goes to which model, why, and what a change converts again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from libsep.genre.description import StoredClassifier
from libsep.ledger import FOLDER, Ledger
from libsep.separation.registry import Model

pytestmark = [pytest.mark.ray, pytest.mark.slow]


@pytest.fixture
def genres(tmp_path: Path, encode: Callable[..., Path], rng: np.random.Generator) -> Path:
    """Return a library of a techno track, a rock track, and one without any tag."""
    folder = tmp_path / "music"
    folder.mkdir()
    noise = (0.1 * rng.standard_normal((2, 3 * 44100))).astype(np.float32)
    for name, genre in (("club", "Techno"), ("band", "Hard Rock"), ("nobody", "")):
        options = ("-metadata", f"genre={genre}") if genre else ()
        encode(f"{name}.flac", noise, *options).rename(folder / f"{name}.flac")
    return folder


@pytest.fixture
def routed(
    tmp_path: Path, tiny_model: Model, other_model: Model, tiny_classifier: StoredClassifier
) -> Callable[..., Path]:
    """Return a function that writes a configuration with some routing."""

    def write(**routing: object) -> Path:
        values = {
            "separation": {"model": str(tiny_model.folder), "segment_s": 2.0, "overlap_s": 0.5},
            "routing": {
                "listen": False,
                "models": {"electronic": str(other_model.folder)},
                **routing,
            },
            "run": {"separators": 2, "tracks_in_flight": 2, "min_free_bytes": 0},
        }
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(values))
        return path

    return write


def by_genre(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(row["genre"], row["model"]) for row in rows}


def test_each_genre_goes_to_its_model_and_a_change_converts_only_what_it_concerns(
    libsep: Callable[..., Any],
    genres: Path,
    routed: Callable[..., Path],
    tmp_path: Path,
    other_model: Model,
    tiny_classifier: StoredClassifier,
) -> None:
    stems = tmp_path / "stems"
    config = routed()
    planned = libsep("run", genres, stems, "--config", config, "--dry-run", "--json")
    expected = {("electronic", "other"), ("rock", "tiny"), ("generic", "tiny")}
    assert by_genre(planned.json["genres"]) == expected
    assert any("Hard Rock" in reason for row in planned.json["genres"] for reason in row["reasons"])
    told = libsep("run", genres, stems, "--config", config, "--dry-run")
    assert "Techno" in told.out
    assert "electronic" in told.out

    first = libsep("run", genres, stems, "--config", config)
    assert first.code == 0, first.err
    lines = first.err.splitlines()
    assert any(line.startswith("models: ") and "other × 1" in line for line in lines), first.err
    assert "speed of a track" in first.out
    status = libsep("status", stems, "--json")
    assert by_genre(status.json["genres"]) == expected
    assert all(row["times_real_time"] > 0 for row in status.json["genres"])

    # Rock gets another model, and the untagged track is listened to: its model stays the same.
    hears = {"listen": True, "classifier": str(tiny_classifier.folder), "threshold": 1.0}
    models = {name: str(other_model.folder) for name in ("electronic", "rock")}
    config = routed(models=models, **hears)
    second = libsep("run", genres, stems, "--config", config, "--json")
    assert second.code == 0, second.err
    counts = (second.json["n_converted"], second.json["n_skipped"], second.json["n_up_to_date"])
    assert counts == (1, 1, 1)
    rows = Ledger(stems / FOLDER).latest()
    assert (rows["band.flac"].model, rows["band.flac"].action) == ("other", "convert")
    heard = rows["nobody.flac"]
    assert (heard.status, heard.classifier_sha256) == ("skipped", tiny_classifier.sha256)
    assert sum(heard.genre_probabilities.values()) == pytest.approx(1.0)

    third = libsep("run", genres, stems, "--config", config)
    assert "nothing to do: 3 up to date" in third.out, third.out


def test_a_genre_or_a_model_can_be_given_for_every_track(
    libsep: Callable[..., Any], genres: Path, routed: Callable[..., Path], other_model: Model
) -> None:
    options = ("run", genres, genres / "stems", "--config", routed(), "--dry-run", "--json")
    one_genre = libsep(*options, "--genre", "electronic")
    assert by_genre(one_genre.json["genres"]) == {("electronic", "other")}
    one_model = libsep(*options, "--model", other_model.folder)
    assert by_genre(one_model.json["genres"]) == {("generic", "other")}
    both = libsep(*options, "--model", other_model.folder, "--genre", "jazz")
    assert by_genre(both.json["genres"]) == {("jazz", "other")}
    wrong = libsep(*options, "--genre", "polka")
    assert wrong.code == 2
    assert "polka" in wrong.err
