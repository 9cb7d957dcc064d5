from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from libsep.config import SeparationConfig
from libsep.errors import ConfigError
from libsep.evaluation.evaluate import Plan
from libsep.evaluation.plots import (
    COLOURS,
    draw_genres,
    draw_routing,
    draw_targets,
    write_files,
)
from libsep.evaluation.report import Report
from libsep.evaluation.results import Row
from libsep.evaluation.routing import RoutingLine

from .conftest import result

LINE = RoutingLine(
    genre="rock", n_songs=2, routed_to=("m",), generic_db=1.0, routed_db=2.0, oracle_db=3.0,
    oracle_models={"m": 2},
)  # fmt: skip


@pytest.fixture
def rows() -> list[Row]:
    results = [
        result("a", "rock", {"m": {"drums": 1.0, "bass": 3.0}, "mixture/4": {"drums": -1.0}}),
        result("b", "jazz", {"m": {"drums": 2.0, "bass": None}, "mixture/4": {"drums": 0.0}}),
    ]
    return [row for found in results for row in found.rows]


def bars(axes: Axes) -> dict[str, list[float]]:
    """Return the heights of the bars by the series that the legend names."""
    handles, labels = axes.get_legend_handles_labels()
    colours = {
        handle[0].get_facecolor(): label for handle, label in zip(handles, labels, strict=True)
    }
    found: dict[str, list[float]] = {label: [] for label in labels}
    for patch in axes.patches:
        found[colours[patch.get_facecolor()]].append(round(patch.get_height(), 3))
    return found


def groups(figure: Figure) -> list[str]:
    return [label.get_text() for label in figure.axes[0].get_xticklabels()]


def test_targets_have_bars_for_means_and_dots_for_songs(rows: list[Row]) -> None:
    figure = draw_targets(rows)
    (axes,) = figure.axes
    assert groups(figure) == ["drums", "bass", "mean"]
    assert bars(axes) == {"m": [1.5, 3.0, 2.25], "mixture/4": [-0.5, -0.5]}
    dots = [tuple(line.get_ydata()) for line in axes.lines if line.get_marker() == "o"]
    assert dots == [(1.0, 2.0), (3.0,), (2.0, 2.0), (-1.0, 0.0), (-1.0, 0.0)]
    drums = axes.lines[0].get_xdata()
    assert np.ptp(drums) > 0.1
    assert axes.get_ylabel() == "uSDR [dB]"


def test_genres_are_named_with_how_many_songs_they_have(rows: list[Row]) -> None:
    figure = draw_genres(rows)
    assert groups(figure) == ["jazz\n1 song", "rock\n1 song"]
    assert bars(figure.axes[0])["m"] == [2.0, 2.0]


def test_routing_has_three_bars_for_each_genre() -> None:
    figure = draw_routing([LINE])
    assert groups(figure) == ["rock\n2 songs"]
    assert bars(figure.axes[0]) == {"generic": [1.0], "routed": [2.0], "oracle": [3.0]}


def test_no_two_of_the_first_seven_models_look_alike() -> None:
    assert len(set(COLOURS)) == len(COLOURS) == 7


def test_files_are_written_into_a_new_folder(tmp_path: Path, rows: list[Row]) -> None:
    results = [result("a", "rock", {"m": {"drums": 1.0}})]
    report = Report(
        plan=Plan(models={}, separation=SeparationConfig()), results=results, routing=[LINE]
    )
    folder = tmp_path / "new" / "folder"
    write_files(report, folder)
    names = ["genres.png", "results.csv", "results.json", "routing.png", "targets.png"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert (folder / "results.csv").read_text().splitlines()[1].startswith("m,a,rock,drums,1.0,0.5")
    with Image.open(folder / "targets.png") as picture:
        assert picture.width > 600
        assert len(picture.convert("L").getcolors(256) or []) > 5


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, rows: list[Row]) -> None:
    (tmp_path / "file").write_text("in the way")
    report = Report(plan=Plan(models={}, separation=SeparationConfig()), results=[])
    with pytest.raises(ConfigError, match=r"file/results\.json: results folder cannot be made"):
        write_files(report, tmp_path / "file")
