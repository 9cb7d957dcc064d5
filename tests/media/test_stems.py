import json
import struct
from pathlib import Path

import numpy as np
import pytest

from libsep.errors import StemsError
from libsep.media.atoms import (
    Atom,
    chunk_offsets,
    header,
    read_atom,
    set_chunk_offsets,
    spans,
)
from libsep.media.encode import StemEncoder
from libsep.media.stems import (
    MANIFEST,
    finalise,
    is_stem_file,
    offset_tables,
    read_manifest,
    render_head,
)
from libsep.media.verify.container import read_container

# What the final file holds, written out by hand from the format's description.
MANIFEST_BYTES = (
    b'{"mastering_dsp": {"compressor": {"enabled": false, "ratio": 3, "output_gain": 0.5, '
    b'"release": 0.300000011920929, "attack": 0.003000000026077032, "input_gain": 0.5, '
    b'"threshold": 0, "hp_cutoff": 300, "dry_wet": 50}, "limiter": {"enabled": false, '
    b'"release": 0.05000000074505806, "threshold": 0, "ceiling": -0.3499999940395355}}, '
    b'"version": 1, "stems": [{"color": "#009E73", "name": "Drums"}, '
    b'{"color": "#D55E00", "name": "Bass"}, {"color": "#CC79A7", "name": "Other"}, '
    b'{"color": "#56B4E9", "name": "Vocals"}]}'
)


def moov_of(path: Path) -> Atom:
    with path.open("rb") as file:
        top = {span.kind: span for span in spans(file, 0, path.stat().st_size)}
        return read_atom(file, top[b"moov"])


@pytest.fixture(params=["aac_stem", "alac_stem"])
def stem(request: pytest.FixtureRequest) -> Path:
    """Return a finished stem file, once of each codec."""
    path: Path = request.getfixturevalue(request.param)
    return path


def test_the_top_level_is_ftyp_moov_free_mdat(stem) -> None:
    data = stem.read_bytes()
    with stem.open("rb") as file:
        kinds = [span.kind for span in spans(file, 0, len(data))]
    assert kinds == [b"ftyp", b"moov", b"free", b"mdat"]
    assert data[:32] == b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isomiso2"


def test_the_stem_atom_is_these_bytes(stem) -> None:
    assert len(MANIFEST_BYTES) == 507
    expected = struct.pack(">I4s", 515, b"stem") + MANIFEST_BYTES
    assert stem.read_bytes().count(expected) == 1
    assert [atom.payload for atom in moov_of(stem).all(b"udta", b"stem")] == [MANIFEST_BYTES]
    assert [child.kind for child in moov_of(stem).children][-1] == b"udta"


@pytest.mark.parametrize(("codec", "media_time"), [("aac", 2112), ("alac", 0)])
def test_all_edits_say_the_same(request, sources, codec, media_time) -> None:
    n_samples = sources.shape[2]
    moov = moov_of(request.getfixturevalue(f"{codec}_stem"))
    edits = [atom.payload for atom in moov.all(b"trak", b"edts", b"elst")]
    expected = struct.pack(">IIIiI", 0, 1, n_samples, media_time, 0x10000)
    assert edits == [expected] * 5
    durations = [atom.payload[12:20] for atom in moov.all(b"trak", b"mdia", b"mdhd")]
    assert durations == [struct.pack(">II", 44100, n_samples + media_time)] * 5
    assert moov.first(b"mvhd").payload[12:20] == struct.pack(">II", 44100, n_samples)


def test_only_the_master_is_enabled_and_no_track_has_alternatives(stem) -> None:
    headers = [atom.payload for atom in moov_of(stem).all(b"trak", b"tkhd")]
    assert [payload[:4] for payload in headers] == [b"\0\0\0\3"] + [b"\0\0\0\2"] * 4
    assert [payload[34:36] for payload in headers] == [b"\0\0"] * 5


def test_the_streams_carry_their_names(stem) -> None:
    handlers = [atom.payload for atom in moov_of(stem).all(b"trak", b"mdia", b"hdlr")]
    assert [payload[8:12] for payload in handlers] == [b"soun"] * 5
    names = [payload[24:].rstrip(b"\0") for payload in handlers]
    assert names == [b"Master", b"Drums", b"Bass", b"Other", b"Vocals"]


def test_the_manifest_is_read_back(stem, tmp_path) -> None:
    assert is_stem_file(stem)
    assert read_manifest(stem) == MANIFEST == json.loads(MANIFEST_BYTES)
    renamed = tmp_path / "holiday.jpg"
    renamed.write_bytes(stem.read_bytes())
    assert is_stem_file(renamed)


@pytest.mark.parametrize(
    "data",
    [b"", b"ID3", bytes(100), header(b"ftyp", 8) + bytes(8), header(b"ftyp", 99)],
)
def test_other_files_are_no_stem_files(tmp_path, data) -> None:
    path = tmp_path / "x.stem.mp4"
    path.write_bytes(data)
    assert not is_stem_file(path)
    assert read_manifest(path) is None
    assert not is_stem_file(tmp_path / "missing")
    assert not is_stem_file(tmp_path)


def test_an_ordinary_mp4_is_no_stem_file(encode, rng) -> None:
    assert not is_stem_file(encode("x.m4a", rng.standard_normal((2, 4410))))


@pytest.mark.parametrize(
    ("payload", "reason"),
    [(b"{", "no JSON"), (b"[1]", "holds a list"), (b"[" * 100_000, "lists in lists")],
)
def test_a_broken_manifest_is_an_error(tmp_path, payload, reason) -> None:
    udta = Atom(b"udta", children=[Atom(b"stem", payload)])
    moov = Atom(b"moov", children=[udta])
    path = tmp_path / "x.mp4"
    path.write_bytes(Atom(b"ftyp", b"M4A ").render() + moov.render())
    with pytest.raises(StemsError, match=reason):
        read_manifest(path)


def test_a_missing_file_has_no_manifest(tmp_path) -> None:
    with pytest.raises(StemsError, match="No such file"):
        read_manifest(tmp_path / "x.mp4")


def test_finalising_twice_changes_nothing(stem, tmp_path) -> None:
    again = tmp_path / "again.stem.mp4"
    finalise(stem, again)
    assert again.read_bytes() == stem.read_bytes()


def moov_with_chunks(offsets: list[int]) -> Atom:
    """Return a ``moov`` of five tracks with one chunk of 50 bytes each."""
    traks = []
    for offset in offsets:
        stco = Atom(b"stco", struct.pack(">III", 0, 1, 0))
        set_chunk_offsets(stco, np.array([offset]), is_wide=offset > 0xFFFFFFFF)
        stsc = Atom(b"stsc", struct.pack(">IIIII", 0, 1, 1, 1, 1))
        stsz = Atom(b"stsz", struct.pack(">III", 0, 50, 1))
        minf = Atom(b"minf", children=[Atom(b"stbl", children=[stsc, stsz, stco])])
        mdia = Atom(b"mdia", children=[minf])
        traks.append(Atom(b"trak", children=[Atom(b"tkhd", bytes(84)), mdia]))
    return Atom(b"moov", children=[Atom(b"mvhd", bytes(100)), *traks])


@pytest.mark.parametrize(
    ("last", "mdat_end", "kind", "mdat_header"),
    [
        (30_000_000, 30_001_000, b"stco", 8),
        (0xFFFFFFFF - 3200, 0xFFFFFFFF - 3100, b"stco", 8),  # the head takes less
        (0xFFFFFFFF - 100, 0xFFFFFFFF - 50, b"co64", 8),
        (0xFFFFFFFF + 5000, 1 << 33, b"co64", 16),
    ],
)
def test_positions_follow_the_samples_at_any_size(last, mdat_end, kind, mdat_header) -> None:
    offsets = [100, 200, 300, 400, last]
    moov = moov_with_chunks(offsets)
    head = render_head(moov, np.array([[48, mdat_end]]))
    tables = offset_tables(moov)
    assert {table.kind for table in tables} == {kind}
    # A packet is as far behind the new beginning of the samples as it was behind the old one.
    moved = [int(chunk_offsets(table)[0]) for table in tables]
    assert [offset - len(head) for offset in moved] == [offset - 48 for offset in offsets]
    assert moov.render() in head
    assert head[-mdat_header:] == header(b"mdat", mdat_end - 48)


def test_a_chunk_outside_mdat_is_an_error(tmp_path) -> None:
    encoded = tmp_path / "encoded.mp4"
    top = [Atom(b"ftyp", b"isom" + bytes(4)), Atom(b"mdat", bytes(1000))]
    moov = moov_with_chunks([100, 200, 300, 400, 5000])
    encoded.write_bytes(b"".join(atom.render() for atom in (*top, moov)))
    with pytest.raises(StemsError, match="outside mdat"):
        finalise(encoded, tmp_path / "out.mp4")


def test_what_is_no_mp4_of_five_streams_is_an_error(encode, tmp_path, rng) -> None:
    single = encode("x.m4a", rng.standard_normal((2, 4410)))
    with pytest.raises(StemsError, match="1 tracks, expected 5"):
        finalise(single, tmp_path / "out.mp4")
    wave = encode("x.wav", rng.standard_normal((2, 4410)))
    with pytest.raises(StemsError, match="expected an MP4"):
        finalise(wave, tmp_path / "out.mp4")


def test_a_cut_encoding_is_an_error(stem, tmp_path) -> None:
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(stem.read_bytes()[:-100])
    with pytest.raises(StemsError, match="expected an MP4"):
        finalise(cut, tmp_path / "out.mp4")


def test_a_full_disk_is_an_error_with_its_name(stem) -> None:
    with pytest.raises(StemsError, match="No space left"):
        finalise(stem, Path("/dev/full"))


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_a_track_of_0_3_s_and_48_khz_is_whole(ffmpeg, tmp_path, rng, codec) -> None:
    stems = (0.1 * rng.standard_normal((4, 2, 14400))).astype(np.float32)
    encoded, final = tmp_path / "encoded.mp4", tmp_path / "final.stem.mp4"
    with StemEncoder(encoded, ffmpeg=ffmpeg, codec=codec, sample_rate=48000) as encoder:
        encoder.write(stems.sum(axis=0), stems)
        encoder.close()
    finalise(encoded, final)
    container = read_container(final)
    assert container.timescale == 48000
    assert {track.edits[0][0] for track in container.tracks} == {14400}
