"""Pictures show the letters that some font has, and no boxes for the others."""

import io

import numpy as np
import pytest
from matplotlib import get_data_path
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from PIL import Image

from libsep.media.lettering import lettering

ONLY_IN_STIX = "\u2a04"
"""A sign that matplotlib's own font lacks; another one that comes with matplotlib has it."""


def drawn(text: str) -> np.ndarray:
    """Return the pixels of a text; matplotlib warns of letters that no font has, as an error."""
    with lettering(text) as legible:
        figure = Figure(figsize=(3, 1))
        figure.text(0.1, 0.5, legible(text))
        figure.savefig(file := io.BytesIO(), format="png")
    return np.asarray(Image.open(file))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Größe [x] $1 $2", "Größe [x] $1 $2"),
        ("Ａｂ\t夏 a", "Ab?? a"),
        (f"{ONLY_IN_STIX} 夏", f"{ONLY_IN_STIX} ?"),
        ("\U000f1234", "?"),
        ("two\nlines", "two\nlines"),
        ("", ""),
    ],
)
def test_letters_are_shown_in_any_font_or_simpler(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = [font for font in fontManager.ttflist if font.fname.startswith(get_data_path())]
    monkeypatch.setattr(fontManager, "ttflist", brought)  # what else is installed may have letters
    with lettering(text) as legible:
        assert legible(text) == shown
    drawn(text)


def test_a_sign_of_another_font_is_drawn() -> None:
    assert (drawn(ONLY_IN_STIX) != drawn("?")).any()
    assert (drawn("$a$") != drawn("a")).any()
