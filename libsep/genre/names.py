"""The names of genres, as folders of models, ledger rows and reports have them."""

from typing import get_args

from libsep.config import AnyGenre, Genre

GENRES: tuple[Genre, ...] = get_args(Genre)
"""All genres, in the order of a classifier's outputs."""

GENERIC: AnyGenre = "generic"
"""Genre of a track of which nothing better is known, and name of the model that fits all."""

NOTHING = "none"
"""What a label stands for that says nothing about the sound: ``Other``, ``Podcast``."""
