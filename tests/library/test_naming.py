import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libsep.library.naming import Namer
from libsep.media.file_names import MAX_NAME_BYTES
from libsep.track import path_to_text


def outputs(*sources: str) -> list[str]:
    namer = Namer()
    return [namer.output_for(source) for source in sources]


def test_the_tree_and_the_bytes_of_the_names_are_kept() -> None:
    odd = os.fsdecode(b"\xff\n\\x41 \xe3\x81\x82")
    assert outputs("a/b/Track.flac", f"{odd}/{odd}.v2.MP3", "noext") == [
        "a/b/Track.stem.mp4",
        f"{odd}/{odd}.v2.stem.mp4",
        "noext.stem.mp4",
    ]


def test_the_later_of_two_sources_with_one_name_keeps_its_extension() -> None:
    assert outputs("x.flac", "x.mp3", "y/x.mp3") == [
        "x.stem.mp4",
        "x.mp3.stem.mp4",
        "y/x.stem.mp4",
    ]


def test_names_that_macos_or_windows_take_for_one_are_kept_apart() -> None:
    assert outputs("A/X.mp3", "a/x.mp3", "a/X.MP3", "é.mp3", "e\u0301.mp3", "ß.mp3", "SS.mp3") == [
        "A/X.stem.mp4",
        "a/x.mp3.stem.mp4",
        "a/X.MP3~02c2e1d2.stem.mp4",
        "é.stem.mp4",
        "e\u0301.mp3.stem.mp4",
        "ß.stem.mp4",
        "SS.mp3.stem.mp4",
    ]
    # One letter whose accents are written in another order, which lower case would tear apart.
    assert outputs("\u1fb4.mp3", "\u1fb3\u0301.mp3") == [
        "\u1fb4.stem.mp4",
        "\u1fb3\u0301.mp3.stem.mp4",
    ]


def test_a_folder_that_is_named_like_a_stem_file_does_not_collide_with_it() -> None:
    assert outputs("x.mp3", "X.STEM.MP4/y.mp3") == ["x.stem.mp4", "X.STEM.MP4~/y.stem.mp4"]


def test_a_long_name_is_cut_between_characters_and_stays_distinct() -> None:
    long = "あ" * 83
    first, second, third = outputs(f"{long}あ.mp3", f"{long}い.mp3", "k" * 246 + ".mp3")
    for name in (first, second):
        assert len(os.fsencode(name)) <= MAX_NAME_BYTES
        assert name.startswith("あ" * 70)
    assert first != second
    assert third == "k" * 246 + ".stem.mp4"


def test_names_given_in_earlier_runs_are_kept_and_stay_reserved() -> None:
    namer = Namer({"x.mp3": "x.stem.mp4", "gone.mp3": "gone.stem.mp4", "evil.mp3": "../e.stem.mp4"})
    assert namer.output_for("x.flac") == "x.flac.stem.mp4"
    assert namer.output_for("x.mp3") == "x.stem.mp4"
    assert namer.output_for("gone.flac") == "gone.flac.stem.mp4"
    assert namer.output_for("evil.mp3") == "evil.stem.mp4"


@pytest.mark.parametrize("source", ["/a.mp3", "../a.mp3", "a/../../b.mp3", ""])
def test_a_source_outside_the_library_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="inside the library"):
        Namer().output_for(source)


PARTS = st.text(
    st.sampled_from("aAéßs.\u0301") | st.characters(blacklist_characters="/\0"), min_size=1
)
SOURCES = st.lists(
    st.builds(
        lambda folders, name, ending: Path(*folders, name + ending),
        st.lists(PARTS.filter(lambda part: part not in (".", "..")), max_size=2),
        PARTS | st.text("あx", min_size=80, max_size=90),
        st.sampled_from([".mp3", ".flac", ".MP3", ""]),
    ).filter(lambda path: path.name not in ("", ".", "..")),
    unique=True,
    max_size=12,
)


@given(SOURCES)
def test_outputs_are_distinct_inside_and_the_same_in_the_next_run(sources: list[Path]) -> None:
    try:
        texts = [path_to_text(source) for source in sources]
        encoded = [os.fsencode(source) for source in sources]
    except UnicodeEncodeError:  # a surrogate that no file name has
        return
    assert len(set(texts)) == len(set(encoded)) == len(sources)
    namer = Namer()
    given_outputs = [Path(namer.output_for(os.fspath(source))) for source in sources]
    keys = {unicodedata.normalize("NFC", os.fspath(path)).casefold() for path in given_outputs}
    assert len(keys) == len(sources)
    for source, output in zip(sources, given_outputs, strict=True):
        assert len(os.fsencode(output.name)) <= max(MAX_NAME_BYTES, len(os.fsencode(source.name)))
        assert len(output.parts) == len(source.parts)
        assert ".." not in output.parts
    known = {text: path_to_text(output) for text, output in zip(texts, given_outputs, strict=True)}
    again = Namer(known)
    in_turn = [Path(again.output_for(os.fspath(source))) for source in reversed(sources)]
    assert in_turn == given_outputs[::-1]


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("01. Mr. Title", "01. Mr. Title.stem.mp4"),
        ("01 Dr.Dre", "01 Dr.Dre.stem.mp4"),
        ("track.mp3 ", "track.stem.mp4"),
        ("track.mp3.", "track.stem.mp4"),
        ("...And Justice.mp3", "...And Justice.stem.mp4"),
        (".mp3", ".mp3.stem.mp4"),
    ],
)
def test_only_the_extension_of_audio_is_taken_off(source: str, output: str) -> None:
    assert Namer().output_for(source) == output


def test_a_name_that_the_ledger_knows_from_elsewhere_stays_when_another_is_free() -> None:
    """As after a stem file was renamed by hand, and the ledger rebuilt from the stem files."""
    namer = Namer({"gone.mp3": "gone.stem.mp4", "a.mp3": "by hand.stem.mp4"})
    assert namer.output_instead_of("gone.mp3", "a.mp3") == "by hand.stem.mp4"


@pytest.mark.parametrize("gone", ["A.flac", "of the same name.mp3"])
def test_a_name_stays_if_what_has_gone_had_a_worse_one_or_none(gone: str) -> None:
    known = {"A.flac": "A.flac.stem.mp4", "of the same name.mp3": "A.flac.stem.mp4"}
    assert Namer(known).output_instead_of(gone, "a.flac") == "a.stem.mp4"
