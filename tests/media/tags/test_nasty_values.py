"""Values as they lie in real libraries; each one may cost itself, never its neighbours."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mutagen import id3
from mutagen.flac import FLAC
from mutagen.id3 import ID3
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus

from libsep.media.tags import Tags, read_tags, write_tags

FREEFORM = "----:com.apple.iTunes:"


def written(path: Path, tags: Tags) -> tuple[Any, tuple[str, ...]]:
    """Return the raw atoms of a file after writing ``tags``, and what was lost."""
    losses = write_tags(path, tags)
    return MP4(path).tags, losses


def text(atoms: Any, key: str) -> str:
    return bytes(atoms[FREEFORM + key][0]).decode()


@pytest.mark.parametrize(
    ("value", "rounded", "exact"),
    [("127.95", 128, "127.95"), ("128 bpm", 128, "128"), ("127,4", 127, "127.4"),
     ("130.000000", 130, "130"),
     ("~ 90.00", 90, "90"), ("174", 174, "174")],
)  # fmt: skip
def test_a_tempo_is_written_rounded_and_exactly(
    value: str, rounded: int, exact: str, encoded: Path
) -> None:
    atoms, losses = written(encoded, Tags(fields={"bpm": (value,), "title": ("t",)}))
    assert (atoms["tmpo"], text(atoms, "BPM"), losses) == ([rounded], exact, ())


@pytest.mark.parametrize(("value", "n_losses"), [("abc", 1), ("999999", 1), ("0", 0), ("0.00", 0)])
def test_a_tempo_that_is_none_costs_only_itself(value: str, n_losses: int, encoded: Path) -> None:
    atoms, losses = written(encoded, Tags(fields={"bpm": (value,), "title": ("t",)}))
    assert "tmpo" not in atoms
    assert FREEFORM + "BPM" not in atoms
    assert atoms["©nam"] == ["t"]
    assert len(losses) == n_losses
    assert all(value in loss for loss in losses)


@pytest.mark.parametrize(
    ("value", "pair"),
    [("3/12", (3, 12)), ("03", (3, 0)), ("3 of 12", (3, 12)), ("/12", (0, 12)), ("3/", None),
     ("A1", None), ("70000", None), ("-1", None), ("1-03", None), ("３", (3, 0))],
)  # fmt: skip
def test_a_position_is_two_numbers_or_stays_text(
    value: str, pair: tuple[int, int] | None, audio: Callable[[str], Path], encoded: Path
) -> None:
    source = FLAC(audio("flac"))
    source.tags["TRACKNUMBER"], source.tags["TITLE"] = value, "t"
    source.save()
    atoms, losses = written(encoded, read_tags(Path(source.filename)))
    assert atoms["©nam"] == ["t"]
    if pair is None:
        assert "trkn" not in atoms
        assert text(atoms, "TRACKNUMBER") == value
        assert losses == (f'TRACKNUMBER "{value}" is no number: kept as text only',)
    else:
        assert (atoms["trkn"], losses) == ([pair], ())


@pytest.mark.parametrize("total_key", ["TRACKTOTAL", "TOTALTRACKS"])
def test_the_total_of_tracks_comes_from_either_comment(
    total_key: str, audio: Callable[[str], Path], encoded: Path
) -> None:
    source = FLAC(audio("flac"))
    source.tags["TRACKNUMBER"], source.tags[total_key] = "3", "12"
    source.save()
    assert written(encoded, read_tags(Path(source.filename)))[0]["trkn"] == [(3, 12)]


def _save_id3(path: Path, *frames: Any, version: int = 4) -> Path:
    tags = ID3()
    for frame in frames:
        tags.add(frame)
    if version == 3:
        tags.update_to_v23()
    tags.save(path, v1=0, v2_version=version, v23_sep=None)
    return path


@pytest.mark.parametrize(
    ("frames", "version", "date"),
    [([("TDRC", "2019")], 4, "2019"), ([("TDRC", "2019-05-01T10:20:30")], 4, "2019-05-01T10:20:30"),
     ([("TYER", "2019"), ("TDAT", "0105")], 3, "2019-05-01"), ([("TYER", "2019")], 3, "2019")],
)  # fmt: skip
def test_dates_keep_all_they_say(
    frames: list[tuple[str, str]], version: int, date: str, audio: Callable[[str], Path]
) -> None:
    made = [getattr(id3, name)(encoding=0, text=value) for name, value in frames]
    tags = read_tags(_save_id3(audio("mp3"), *made, version=version))
    assert tags.fields["date"] == (date,)


def test_a_date_that_is_none_is_reported(audio: Callable[[str], Path]) -> None:
    path = _save_id3(audio("mp3"), id3.TIT2(text="t"))
    data = path.read_bytes()
    frame = b"TDRC" + struct.pack(">IH", 5, 0) + b"\x03soon"
    tag_size = 10 + len(frame) + 14
    head = b"ID3\4\0\0\0\0" + bytes([(tag_size - 10) >> 7, (tag_size - 10) & 0x7F])
    title = b"TIT2" + struct.pack(">IH", 2, 0) + b"\x03t"
    path.write_bytes(head + frame + title + bytes(tag_size - 10 - len(frame) - len(title)) + data)
    tags = read_tags(path)
    assert tags.fields == {"title": ("t",)}
    assert tags.problems == ("TDRC is no date: dropped",)


@pytest.mark.parametrize(
    ("value", "genres"),
    [("(17)", ("Rock",)), ("17", ("Rock",)), ("(4)Eurodisco", ("Disco", "Eurodisco")),
     ("(31)(39)", ("Trance", "Noise")), ("(RX)", ("Remix",)), ("303", ("303",)),
     ("((foo)", ("(foo)",)), ("80s", ("80s",)), ("House\0Techno\0House", ("House", "Techno"))],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["mp3", "flac"])
def test_genres_come_by_name(
    value: str, genres: tuple[str, ...], ending: str, audio: Callable[[str], Path]
) -> None:
    path = audio(ending)
    if ending == "mp3":
        _save_id3(path, id3.TCON(encoding=3, text=value.split("\0")))
    else:
        file = FLAC(path)
        file.tags["GENRE"] = value
        file.save()
    assert read_tags(path).fields["genre"] == genres


def test_private_comments_vanish_and_described_ones_are_kept(audio: Callable[[str], Path]) -> None:
    path = _save_id3(
        audio("mp3"),
        id3.COMM(lang="eng", desc="ID3v1 Comment", text="a long comm"),
        id3.COMM(lang="eng", desc="Songs-DB_Custom1", text="warm-up"),
        id3.COMM(lang="eng", desc="Songs-DB_Occasion", text="a long"),  # as the comment begins
        id3.COMM(lang="eng", desc="iTunPGAP", text="0"),
        id3.COMM(lang="eng", desc="", text="a long comment"),
        id3.COMM(lang="deu", desc="", text="zweiter"),
        id3.COMM(lang="eng", desc="c0", text="other"),
    )
    tags = read_tags(path)
    assert sorted(tags.fields["comment"]) == ["a long comment", "zweiter"]
    assert tags.extras == {
        "COMMENT:c0": ("other",),
        "COMMENT:Songs-DB_Custom1": ("warm-up",),
        "COMMENT:Songs-DB_Occasion": ("a long",),
    }
    assert tags.problems == ()


def test_a_field_of_mediamonkey_is_not_the_comment_and_goes_into_the_stem_file(
    audio: Callable[[str], Path], encoded: Path
) -> None:
    frame = id3.COMM(lang="eng", desc="Songs-DB_Custom1", text="warm-up")
    tags = read_tags(_save_id3(audio("mp3"), frame))
    assert "comment" not in tags.fields
    atoms, losses = written(encoded, tags)
    assert losses == ()
    assert text(atoms, "COMMENT:Songs-DB_Custom1") == "warm-up"
    again = read_tags(encoded)
    assert list(again.extras.values()) == [("warm-up",)]
    assert again.problems == ()


def test_what_traktor_keeps_in_a_comment_is_named(audio: Callable[[str], Path]) -> None:
    file = FLAC(audio("flac"))
    file.tags["TRAKTOR4"] = "VFJ LVA"
    file.save()
    tags = read_tags(Path(file.filename))
    assert tags.extras == {}
    assert tags.problems == ("private data (TRAKTOR4) has no place in MP4: dropped",)


def test_empty_values_and_control_characters_do_no_harm(
    audio: Callable[[str], Path], encoded: Path
) -> None:
    file = FLAC(audio("flac"))
    huge = "comment 🎧 " * 100_000
    texts = {
        "TITLE": "", "ARTIST": ["", " "], "ALBUM": "a\0b\0", "COMMENT": huge, "GENRE": "  ",
        "BPM": "", "MY = KEY"[:2]: "x", "MOOD": "שלום 👩‍🎤",
    }  # fmt: skip
    for key, value in texts.items():
        file.tags[key] = value
    file.save()
    tags = read_tags(Path(file.filename))
    atoms, losses = written(encoded, tags)
    assert losses == ()
    assert sorted(tags.fields) == ["album", "comment", "mood"]
    assert (atoms["©alb"], atoms["©cmt"]) == (["a", "b"], [huge])
    assert text(atoms, "MOOD") == "שלום 👩‍🎤"


def test_opus_gains_become_replaygain(audio: Callable[[str], Path], encoded: Path) -> None:
    file = OggOpus(audio("opus"))
    file.tags["R128_TRACK_GAIN"], file.tags["R128_ALBUM_GAIN"] = "-2944", "none"
    file.save()
    tags = read_tags(Path(file.filename))
    atoms, losses = written(encoded, tags)
    assert text(atoms, "replaygain_track_gain") == "-6.50 dB"
    assert losses == ('R128_ALBUM_GAIN "none" is no number: dropped',)


@pytest.mark.parametrize(
    ("owner", "value", "rating"),
    [("traktor@native-instruments.de", 51, 20), ("traktor@native-instruments.de", 255, 100),
     ("Windows Media Player 9 Series", 1, 20), ("Windows Media Player 9 Series", 64, 40),
     ("no@email", 128, 60), ("no@email", 196, 80), ("x", 255, 100), ("x", 0, None)],
)  # fmt: skip
def test_popularimeters_become_per_cent(
    owner: str, value: int, rating: int | None, audio: Callable[[str], Path]
) -> None:
    path = _save_id3(audio("mp3"), id3.POPM(email=owner, rating=value), id3.TIT2(text="t"))
    assert read_tags(path).rating == rating


@pytest.mark.parametrize(
    ("key", "value", "rating"),
    [("RATING", "4", 80), ("RATING", "80", 80), ("RATING", "204", 80), ("FMPS_RATING", "0.8", 80),
     ("RATING:me@x", "1.0", 100), ("RATING WMP", "153", 60), ("RATING", "", None),
     ("RATING", "abc", None)],
)  # fmt: skip
def test_ratings_in_comments_become_per_cent(
    key: str, value: str, rating: int | None, audio: Callable[[str], Path]
) -> None:
    file = FLAC(audio("flac"))
    file.tags[key] = value
    file.save()
    assert read_tags(Path(file.filename)).rating == rating


def test_what_has_no_place_is_listed(audio: Callable[[str], Path], encoded: Path) -> None:
    path = _save_id3(
        audio("mp3"),
        id3.TIT2(text="t"),
        id3.GEOB(desc="notes.txt", mime="text/plain", data=b"x"),
        id3.UFID(owner="http://example.org", data=b"1"),
        id3.APIC(mime="-->", type=3, desc="", data=b"http://example.org/a.jpg"),
        id3.PRIV(owner="TRAKTOR4", data=b"x"),
        id3.PCNT(count=3),
        id3.WOAR(url="http://example.org/me"),
        id3.TIPL(people=[["producer", "P"], ["mix", "M"]]),
        id3.TMCL(people=[["guitar", "G"]]),
        id3.RVA2(desc="track", channel=1, gain=-6.5, peak=0.9),
    )
    atoms, losses = written(encoded, read_tags(path))
    assert sorted(losses) == [
        "a picture is only a link to another file: dropped",
        "an attached object (GEOB:notes.txt) has no place in MP4: dropped",
        "an identifier (UFID:http://example.org) has no place in MP4: dropped",
        "private data (PRIV:TRAKTOR4) has no place in MP4: dropped",
    ]
    people = [text(atoms, key) for key in ("PRODUCER", "MIXER", "PERFORMER")]
    assert people == ["P", "M", "G (guitar)"]
    assert text(atoms, "replaygain_track_gain") == "-6.50 dB"
    assert text(atoms, "WEBSITE") == "http://example.org/me"


def test_fields_of_two_names_keep_what_differs(audio: Callable[[str], Path]) -> None:
    file = FLAC(audio("flac"))
    texts = {"LABEL": "A", "PUBLISHER": "B", "ORGANIZATION": "a", "DATE": "2019-05-01",
             "YEAR": "2019", "custom Key": "v"}  # fmt: skip
    for key, value in texts.items():
        file.tags[key] = value
    file.save()
    tags = read_tags(Path(file.filename))
    assert tags.fields == {"date": ("2019-05-01",), "label": ("A",)}
    assert tags.extras == {"CUSTOM KEY": ("v",), "PUBLISHER": ("B",)}


def test_atoms_of_other_programs_are_carried_and_shop_atoms_are_not(
    audio: Callable[[str], Path], encoded: Path
) -> None:
    file = MP4(audio("m4a"))
    file.add_tags() if file.tags is None else None
    file.tags["----:com.example:thing"] = [b"kept"]
    file.tags["desc"], file.tags["©mvn"], file.tags["rtng"] = ["about"], ["Allegro"], [1]
    file.tags["apID"], file.tags["purd"] = ["me@example.org"], ["2019-01-01"]
    file.save()
    atoms, losses = written(encoded, read_tags(Path(file.filename)))
    assert losses == ()
    assert bytes(atoms["----:com.example:thing"][0]) == b"kept"
    assert (atoms["desc"], atoms["©mvn"], atoms["rtng"]) == (["about"], ["Allegro"], [1])
    assert not {"apID", "purd"} & set(atoms)


@pytest.mark.parametrize("ending", ["mp3", "m4a", "flac"])
@pytest.mark.parametrize(
    ("key", "value", "rating"),
    [("RATING", "4", 80), ("rating", "75", 75), ("FMPS_Rating", "0.8", 80),
     ("RATING WMP", "204,0", 80), ("RATING", "good", None)],
)  # fmt: skip
def test_a_rating_as_text_counts_in_every_format(
    ending: str, key: str, value: str, rating: int | None, audio: Callable[[str], Path]
) -> None:
    """As foobar2000, Strawberry and Mp3tag write it."""
    path = audio(ending)
    if ending == "mp3":
        tag = ID3()
        tag.add(id3.TXXX(encoding=3, desc=key, text=value))
        tag.save(path)
    else:
        file = MP4(path) if ending == "m4a" else FLAC(path)
        file[FREEFORM + key if ending == "m4a" else key] = [
            value.encode() if ending == "m4a" else value
        ]
        file.save()
    assert read_tags(path).rating == rating
