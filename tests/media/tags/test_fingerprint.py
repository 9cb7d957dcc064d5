"""The atom that says where a stem file came from, and what tagging leaves alone."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from mutagen.mp4 import MP4

from libsep.errors import TagError
from libsep.media.stems import MANIFEST, read_manifest
from libsep.media.tags import (
    Fingerprint,
    Picture,
    Tags,
    read_fingerprint,
    read_tags,
    tags_digest,
    write_fingerprint,
    write_tags,
)
from libsep.track import path_to_text

FINGERPRINT = Fingerprint(
    source=path_to_text(Path("House/Åsa – 電気\udcff.flac")),
    audio_sha256="a" * 64,
    tags_sha256="b" * 64,
    model="electronic-1",
    model_sha256="c" * 64,
    config_sha256="d" * 64,
    size_bytes=12_345_678_901,
    mtime_ns=1_700_000_000_123_456_789,
    duration_s=245.25,
    genre="electronic",
    run="20261120-101500",
    classifier_sha256="e" * 64,
    genre_probabilities={"electronic": 0.75, "pop": 0.25},
    heard_tags=("techno", "ambient"),
)


def packets(path: Path) -> list[str]:
    """Return one hash for the packets of each audio stream, with their times."""
    with av.open(str(path)) as container:
        hashes = [hashlib.sha256() for _ in container.streams.audio]
        for packet in container.demux(*container.streams.audio):
            hashes[packet.stream.index].update(f"{packet.pts} {packet.size}".encode())
            hashes[packet.stream.index].update(bytes(packet))
    return [hash_.hexdigest() for hash_ in hashes]


def test_fingerprint_and_tags_are_one_save(encoded: Path) -> None:
    write_tags(encoded, Tags(fields={"title": ("t",)}), fingerprint=FINGERPRINT)
    assert read_fingerprint(encoded) == FINGERPRINT
    assert read_tags(encoded).fields == {"title": ("t",)}
    assert read_tags(encoded).extras == {}


def test_a_fingerprint_can_be_replaced_alone(stem_file: Path) -> None:
    write_tags(stem_file, Tags(fields={"title": ("t",)}), fingerprint=FINGERPRINT)
    newer = dataclasses.replace(FINGERPRINT, mtime_ns=1, duration_s=1.0)
    write_fingerprint(stem_file, newer)
    assert read_fingerprint(stem_file) == newer
    assert read_tags(stem_file).fields == {"title": ("t",)}


def test_tags_without_a_fingerprint_keep_the_old_one(stem_file: Path) -> None:
    write_tags(stem_file, Tags(), fingerprint=FINGERPRINT)
    write_tags(stem_file, Tags(fields={"title": ("t",)}))
    assert read_fingerprint(stem_file) == FINGERPRINT


@pytest.mark.parametrize(
    "text", [b"", b"no json", b"[]", b'{"source":"a"}', b"\xff", b"[" * 100_000]
)
def test_a_fingerprint_that_cannot_be_understood_is_none(text: bytes, stem_file: Path) -> None:
    file = MP4(stem_file)
    if file.tags is None:
        file.add_tags()
    file.tags["----:org.libsep:fingerprint"] = [text]
    file.save()
    assert read_fingerprint(stem_file) is None


def test_a_fingerprint_of_an_older_version_does_not_know_what_was_heard(stem_file: Path) -> None:
    stored = json.loads(FINGERPRINT.to_json())
    unknown = dataclasses.replace(
        FINGERPRINT, classifier_sha256="", genre_probabilities={}, heard_tags=()
    )
    for name in ("classifier_sha256", "genre_probabilities", "heard_tags"):
        del stored[name]
    write_fingerprint(stem_file, FINGERPRINT)
    file = MP4(stem_file)
    file.tags["----:org.libsep:fingerprint"] = [json.dumps(stored).encode()]
    file.save()
    assert read_fingerprint(stem_file) == unknown


def test_files_without_a_fingerprint(stem_file: Path, tmp_path: Path) -> None:
    assert read_fingerprint(stem_file) is None
    text = tmp_path / "text.mp4"
    text.write_text("no MP4")
    for read in (read_fingerprint, lambda path: write_fingerprint(path, FINGERPRINT)):
        with pytest.raises(TagError, match=r"text\.mp4"):
            read(text)


@pytest.mark.parametrize("which", ["encoded", "stem_file"])
def test_tagging_again_keeps_audio_and_stem_atom(
    which: str, request: pytest.FixtureRequest, rich: Callable[[str], Path]
) -> None:
    path: Path = request.getfixturevalue(which)
    audio, manifest = packets(path), read_manifest(path)
    tags = read_tags(rich("flac"))
    cover = b"\x89PNG\r\n\x1a\n" + bytes(100)
    large = dataclasses.replace(
        tags, extras={"BIG": ("x" * 3_000_000,)}, pictures=(Picture(data=cover),)
    )
    for step in (tags, large, Tags(), tags):
        write_tags(path, step, fingerprint=FINGERPRINT)
        assert packets(path) == audio
        assert read_manifest(path) == manifest
    assert manifest == (MANIFEST if which == "stem_file" else None)
    with av.open(str(path)) as container:
        assert [stream.index for stream in container.streams.audio] == [0, 1, 2, 3, 4]


def test_tagging_again_leaves_nothing_old(stem_file: Path, rich: Callable[[str], Path]) -> None:
    write_tags(stem_file, read_tags(rich("flac")), fingerprint=FINGERPRINT)
    write_tags(stem_file, Tags(fields={"title": ("new",)}), fingerprint=FINGERPRINT)
    tags = read_tags(stem_file)
    assert tags == Tags(fields={"title": ("new",)})
    assert tags_digest(tags) == tags_digest(Tags(fields={"title": ("new",)}))


def test_what_other_programs_keep_in_a_stem_file_stays(stem_file: Path) -> None:
    write_tags(stem_file, Tags(fields={"title": ("t",)}))
    file = MP4(stem_file)
    file.tags["----:com.serato.dj:markersv2"] = [b"cues of the user"]
    file.tags["----:com.example:note"] = [b"note"]
    file.tags["----:com.apple.iTunes:MOOD"] = [b"old"]
    file.save()
    write_tags(stem_file, Tags(fields={"title": ("new",)}))
    atoms = MP4(stem_file).tags
    assert bytes(atoms["----:com.serato.dj:markersv2"][0]) == b"cues of the user"
    assert bytes(atoms["----:com.example:note"][0]) == b"note"
    assert "----:com.apple.iTunes:MOOD" not in atoms
    write_tags(stem_file, Tags(serato={"beatgrid": b"from the source"}))
    atoms = MP4(stem_file).tags
    assert "----:com.serato.dj:markersv2" not in atoms
    assert bytes(atoms["----:com.serato.dj:beatgrid"][0]) == b"from the source"


def test_the_offsets_of_a_large_cover_are_right(stem_file: Path, rng: np.random.Generator) -> None:
    before = packets(stem_file)
    buffer = rng.integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()
    write_tags(stem_file, Tags(extras={"A": (buffer.hex()[:3_000_000],)}))
    assert packets(stem_file) == before
