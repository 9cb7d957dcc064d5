"""One part of a tag that is far too large costs itself, by its name, and nothing else."""

import base64
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mutagen import id3
from mutagen.apev2 import BINARY, APEValue
from mutagen.flac import FLAC, Picture
from mutagen.mp4 import MP4
from mutagen.wavpack import WavPack

from libsep.media.tags import read_header, read_tags, write_tags
from libsep.media.tags.collect import MAX_VALUE_CHARS

HUGE = "x" * (MAX_VALUE_CHARS + 1)
NOISE = os.urandom(600_000)


def _chapter(number: int) -> Any:
    picture = id3.APIC(encoding=0, mime="image/jpeg", type=0, desc="", data=NOISE)
    name = id3.TIT2(encoding=3, text=f"Track {number}")
    return id3.CHAP(
        element_id=f"c{number}", start_time=0, end_time=1, start_offset=0, end_offset=0,
        sub_frames=[name, picture],
    )  # fmt: skip


_LONG = ("Mine of 1048577 ch", "COMM of 1048577 ch", "frame TXXX:Mine of", "frame COMM of")
CASES = {
    "CHAP": ([_chapter(0), _chapter(1)], "chapters (2) have no place in a stem file: dropped"),
    "TXXX": ([id3.TXXX(encoding=3, desc="Mine", text=HUGE)], _LONG),
    "TXXX of 16 bit": (
        [id3.TXXX(encoding=1, desc="Mine", text=HUGE * 3)], "frame TXXX:Mine of 629147",
    ),
    "PRIV": ([id3.PRIV(owner="notes", data=NOISE)], "private data (PRIV:notes) has no place"),
    "GEOB": (
        [id3.GEOB(mime="a/b", desc="notes", data=NOISE * 10)],
        "an attached object (GEOB:notes) has no place",
    ),
    "COMM": ([id3.COMM(encoding=3, lang="eng", desc="", text=HUGE)], _LONG),
    "USLT": ([id3.USLT(encoding=3, lang="eng", desc="", text=HUGE * 5)], "frame USLT of "),
    "UFID": ([id3.UFID(owner="http://a", data=NOISE)], "an identifier (UFID:http://a) has"),
}  # fmt: skip


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("name", CASES)
def test_a_huge_frame_costs_only_itself(
    name: str, version: int, audio: Callable[[str], Path], encoded: Path, picture: Any
) -> None:
    frames, sentence = CASES[name]
    path, tag = audio("mp3"), id3.ID3()
    tag.add(id3.TIT2(encoding=3, text="Títle"))
    for frame in frames:
        tag.add(frame)
    tag.add(id3.TKEY(text="Am"))
    tag.add(id3.TBPM(text="127.98"))
    tag.add(id3.TCON(text="House"))
    tag.add(id3.APIC(encoding=0, mime="image/jpeg", type=3, desc="", data=picture("JPEG")))
    tag.save(path, v2_version=version)
    losses = write_tags(encoded, read_tags(path))
    assert [loss.startswith(sentence) for loss in losses] == [True], losses
    atoms = MP4(encoded).tags
    assert (atoms["©nam"], atoms["©gen"], atoms["tmpo"]) == (["Títle"], ["House"], [128])
    assert bytes(atoms["----:com.apple.iTunes:initialkey"][0]) == b"Am"
    assert [bytes(data) for data in atoms["covr"]] == [picture("JPEG")]
    header = read_header(path)
    assert (header.genres, header.title) == (("House",), "Títle")
    assert header.duration_s == pytest.approx(0.3, abs=0.1)


def test_a_picture_block_in_a_text_frame_is_a_cover(
    audio: Callable[[str], Path], encoded: Path, picture: Any
) -> None:
    block = Picture()
    block.type, block.mime, block.data = 3, "image/jpeg", picture("JPEG") + NOISE[:400_000]
    path, tag = audio("mp3"), id3.ID3()
    text = base64.b64encode(block.write()).decode()
    tag.add(id3.TXXX(encoding=3, desc="METADATA_BLOCK_PICTURE", text=text))
    tag.save(path)
    assert write_tags(encoded, read_tags(path)) == ()
    assert [bytes(data) for data in MP4(encoded).tags["covr"]] == [block.data]


def test_a_huge_comment_of_a_flac_costs_only_itself(
    audio: Callable[[str], Path], encoded: Path
) -> None:
    file = FLAC(audio("flac"))
    file.tags["TITLE"], file.tags["MINE"], file.tags["GENRE"] = "Títle", HUGE * 4, "House"
    file.save()
    losses = write_tags(encoded, read_tags(Path(file.filename)))
    assert losses == ("MINE of 4194308 characters: dropped",)
    assert MP4(encoded).tags["©gen"] == ["House"]


def test_a_huge_atom_costs_only_itself(audio: Callable[[str], Path], encoded: Path) -> None:
    file = MP4(audio("m4a"))
    if file.tags is None:
        file.add_tags()
    file.tags["----:com.example:mine"] = [HUGE.encode()]
    file.tags["----:com.example:bytes"] = [NOISE * 2]
    file.tags["©nam"], file.tags["©gen"] = ["Títle"], ["House"]
    file.save()
    losses = write_tags(encoded, read_tags(Path(file.filename)))
    assert losses == (
        "----:com.example:mine of 1048577 characters: dropped",
        "----:com.example:bytes of 1200000 bytes: dropped, too long",
    )
    assert MP4(encoded).tags["©gen"] == ["House"]


def test_huge_items_of_apev2_cost_only_themselves(
    audio: Callable[[str], Path], encoded: Path
) -> None:
    file = WavPack(audio("wv"))
    file.add_tags()
    file.tags["Title"], file.tags["Mine"], file.tags["Genre"] = "Títle", HUGE, "House"
    file.tags["Data"] = APEValue(NOISE, BINARY)
    file.tags["Larger"] = APEValue(bytes(65 << 20), BINARY)
    file.save()
    losses = write_tags(encoded, read_tags(Path(file.filename)))
    assert sorted(loss.split(":")[0] for loss in losses) == [
        "Data of 600000 bytes has no place in MP4", "Larger of 68157440 bytes",
        "MINE of 1048577 characters",
    ]  # fmt: skip
    assert MP4(encoded).tags["©gen"] == ["House"]


def test_a_frame_that_cannot_be_read_costs_only_itself(audio: Callable[[str], Path]) -> None:
    tag, path = id3.ID3(), audio("mp3")
    tag.add(id3.TIT2(encoding=3, text="Títle"))
    tag.add(id3.TPE1(encoding=3, text="Künstler"))
    buffer = io.BytesIO()
    tag.save(buffer, padding=lambda info: 0)
    broken = (
        b"POPM" + bytes([0, 0, 0, 1, 0, 0]) + b"x" + b"RGAD" + bytes([0, 0, 0, 2, 0, 0]) + b"ab"
    )
    body = broken + buffer.getvalue()[10:]
    path.write_bytes(b"ID3\4\0\0\0\0\0" + bytes([len(body)]) + body + path.read_bytes())
    tags = read_tags(path)
    assert (tags.fields["title"], tags.fields["artist"]) == (("Títle",), ("Künstler",))
    assert any("RGAD" in problem for problem in tags.problems)
