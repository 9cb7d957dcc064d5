"""The table of genres: everything that ID3 numbers, what people write, and what is a trap."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.id3 import TCON

from libsep.genre import table as table_module
from libsep.genre.names import GENRES, NOTHING
from libsep.genre.table import fold, key, table
from libsep.genre.tags import judge, labels_of

CONTENT = json.loads(Path(table_module.__file__).with_name("genres.json").read_text("utf-8"))


@pytest.mark.parametrize("number", range(192))
def test_each_of_the_192_genres_of_id3_is_known_by_name_and_number(number: int) -> None:
    name, genre = CONTENT["id3"][number]
    assert key(TCON.GENRES[number]) == key(name)
    expected = None if genre == NOTHING else genre
    for value in (name, name.upper(), str(number), f"({number})"):
        assert judge((value,)).genre == expected


def test_the_table_has_no_label_that_its_other_parts_contradict() -> None:
    for genre, labels in CONTENT["labels"].items():
        assert genre in (*GENRES, NOTHING)
        assert [label for label in labels if table().find(label) != genre] == []


def test_the_classes_of_id3_are_as_many_as_counted() -> None:
    classes = [genre for _, genre in CONTENT["id3"]]
    counted = {genre: classes.count(genre) for genre in (*GENRES, NOTHING)}
    assert counted == {
        "electronic": 50, "rock": 48, "pop": 37, "acoustic": 24, "hiphop": 12, "jazz": 11,
        "none": 10,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("label", "genre"),
    [
        ("film score", "acoustic"),
        ("Dancehall", "hiphop"),
        ("R&B", "hiphop"),
        ("R'n'B", "hiphop"),
        ("drum'n'bass", "electronic"),
        ("drum’n’bass", "electronic"),
        ("Drum and Bass", "electronic"),
        ("D&B", "electronic"),
        ("emotional ballad", None),
        ("Encore", None),
        ("Trip-Hop", "electronic"),
        ("trip hop beats", "electronic"),
        ("hip hop beats", "hiphop"),
        ("Electro Swing", "electronic"),
        ("Electroacoustic", "acoustic"),
        ("Deep House", "electronic"),
        ("garage rock revival", "rock"),
        ("Barockmusik aus Dresden", "acoustic"),
        ("Symphonischer Barock", "acoustic"),
        ("Indie Folk", "rock"),
        ("Hardcore", "electronic"),
        ("melodic hardcore", "rock"),
        ("warehouse", "electronic"),
        ("Hip-Hop/Rap", "hiphop"),
        ("R&B/Soul", "hiphop"),
        ("Techno (Peak Time / Driving)", "electronic"),
        ("Disco", "pop"),
        ("Nu Disco / Disco", "electronic"),
        ("Folk, World, & Country", "acoustic"),
    ],
)
def test_the_traps_of_free_text(label: str, genre: str | None) -> None:
    assert judge((label,)).genre == genre


@pytest.mark.parametrize(
    ("label", "genre"),
    [
        ("Klassische Musik", "acoustic"),
        ("Elektronische Tanzmusik", "electronic"),
        ("Deutschrap", "hiphop"),
        ("Volkstümlicher Schlager", "acoustic"),
        ("Musique électronique", "electronic"),
        ("Variété française", "pop"),
        ("musique classique du XXe siècle", "acoustic"),
        ("Música clásica", "acoustic"),
        ("MUSICA CLASICA", "acoustic"),
        ("Música electrónica", "electronic"),
        ("Colonna sonora", "acoustic"),
        ("Musica elettronica d'ambiente", "electronic"),
        ("Música eletrônica", "electronic"),
        ("Música Popular Brasileira", "pop"),
        ("Klassieke muziek", "acoustic"),
        ("Muzyka elektroniczna", "electronic"),
        ("Polski hip-hop", "hiphop"),
        ("Русский рок", "rock"),
        ("Барокко", "acoustic"),
        ("Электронная музыка", "electronic"),
        ("танцевальная электроника", "electronic"),
        ("Рэп и хип-хоп", "hiphop"),
        ("J-ロック", "rock"),
        ("ヒップホップ", "hiphop"),
        ("トリップホップ", "electronic"),
        ("クラシック音楽", "acoustic"),
        ("ﾛｯｸ", "rock"),
        ("발라드", "pop"),
        ("랩/힙합", "hiphop"),
        ("华语流行", "pop"),
        ("电子舞曲", "electronic"),
    ],
)
def test_words_of_other_languages(label: str, genre: str) -> None:
    assert judge((label,)).genre == genre


@pytest.mark.parametrize(
    "label",
    ["Other", "unknown", "<Unknown>", "Genre", "Sonstige", "Inconnu", "Другое", "その他", "기타",
     "255", "1999", "80s", "80er", "-", "???", "Podcast", "Hörbuch", "(RX)", "generic"],
)  # fmt: skip
def test_labels_that_say_nothing_count_as_missing(label: str) -> None:
    verdict = judge((label,))
    assert verdict.genre is None
    assert verdict.reason.endswith("says nothing")


def test_case_accents_and_typography_do_not_matter() -> None:
    assert fold("  Música\tCLÁSICA ") == "musica clasica"
    assert key("Hip‐Hop") == key("hip hop") == key("HipHop") == "hiphop"
    assert fold("й") == "й"  # a Cyrillic letter is no letter with a mark
    assert fold("ポップ") == "ポップ"


@given(st.text())
def test_any_text_has_a_verdict(text: str) -> None:
    verdict = judge((text, text[::-1]))
    assert verdict.genre is None or verdict.genre in GENRES
    assert all(char.isprintable() for char in verdict.reason)
    assert len(verdict.reason) < 300


@given(st.text(alphabet="()0123456789RXC/;, &'-ab\x00\n", max_size=300))
def test_any_text_near_the_grammar_of_tags_has_a_verdict(text: str) -> None:
    assert judge((text,)).genre in (None, *GENRES)
    assert all(label == label.strip() and label for label in labels_of((text,)))


def test_a_tag_of_a_megabyte_takes_no_time() -> None:
    assert judge(("drum " * 200_000,)).genre is None
    assert judge(tuple(f"label {n}" for n in range(100_000))).genre is None
