import json
import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from mutagen.mp4 import MP4

from libsep.errors import VerifyError
from libsep.library.demo.files import example_stem_file
from libsep.media.atoms import Atom
from libsep.media.sheet import read_sheet
from libsep.media.streams import decode_streams
from libsep.media.verify import find_stem_files, verify_stems

from .conftest import rewrite


def broken_rules(path: Path, **options) -> set[str]:
    return {finding.rule for finding in verify_stems(path, **options).errors}


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_what_libsep_writes_keeps_every_rule(request, sources, codec) -> None:
    path = request.getfixturevalue(f"{codec}_stem")
    report = verify_stems(path, n_samples=sources.shape[2])
    assert report.findings == ()
    assert report.is_conformant
    assert (report.codec, report.sample_rate) == (codec, 44100)
    assert report.duration_s == sources.shape[2] / 44100
    assert report.describe() == f"{codec}, 44100 Hz, 0:02"


def test_a_pipe_is_no_stem_file_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.stem.mp4")
    (finding,) = verify_stems(tmp_path / "a.stem.mp4").errors
    assert (finding.rule, finding.message) == ("A2", "cannot be read: is a pipe, socket or device")


def test_each_mutation_breaks_its_rules(copied, ffmpeg, mutation) -> None:
    expected, mutate = mutation
    mutate(copied, ffmpeg)
    found = broken_rules(copied)
    assert expected <= found
    # What ffmpeg reads differs with the container, and ffmpeg 5 writes its own timescale.
    assert found - expected <= {"B3", "B4", "C6"}


def test_native_instruments_own_file_lacks_only_the_edit_list() -> None:
    report = verify_stems(example_stem_file())
    assert [finding.rule for finding in report.errors] == ["C5"]
    assert [finding.rule for finding in report.warnings] == ["C3", "C4"]


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_tags_and_a_large_cover_break_nothing(request, ffmpeg, tmp_path, codec) -> None:
    path = Path(shutil.copy(request.getfixturevalue(f"{codec}_stem"), tmp_path / "x.stem.mp4"))
    for size in (3_000_000, 0, 500_000):
        file = MP4(path)
        if file.tags is None:
            file.add_tags()
        file.tags["\xa9nam"] = ["Title"]
        file.tags["covr"] = [b"\xff\xd8\xff" + bytes(size)] if size else []
        file.save(padding=lambda info: 0)
        assert broken_rules(path) == set()
    MP4(path).delete()
    assert broken_rules(path) == set()


def _set_stem(moov: Atom, payload: bytes) -> None:
    moov.first(b"udta", b"stem").payload = payload


def edited(**changes: object) -> bytes:
    manifest = {
        "mastering_dsp": {
            "compressor": {
                "enabled": False, "ratio": 3, "output_gain": 0.5, "release": 0.3, "attack": 0.003,
                "input_gain": 0.5, "threshold": 0, "hp_cutoff": 300, "dry_wet": 50,
            },
            "limiter": {"enabled": False, "release": 0.05, "threshold": 0, "ceiling": -0.35},
        },
        "version": 1,
        "stems": [{"color": "#009E73", "name": str(index)} for index in range(4)],
    }  # fmt: skip
    return json.dumps(manifest | changes).encode()


@pytest.mark.parametrize(
    ("payload", "rules"),
    [
        (edited(), set()),
        (edited() + b"\0", {"A9", "A10"}),
        (b"\xef\xbb\xbf" + edited(), {"A9", "A10", "B1"}),
        (b"{", {"A10", "B1"}),
        (b"[1]", {"A9", "A10", "B1"}),
        (b'{"a":' * 100_000, {"A10", "B1"}),
        (b"{\xff}", {"A10", "B1"}),
        (b"", {"A9", "A10", "B1"}),
        (edited(version="1"), {"A11", "B1"}),
        (edited(version=True), {"A11"}),
        (edited(stems=[]), {"A12", "B1"}),
        (edited(stems="none"), {"A12", "B1"}),
        (edited(stems=[{"color": "#009E73", "name": "x"}] * 5), {"A12", "B1"}),
        (edited(stems=[{"color": "red", "name": "x"}] * 4), {"A12"}),
        (edited(stems=[{"color": "#009E73", "name": ""}] * 4), {"A12"}),
        (edited(mastering_dsp=None), {"A13"}),
        (edited(mastering_dsp={"compressor": 1, "limiter": {}}), {"A13"}),
    ],
)
def test_a_wrong_manifest_breaks_its_rules(copied, rewrite_moov, payload, rules) -> None:
    rewrite_moov(copied, lambda moov: _set_stem(moov, payload))
    assert broken_rules(copied) == rules


def number(path: tuple[bytes, ...], form: str, place: int, change: int) -> Callable[[Atom], None]:
    """Return what adds to a number in an atom of a track."""

    def edit(trak: Atom) -> None:
        atom = trak.first(*path)
        payload = bytearray(atom.payload)
        (found,) = struct.unpack_from(form, payload, place)
        struct.pack_into(form, payload, place, found + change)
        atom.payload = bytes(payload)

    return edit


STSD, MDHD = (b"mdia", b"minf", b"stbl", b"stsd"), (b"mdia", b"mdhd")


@pytest.mark.parametrize(
    ("rule", "tracks", "edit"),
    [
        ("A18", slice(2, 3), number(STSD, ">H", 32, -1)),
        ("A17", slice(2, 3), number(STSD, ">H", 40, 3900)),
        ("A17", slice(2, 3), number(MDHD, ">I", 12, 3900)),
        ("C8", slice(5), number((b"edts", b"elst"), ">I", 8, -100)),
        ("C4", slice(2, 3), number((b"tkhd",), ">I", 0, -2)),
    ],
    ids=["one is mono", "another rate", "another timescale", "shorter edits", "not in the movie"],
)
def test_a_wrong_number_in_a_track_breaks_its_rule(
    copied: Path,
    rewrite_moov: Callable[..., None],
    rule: str,
    tracks: slice,
    edit: Callable[[Atom], None],
) -> None:
    rewrite_moov(copied, lambda moov: [edit(trak) for trak in moov.all(b"trak")[tracks]])
    assert rule in {finding.rule for finding in verify_stems(copied).findings}


def test_alac_that_does_not_begin_at_its_first_sample_is_an_error(
    alac_stem: Path, tmp_path: Path, rewrite_moov: Callable[..., None]
) -> None:
    late = number((b"edts", b"elst"), ">i", 12, 100)
    path = Path(shutil.copy(alac_stem, tmp_path / "late.stem.mp4"))
    rewrite_moov(path, lambda moov: [late(trak) for trak in moov.all(b"trak")])
    assert "C7" in broken_rules(path)


def test_effects_that_are_on_are_a_warning(copied, rewrite_moov) -> None:
    manifest = json.loads(edited())
    manifest["mastering_dsp"]["limiter"]["enabled"] = True
    rewrite_moov(copied, lambda moov: _set_stem(moov, json.dumps(manifest).encode()))
    report = verify_stems(copied)
    assert report.is_conformant
    assert [finding.rule for finding in report.warnings] == ["C3"]


def test_the_name_counts_and_can_be_given(copied) -> None:
    renamed = copied.rename(copied.with_name("x.part"))
    assert broken_rules(renamed) == {"A1"}
    assert broken_rules(renamed, goal=Path("x.stem.mp4")) == set()


def test_another_length_than_the_track_breaks_c9(copied) -> None:
    assert broken_rules(copied, n_samples=74970) == {"C9"}


@pytest.mark.parametrize("data", [b"", b"RIFF" + bytes(100), bytes(7)])
def test_what_is_no_mp4_breaks_a2(tmp_path, data) -> None:
    path = tmp_path / "x.stem.mp4"
    path.write_bytes(data)
    report = verify_stems(path)
    assert [finding.rule for finding in report.findings] == ["A2"]
    assert report.describe() == "no stem file"


def test_a_missing_file_breaks_a2(tmp_path) -> None:
    report = verify_stems(tmp_path / "x.stem.mp4")
    assert [finding.message for finding in report.errors] == [
        "cannot be read: No such file or directory"
    ]


@pytest.mark.parametrize("n_missing", [1, 1000, 30_000])
def test_a_cut_file_breaks_a2(copied, n_missing) -> None:
    copied.write_bytes(copied.read_bytes()[:-n_missing])
    assert broken_rules(copied) == {"A2"}


def test_any_cut_or_flipped_byte_in_the_head_ends_in_a_report(copied, rng, monkeypatch) -> None:
    # ffmpeg has its own tests: only our parsers read these.
    monkeypatch.setattr(
        "libsep.media.verify.conformance.check_readers", lambda path, ffmpeg: iter(())
    )
    data = copied.read_bytes()
    for _ in range(300):
        broken = bytearray(data)
        for position in rng.integers(0, 4000, 3):
            broken[position] = rng.integers(256)
        copied.write_bytes(broken)
        verify_stems(copied)


def test_a_broken_file_raises_with_its_rules(copied) -> None:
    renamed = copied.rename(copied.with_name("x.mp4"))
    with pytest.raises(VerifyError, match=r"x\.mp4: A1 name does not end in"):
        verify_stems(renamed).raise_if_broken()


def test_a_whole_file_does_not_raise(aac_stem) -> None:
    verify_stems(aac_stem).raise_if_broken()


def test_a_report_is_json(copied) -> None:
    renamed = copied.rename(copied.with_name("x\udce9.mp4"))
    report = json.loads(json.dumps(verify_stems(renamed).as_json(), ensure_ascii=False))
    assert report["path"].endswith("x\\udce9.mp4")
    assert not report["is_conformant"]
    assert report["findings"][0]["rule"] == "A1"


def test_stem_files_are_found_in_folders_and_taken_as_given(tmp_path) -> None:
    (tmp_path / ".38 Special").mkdir()
    (tmp_path / ".38 Special" / "...Hits.stem.mp4").touch()
    for name in ("b/x.stem.mp4", "b/Y.STEM.MP4", "a/z.stem.mp4", "a/._z.stem.mp4", "a/song.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    given = tmp_path / "a" / "song.mp4"
    found = [path.relative_to(tmp_path).as_posix() for path in find_stem_files([given, tmp_path])]
    dotted = ".38 Special/...Hits.stem.mp4"
    assert found == ["a/song.mp4", dotted, "a/z.stem.mp4", "b/Y.STEM.MP4", "b/x.stem.mp4"]


def test_a_closed_folder_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    """Root can read everything, so somebody else looks."""
    for folder in ("closed", "listed", "open"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.stem.mp4").write_bytes(b"no mp4")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o755)
    (tmp_path / "closed").chmod(0)
    (tmp_path / "listed").chmod(0o444)  # its names can be read, what is in its files not
    script = (
        "import json, os, pathlib, sys\n"
        "from libsep.media.verify import find_stem_files, verify_stems\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "found = find_stem_files([pathlib.Path(sys.argv[1])])\n"
        "print(json.dumps([verify_stems(path).as_json() for path in found]))\n"
    )
    command = [sys.executable, "-c", script, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for folder in ("closed", "listed"):
        (tmp_path / folder).chmod(0o755)
    found = {
        Path(report["path"]).relative_to(tmp_path).as_posix(): report["findings"][0]["message"]
        for report in json.loads(done.stdout)
    }
    denied = "cannot be read: Permission denied"
    assert list(found) == ["closed", "listed/x.stem.mp4", "open/x.stem.mp4"]
    assert (found["closed"], found["listed/x.stem.mp4"]) == (denied, denied)


def test_a_stem_file_of_another_program_that_begins_late_is_played_to_its_end(
    copied: Path, sources: np.ndarray, ffmpeg: Path
) -> None:
    """Its first edit is silence, and the length of that is not the length of the file."""
    n_samples = sources.shape[2]

    def begin_late(moov: Atom) -> None:
        for elst in moov.all(b"trak", b"edts", b"elst"):
            edits = (4410, -1, 0x10000, n_samples, 2112, 0x10000)
            elst.payload = struct.pack(">II" + 2 * "IiI", 0, 2, *edits)

    before = next(_all_streams(copied, ffmpeg))
    rewrite(copied, begin_late)
    late = next(_all_streams(copied, ffmpeg))
    assert late.shape[2] == n_samples + 4410
    assert not late[:, :, :4410].any()
    np.testing.assert_array_equal(late[:, :, 4410:], before)


def _all_streams(path: Path, ffmpeg: Path) -> Iterator[np.ndarray]:
    sheet = read_sheet(path)
    return decode_streams(
        path, ffmpeg=ffmpeg, n_streams=5, sample_rate=44100, start_samples=0,
        n_samples=sheet.n_samples, block_samples=sheet.n_samples,
    )  # fmt: skip
