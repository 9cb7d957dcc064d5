"""The user's own table: what it matches, and errors that name the line."""

from pathlib import Path

import pytest

from libsep.errors import ConfigError
from libsep.genre.user_table import load_user_table


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def found(path: Path, text: str, *labels: str) -> tuple[str | None, str | None] | None:
    match = load_user_table(write(path / "genres.yaml", text)).find(labels)
    return None if match is None else (match[0].genre, match[0].model)


def test_a_label_is_matched_without_case_accents_and_hyphens(tmp_path: Path) -> None:
    assert found(tmp_path, "Müsli-Beat: jazz", "musli beat") == ("jazz", None)
    assert found(tmp_path, "Müsli-Beat: jazz", "musli") is None


def test_an_expression_is_searched_without_case(tmp_path: Path) -> None:
    text = r"/\b(schranz|tekk)\b/: electronic"
    assert found(tmp_path, text, "Hard TEKK") == ("electronic", None)
    assert found(tmp_path, text, "Hardtekk") is None


def test_a_line_may_choose_a_model(tmp_path: Path) -> None:
    text = "A: {model: scnet}\nB: {genre: rock, model: ./mine}\n"
    assert found(tmp_path, text, "a") == (None, "scnet")
    assert found(tmp_path, text, "b") == ("rock", "./mine")


def test_the_first_line_that_matches_a_label_or_a_part_of_one_counts(tmp_path: Path) -> None:
    text = "/house/: pop\nDeep House: jazz\nHouse: rock\n"
    assert found(tmp_path, text, "Deep House") == ("pop", None)
    assert found(tmp_path, "Ska: jazz\nHouse: rock", "Pop/House") == ("rock", None)
    assert found(tmp_path, "House: rock\nSka: jazz", "Ska", "House") == ("rock", None)


def test_a_label_that_says_nothing_decides_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, "Gym: none\n/.*/: pop", "Gym") == ("pop", None)
    table = load_user_table(tmp_path / "genres.yaml")
    assert table.ignores("gym")
    assert not table.ignores("Pop")


def test_an_empty_table_is_allowed(tmp_path: Path) -> None:
    assert found(tmp_path, "# nothing\n", "House") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A: rock\nB: polka", r"genres\.yaml, line 2: 'polka' is no genre, there are: electronic"),
        ("A: rock\n\n/(/: rock", r"line 3: '\(' is no regular expression: missing \)"),
        ("A: rock\nA: pop", r"line 2: 'A' stands here for the second time"),
        ("- A", r"line 1: expected a mapping of labels to genres"),
        ("A: rock\nB: [rock]", r"line 2: expected a genre, or a mapping"),
        ("A: {gerne: rock}", r"line 1: expected a genre, or a mapping"),
        ("A: {genre: [rock]}", r"line 1: expected a genre, or a mapping"),
        ("A:\n", r"line 1: expected a genre, or a mapping"),
        ("A: {genre: none, model: x}", r"line 1: a label that says nothing cannot"),
        ("? [a, b]\n: rock", r"line 1: expected a label or a /regular expression/"),
        ("//: rock", r"line 1: expected an expression of 1 to 200 characters"),
        (f"/{'a' * 201}/: rock", r"line 1: expected an expression of 1 to 200 characters"),
        ("A: [", "cannot be read as YAML"),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_user_table(write(tmp_path / "genres.yaml", text))


@pytest.mark.parametrize(
    "expression", ["(a+)+$", "(a|aa)+$", "((a*)b)*", r"(?:x|[)\]]y{2,})*", "(.*){3,}"]
)
def test_an_expression_that_could_take_for_ever_is_refused(tmp_path: Path, expression: str) -> None:
    with pytest.raises(ConfigError, match="line 1: a repeated group"):
        load_user_table(write(tmp_path / "genres.yaml", f"'/{expression}/': rock"))


@pytest.mark.parametrize("expression", ["(deep|tech) house", r"(\(a\)){2}", "[(a+)+]", "(ab)+c?"])
def test_a_harmless_expression_is_allowed(tmp_path: Path, expression: str) -> None:
    load_user_table(write(tmp_path / "genres.yaml", f"'/{expression}/': rock"))


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_user_table(tmp_path / "none.yaml")


def test_the_shipped_example_loads_and_says_what_its_comment_says() -> None:
    table = load_user_table(Path(__file__).parents[2] / "configs" / "genres.yaml")
    match = table.find(("Hard Tekk",))
    assert match is not None
    assert match[0].genre == "electronic"
    assert table.ignores("Gym")
