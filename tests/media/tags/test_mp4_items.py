"""Atoms of MP4 files of every type and in every place, through our reader and writer."""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from mediafile import MediaFile
from mutagen.flac import FLAC
from mutagen.mp4 import MP4, MP4FreeForm

from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.tags import Tags, read_header, read_tags, tags_digest, write_tags
from libsep.media.tags.record import RawValue

from .conftest import make_audio

FREEFORM = "----:com.apple.iTunes:"


def atom(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def data(value: bytes, kind: int = 1) -> bytes:
    return atom(b"data", struct.pack(">II", kind, 0), value)


def freeform(name: str, *values: bytes) -> bytes:
    mean = atom(b"mean", bytes(4), b"com.apple.iTunes")
    return atom(b"----", mean, atom(b"name", bytes(4), name.encode()), *values)


def meta(*items: bytes, handler: bytes = b"mdir", keys: bytes = b"", is_full: bool = True) -> bytes:
    hdlr = atom(b"hdlr", bytes(8), handler, bytes(13))
    return atom(b"meta", bytes(4 * is_full), hdlr, keys, atom(b"ilst", *items))


def keys(*names: str) -> bytes:
    entries = (atom(b"mdta", name.encode()) for name in names)
    return atom(b"keys", struct.pack(">II", 0, len(names)), *entries)


@pytest.fixture
def m4a(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes an M4A with these atoms in ``moov`` and no other tags."""

    def make(*in_moov: bytes) -> Path:
        path = make_audio(tmp_path / "a.m4a", "-c:a", "aac")
        whole = path.read_bytes()
        start = whole.rindex(b"moov") - 4
        moov = whole[start:]
        old = moov.index(b"udta") - 4  # ffmpeg writes it last
        path.write_bytes(whole[:start] + atom(b"moov", moov[8:old], *in_moov))
        return path

    return make


def carried(source: Path, stem: Path) -> Any:
    """Return the atoms of a stem file, as mutagen reads them, after two rounds of writing."""
    assert write_tags(stem, read_tags(source)) == ()
    assert write_tags(stem, read_tags(source)) == ()
    assert read_tags(stem) == read_tags(source)
    return MP4(stem).tags


def test_numbers_stay_numbers_zero_included(audio: Callable[[str], Path], encoded: Path) -> None:
    path = audio("m4a")
    file = MP4(path)
    if file.tags is None:
        file.add_tags()
    numbers = {
        "©mvi": [2], "©mvc": [0], "shwm": [1], "stik": [1], "cnID": [-5], "plID": [1 << 40],
        "atID": [0], "geID": [17], "tvsn": [3], "tves": [0], "hdvd": [0], "rtng": [0],
        "tmpo": [128],
    }  # fmt: skip
    for key, value in numbers.items():
        file.tags[key] = value
    file.tags["cpil"], file.tags["pcst"] = False, True
    file.tags["trkn"], file.tags["disk"] = [(0, 12)], [(0, 0)]
    file.tags["©mvn"], file.tags["©wrk"] = ["Allegro"], ["Symphony"]
    file.save()
    atoms = carried(path, encoded)
    assert {key: atoms[key] for key in numbers} == numbers
    assert (atoms["cpil"], atoms["pcst"], atoms["trkn"]) == (False, True, [(0, 12)])
    assert (atoms["©mvn"], atoms["©wrk"], "disk" in atoms) == (["Allegro"], ["Symphony"], False)
    with av.open(str(encoded)) as container:
        assert container.metadata["rating"] == "0"
        assert [stream.type for stream in container.streams] == ["audio"] * 5


def test_unknown_atoms_keep_type_and_bytes(m4a: Callable[..., Path], encoded: Path) -> None:
    items = (
        atom(b"xynu", data(b"\0\0\0\0", 21)), atom(b"xybi", data(b"\xff\0\x80", 0)),
        atom(b"xyfl", data(struct.pack(">d", 1.5), 24)), atom(b"xytx", data("täxt".encode())),
        freeform("typed", data(b"\x07", 21)), freeform("bytes", data(b"\0\xfe\xff\x01", 0)),
        freeform("many", data(b"a"), data(b"b")), atom("©mvi".encode("latin-1"), data(b"3")),
        atom("©mvc".encode("latin-1"), data(b"\0\4", 22)), freeform("BPM", data(b"\x7f", 21)),
    )  # fmt: skip
    path = m4a(atom(b"udta", meta(*items)))
    atoms = carried(path, encoded)
    whole = encoded.read_bytes()
    for item in items[:3]:  # mutagen does not show them
        assert item in whole
    assert (atoms["xytx"], atoms["©mvi"], atoms["©mvc"]) == (["täxt"], [3], [4])
    assert atoms[FREEFORM + "typed"] == [MP4FreeForm(b"\x07", 21)]
    assert atoms[FREEFORM + "bytes"] == [MP4FreeForm(b"\0\xfe\xff\x01", 0)]
    assert [bytes(value) for value in atoms[FREEFORM + "many"]] == [b"a", b"b"]
    assert (atoms["tmpo"], bytes(atoms[FREEFORM + "BPM"][0])) == ([127], b"127")
    digest = tags_digest(read_tags(path))
    plain = m4a(atom(b"udta", meta(items[3])))
    assert tags_digest(read_tags(plain)) != digest
    write_tags(encoded, read_tags(plain))  # and what the source lost, the stem file loses
    assert items[0] not in encoded.read_bytes()


@pytest.mark.parametrize(
    ("kind", "value"),
    [(1, "Näme 🎧".encode()), (2, "Näme 🎧".encode("utf-16-be")), (2, "Näme 🎧".encode("utf-16")),
     (5, b"\xfe\xff" + "Näme 🎧".encode("utf-16-be")), (0, "Näme 🎧".encode()),
     (0, "Näme 🎧".encode("utf-16")), (2, "Näme 🎧".encode("utf-16-be") + b"\0")],
)  # fmt: skip
def test_text_of_every_type_has_its_right_value(
    kind: int, value: bytes, m4a: Callable[..., Path], encoded: Path
) -> None:
    title = atom("©nam".encode("latin-1"), data(value, kind))
    path = m4a(atom(b"udta", meta(title, freeform("Mine", data(value, kind)))))
    atoms = carried(path, encoded)
    assert (atoms["©nam"], bytes(atoms[FREEFORM + "Mine"][0]).decode()) == (["Näme 🎧"], "Näme 🎧")
    assert MediaFile(encoded).title == "Näme 🎧"


def test_text_in_an_old_encoding_is_read_as_such(m4a: Callable[..., Path]) -> None:
    title = atom("©nam".encode("latin-1"), data("Ä".encode("cp1252")))
    artist = atom("©ART".encode("latin-1"), data("電気".encode("shift_jis"), 3))
    fields = read_tags(m4a(atom(b"udta", meta(title, artist)))).fields
    assert (fields["title"], fields["artist"]) == (("Ä",), ("電気",))


def test_the_numbered_genre_gets_its_name(m4a: Callable[..., Path], encoded: Path) -> None:
    path = m4a(atom(b"udta", meta(atom(b"gnre", data(b"\0\x24", 0)))))
    assert carried(path, encoded)["©gen"] == ["House"]
    assert read_header(path).genres == ("House",)


@pytest.mark.parametrize("is_full", [True, False])
def test_named_items_of_quicktime_are_read(
    is_full: bool, m4a: Callable[..., Path], encoded: Path, picture: Callable[..., bytes]
) -> None:
    names = ("title", "artist", "album", "genre", "year", "artwork", "BPM", "software", "author")
    cover = picture("PNG")
    texts = ("Títle", "Künstler", "Album", "House", "2019", cover, "127.98", "Lavf", "Someone")
    items = [
        atom(struct.pack(">I", number), data(text, 14) if text is cover else data(text.encode()))
        for number, text in enumerate(texts, 1)
    ]
    named = keys(*(f"com.apple.quicktime.{name}" for name in names))
    path = m4a(meta(*items, handler=b"mdta", keys=named, is_full=is_full))
    assert read_header(path).genres == ("House",)
    atoms = carried(path, encoded)
    found = [atoms[key] for key in ("©nam", "©ART", "©alb", "©gen", "©day", "tmpo")]
    assert found == [["Títle"], ["Künstler"], ["Album"], ["House"], ["2019"], [128]]
    assert [bytes(data) for data in atoms["covr"]] == [cover]
    assert bytes(atoms[FREEFORM + "AUTHOR"][0]) == b"Someone"


def _3gpp(kind: bytes, text: bytes) -> bytes:
    return atom(kind, struct.pack(">IH", 0, 0x15C7), text)


def test_user_data_of_3gpp_and_quicktime_is_read(m4a: Callable[..., Path], encoded: Path) -> None:
    udta = (
        _3gpp(b"titl", "Títle\0".encode()), _3gpp(b"perf", b"\xfe\xff" + "Ü\0".encode("utf-16-be")),
        _3gpp(b"albm", b"Album\0\x03"), _3gpp(b"gnre", b"House\0"), _3gpp(b"auth", b"Writer\0"),
        atom(b"yrrc", struct.pack(">IH", 0, 2019)), _3gpp(b"cprt", b"2019 Me\0"),
        _3gpp(b"kywd", b"\2\4one\0\4two\0"),
        atom("©com".encode("latin-1"), struct.pack(">HH", 2, 0), b"\x80b"),
    )  # fmt: skip
    path = m4a(atom(b"udta", *udta, bytes(4)))
    atoms = carried(path, encoded)
    found = {key: atoms[key] for key in ("©nam", "©ART", "©alb", "©gen", "©day", "cprt", "©wrt")}
    assert found == {
        "©nam": ["Títle"], "©ART": ["Ü"], "©alb": ["Album"], "©gen": ["House"], "©day": ["2019"],
        "cprt": ["2019 Me"], "©wrt": ["Äb"],
    }  # fmt: skip
    assert bytes(atoms[FREEFORM + "KEYWORDS"][0]) == b"one, two"
    assert bytes(atoms[FREEFORM + "AUTHOR"][0]) == b"Writer"


def test_itunes_list_wins_and_the_others_fill_its_gaps(m4a: Callable[..., Path]) -> None:
    native = meta(atom("©nam".encode("latin-1"), data(b"Native")))
    named = meta(atom(b"\0\0\0\1", data(b"Named")), atom(b"\0\0\0\2", data(b"Artist")),
                 handler=b"mdta", keys=keys("title", "artist"))  # fmt: skip
    udta = atom(b"udta", _3gpp(b"titl", b"Old\0"), _3gpp(b"albm", b"Album\0"), native)
    fields = read_tags(m4a(named, udta)).fields
    assert (fields["title"], fields["artist"], fields["album"]) == (
        ("Native",),
        ("Artist",),
        ("Album",),
    )


@pytest.mark.parametrize(
    ("ending", "options"),
    [
        ("mov", ()),
        ("3gp", ()),
        ("mov", ("-movflags", "use_metadata_tags")),
        ("3g2", ()),
        ("ipod.m4a", ("-f", "ipod")),
    ],
)
def test_what_ffmpeg_writes_is_read(ending: str, options: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / f"a.{ending}"
    texts = ("title=Títle", "artist=Künstler", "genre=House", "album=Album")
    source = ["-f", "lavfi", "-i", "sine=440:duration=0.3"]
    named = [part for text in texts for part in ("-metadata", text)]
    command = [find_ffmpeg(), "-v", "error", *source, *named, "-c:a", "aac", *options, path]
    subprocess.run(command, check=True)
    fields = read_tags(path).fields
    found = [fields[name] for name in ("title", "artist", "genre", "album")]
    assert found == [("Títle",), ("Künstler",), ("House",), ("Album",)]
    assert read_header(path).genres == ("House",)


def test_an_atom_that_cannot_be_written_costs_only_itself(encoded: Path, stem_file: Path) -> None:
    tags = Tags(
        fields={"title": ("t",), "movement": ("99999999999",), "movement_total": ("four",)},
        extras={"desc": ("kept",), "©mvx": ("text",)},
        atoms={"rtng": (RawValue(b"\1", 21),), "desc": (RawValue(b"\1", 21),)},
    )
    for path in (encoded, stem_file):
        losses = write_tags(path, tags)
        atoms = MP4(path).tags
        assert (atoms["©nam"], atoms["desc"], atoms["rtng"]) == (["t"], ["kept"], [1])
        assert [loss.split(" ")[0] for loss in losses] == ["MOVEMENT", "MOVEMENTTOTAL", "desc"]
        assert all("dropped" in loss for loss in losses)


def test_movements_of_other_formats_become_numbers(
    audio: Callable[[str], Path], encoded: Path
) -> None:
    file = FLAC(audio("flac"))
    file.tags["MOVEMENT"], file.tags["MOVEMENTTOTAL"], file.tags["MOVEMENTNAME"] = (
        "0",
        "4",
        "Adagio",
    )
    file.save()
    assert write_tags(encoded, read_tags(Path(file.filename))) == ()
    atoms = MP4(encoded).tags
    assert (atoms["©mvi"], atoms["©mvc"], atoms["©mvn"]) == ([0], [4], ["Adagio"])


def test_a_damaged_item_costs_only_itself(m4a: Callable[..., Path]) -> None:
    title = atom("©nam".encode("latin-1"), data(b"Title"))
    broken = (
        atom(b"trkn", data(b"\0", 0)), atom(b"----", data(b"x")), atom(b"tmpo", data(b"fast")),
        atom(b"stik", data(b"music")), atom(b"gnre", data(b"\xff\xff", 0)), atom(b"covr"),
        atom(b"rate", data(b"")), atom(b"disk"), struct.pack(">I4s", 9999, b"cut "),
    )  # fmt: skip
    tags = read_tags(m4a(atom(b"udta", meta(title, *broken))))
    assert tags.fields["title"] == ("Title",)
    assert 'stik "music" is no number: dropped' in tags.problems
