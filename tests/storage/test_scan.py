"""A library in a store: what is a track, and its header without the rest of it."""

from collections.abc import Callable
from pathlib import Path

import mutagen
import pytest

from libsep.config import ScanConfig, StorageConfig
from libsep.errors import TransferError
from libsep.library.demo.files import example_stem_file
from libsep.library.headers import read_headers
from libsep.library.reasons import LeftOut, Reason
from libsep.library.walk import Problem, Walk, log_left_out
from libsep.storage.partial import BLOCK_BYTES, copy_header
from libsep.storage.scan import scan_store
from libsep.storage.store import Store
from libsep.track import FoundFile, Outcome

from ..conftest import tone
from .conftest import S3Server


@pytest.fixture
def scan(
    store_of: Callable[[str], Store], storage: StorageConfig
) -> Callable[..., tuple[list[FoundFile], list[Problem]]]:
    """Return a function that scans a library in the bucket, and gives its tracks and problems."""

    def scan_library(
        prefix: str = "music",
        known: dict[str, Outcome] | None = None,
        beside: str | None = None,
        config: ScanConfig | None = None,
        on_left_out: Callable[[LeftOut], None] = log_left_out,
    ) -> tuple[list[FoundFile], list[Problem]]:
        problems: list[Problem] = []
        found = scan_store(
            store_of(prefix),
            config or ScanConfig(),
            storage,
            known=known or {},
            on_problem=problems.append,
            on_left_out=on_left_out,
            beside=beside,
        )
        return list(found), problems

    return scan_library


def test_the_same_objects_are_tracks_in_the_same_order_as_the_files_of_a_folder(
    s3: S3Server, scan: Callable[..., tuple[list[FoundFile], list[Problem]]], tmp_path: Path
) -> None:
    names = [
        "z.mp3", "a/b/deep.flac", "a/z.ogg", "a b/1.mp3", "B.WAV", ".hidden.mp3", ".git/x.mp3",
        "@eaDir/x.mp3", "@eaDir/y.mp3", "done.stem.mp4", "Done.STEM.M4A", "notes.txt", "noext",
        "Podcasts/p.mp3", "三/ü.m4a", "#1 100%.mp3",
    ]  # fmt: skip
    for name in names:
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no audio")
        s3.put(f"music/{name}", b"no audio")
    config = ScanConfig(exclude=("Podcasts/*",))
    walk = Walk(tmp_path / "music", extensions=config.extensions, exclude=config.exclude)
    expected = [file.source for file in walk]
    assert len(expected) == 8
    there: list[LeftOut] = []
    found, problems = scan(config=config, on_left_out=there.append)
    assert [file.source for file in found] == expected
    assert problems == []
    here: list[LeftOut] = []
    list(
        Walk(
            tmp_path / "music",
            extensions=config.extensions,
            exclude=config.exclude,
            on_left_out=here.append,
        )
    )
    in_order = [
        sorted((str(each.path), each.reason, each.what) for each in left_out)
        for left_out in (there, here)
    ]
    assert in_order[0] == in_order[1]
    assert len(there) == 7


def test_objects_whose_names_cannot_be_paths_are_told_and_left_out(
    s3: S3Server, scan: Callable[..., tuple[list[FoundFile], list[Problem]]]
) -> None:
    for key in ("music/good.mp3", "music/../up.mp3", "music//twice.mp3"):
        s3.put(key, b"no audio")
    left_out: list[LeftOut] = []
    found, problems = scan(on_left_out=left_out.append)
    assert [file.source for file in found] == [Path("good.mp3")]
    assert len(problems) == 2
    assert [each.reason for each in left_out] == [Reason.UNREADABLE] * 2


def test_an_output_inside_the_library_is_left_out(
    s3: S3Server, scan: Callable[..., tuple[list[FoundFile], list[Problem]]]
) -> None:
    s3.put("music/a.mp3", b"no audio")
    s3.put("music/stems/b.mp3", b"no audio")
    s3.put("music/stems too/c.mp3", b"no audio")
    found, _ = scan(beside="stems")
    assert [file.source for file in found] == [Path("a.mp3"), Path("stems too/c.mp3")]


def test_a_library_that_is_not_there_is_an_error_and_not_an_empty_one(
    scan: Callable[..., tuple[list[FoundFile], list[Problem]]],
) -> None:
    with pytest.raises(TransferError, match="there is nothing; is the name right"):
        scan("musik")


FORMATS = {
    "one.mp3": (),
    "two.flac": (),
    "three.ogg": ("-c:a", "libvorbis"),
    "four.m4a": (),
    "five.wav": (),
    "six.aiff": (),
    "seven.opus": (),
    "eight.webm": (),
}


def test_headers_are_those_of_the_whole_files_without_downloading_them(
    s3: S3Server,
    scan: Callable[..., tuple[list[FoundFile], list[Problem]]],
    encode: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetched: dict[str, int] = {}
    original = Store.read_range

    def counted(self: Store, name: str, start: int, n_bytes: int) -> bytes:
        data = original(self, name, start, n_bytes)
        fetched[name] = fetched.get(name, 0) + len(data)
        return data

    monkeypatch.setattr(Store, "read_range", counted)
    signal = tone(440.0, 8.0)
    expected = {}
    for name, options in FORMATS.items():
        path = encode(name, signal, *options)
        if name.endswith((".mp3", ".flac", ".ogg", ".m4a")):
            file = mutagen.File(path, easy=True)
            file["genre"] = "Techno"
            file.save()
        (expected[name],) = read_headers([path])
        s3.put_file(f"music/{name}", path)
    found, _ = scan()
    assert {str(each.source): (each.duration_s, each.genres) for each in found} == {
        name: (header.duration_s, tuple(header.genres)) for name, header in expected.items()
    }
    assert [header.genres for header in expected.values()].count(("Techno",)) == 4
    for name in ("five.wav", "six.aiff"):
        assert s3.sizes()[f"music/{name}"] > 10 * BLOCK_BYTES
        assert fetched[name] <= 4 * BLOCK_BYTES, "far less than the whole: its begin and its end"


def test_what_the_ledger_knows_is_not_read_again(
    s3: S3Server,
    scan: Callable[..., tuple[list[FoundFile], list[Problem]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    s3.put("music/a.mp3", b"no audio")
    ((file,), _) = scan()
    row = Outcome(
        source="a.mp3", output="a", status="done", duration_s=61.5, tag_genres=("Jazz",),
        size_bytes=file.size_bytes, mtime_ns=file.mtime_ns,
    )  # fmt: skip
    monkeypatch.setattr(Store, "read_range", None)
    ((known,), _) = scan(known={"a.mp3": row})
    assert (known.duration_s, known.genres) == (61.5, ("Jazz",))


def test_a_stem_file_under_another_name_and_a_track_without_extension_are_found_out(
    s3: S3Server,
    scan: Callable[..., tuple[list[FoundFile], list[Problem]]],
    encode: Callable[..., Path],
) -> None:
    s3.put_file("music/renamed.m4a", example_stem_file())
    s3.put_file("music/noext", encode("x.flac", tone(440.0, 1.0)))
    s3.put("music/text", b"no audio")
    found, _ = scan()
    assert [(str(file.source), file.duration_s) for file in found] == [("noext", 1.0)]


def test_a_header_copy_holds_the_same_bytes_where_it_was_read(
    s3: S3Server, store_of: Callable[[str], Store], encode: Callable[..., Path], tmp_path: Path
) -> None:
    path = encode("long.wav", tone(440.0, 8.0))
    s3.put_file("music/long.wav", path)
    store = store_of("music")
    found = store.find("long.wav")
    assert found is not None
    copy_header(store, found, tmp_path / "copy.wav")
    whole, copy = path.read_bytes(), (tmp_path / "copy.wav").read_bytes()
    assert len(copy) == len(whole)
    assert copy[:BLOCK_BYTES] == whole[:BLOCK_BYTES]
    assert copy[-BLOCK_BYTES:] == whole[-BLOCK_BYTES:]
    middle = len(whole) // 2
    assert copy[middle : middle + 4096] == bytes(4096)


def test_an_object_that_vanishes_before_its_header_is_read_is_a_failed_transfer(
    s3: S3Server, store_of: Callable[[str], Store], tmp_path: Path
) -> None:
    s3.put("music/gone.mp3", b"no audio")
    store = store_of("music")
    found = store.find("gone.mp3")
    assert found is not None
    store.delete("gone.mp3")
    with pytest.raises(TransferError, match="no such object"):
        copy_header(store, found, tmp_path / "copy.mp3")
