"""From tags to genres, worked out by hand."""

import pytest

from libsep.genre.tag_table import genre_shares, strongest, weights_of

TABLE = {"rock": {"rock": 1.0, "metal": 2.0}, "jazz": {"jazz": 4.0, "rock": 0.5}}
TAGS = {"rock": 0.5, "sad": 0.9, "metal": 0.25, "jazz": 0.0625}


def test_shares_are_weighted_sums_to_a_power() -> None:
    # rock 0.5 + 2 × 0.25 = 1, jazz 4 × 0.0625 + 0.5 × 0.5 = 0.5
    assert genre_shares(TAGS, TABLE) == pytest.approx({"rock": 2 / 3, "jazz": 1 / 3})
    assert genre_shares(TAGS, TABLE, 0.5) == pytest.approx({"rock": 0.8, "jazz": 0.2})


def test_only_tags_that_speak_for_a_genre_are_told_the_likeliest_first() -> None:
    assert strongest(TAGS, TABLE) == ("rock", "metal", "jazz")
    assert strongest(TAGS | {"jazz": 0.3}, TABLE) == ("rock", "jazz", "metal")


def test_a_table_as_a_matrix_has_a_row_for_each_genre_and_a_column_for_each_tag() -> None:
    assert weights_of(TABLE, [*TAGS]).tolist() == [[1.0, 0.0, 2.0, 0.0], [0.5, 0.0, 0.0, 4.0]]
