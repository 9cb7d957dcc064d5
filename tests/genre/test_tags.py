"""Genre tags with several values, and what is told about them."""

import pytest

from libsep.genre.tags import judge, labels_of, parts_of


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (("17",), ("Rock",)),
        (("(17)",), ("Rock",)),
        (("(4)Eurodisco",), ("Disco", "Eurodisco")),
        (("(51)(39)",), ("Techno-Industrial", "Noise")),
        (("(RX)", "(CR)"), ("Remix", "Cover")),
        (("17\x0035",), ("Rock", "House")),
        (("  Deep \n House ",), ("Deep House",)),
        (("Rock", "rock", "Rock"), ("Rock", "rock")),
        (("", " ", "\x00"), ()),
        (("999",), ("999",)),
    ],
)
def test_numbers_codes_and_several_values_become_labels(
    values: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    assert labels_of(values) == labels


def test_a_label_is_split_where_people_split_it() -> None:
    assert parts_of("House / Techno;Dance, Pop|Rock\\Ska、Folk") == (
        "House", "Techno", "Dance", "Pop", "Rock", "Ska", "Folk",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "genre", "reason"),
    [
        (("Deep House",), "electronic", 'tag "Deep House"'),
        (("House", "Techno"), "electronic", 'tags "House", "Techno"'),
        (("Rock", "Other"), "rock", 'tags "Rock", "Other"'),
        (("Pop", "House", "Techno"), "electronic",
         'tags "Pop", "House", "Techno" (2 of 3)'),
        (("Jazz", "Rock"), "jazz", 'tags "Jazz", "Rock" (the first of equals)'),
        (("Rock/House/Techno",), "electronic", 'tag "Rock/House/Techno" (2 of 3)'),
        (("Jazz", "Rock", "Rock", "Pop"), "jazz",
         'tags "Jazz", "Rock", "Pop" (the first of equals)'),
        ((), None, "no genre tag"),
        (("Other", "Unknown"), None, 'tags "Other", "Unknown" say nothing'),
        (("Xyzzy",), None, 'tag "Xyzzy": no known genre'),
        (("a\x1b[31mb",), None, 'tag "a?[31mb": no known genre'),
        (("x" * 99,), None, f'tag "{"x" * 40}": no known genre'),
        (tuple("abcdef"), None, 'tags "a", "b", "c", "d", …: no known genre'),
    ],
)  # fmt: skip
def test_several_values_vote_and_the_reason_says_how(
    values: tuple[str, ...], genre: str | None, reason: str
) -> None:
    verdict = judge(values)
    assert (verdict.genre, verdict.reason) == (genre, reason)
