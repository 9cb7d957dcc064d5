"""One track from store to store: staged, converted by the real pipeline, delivered whole."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest

from libsep.config import Config, ScanConfig, StorageConfig
from libsep.errors import TransferError
from libsep.library.naming import Namer
from libsep.library.scan import named
from libsep.media.tags import read_fingerprint
from libsep.media.verify import verify_stems
from libsep.pipeline import Settings, process_staged, staged_source
from libsep.separation.registry import Model
from libsep.separation.separator import Separator
from libsep.storage.places import RemoteFolder
from libsep.storage.scan import outcomes_from_store, scan_store
from libsep.storage.scratch import Scratch
from libsep.storage.staging import MARGIN_S, Stage, Staging, fitting_name
from libsep.storage.store import Store
from libsep.track import Outcome, Track

from ..conftest import assignment, tone, track_called
from .conftest import BUCKET, S3Server

CONFIG = Config().replaced(separation={"segment_s": 2.0, "overlap_s": 0.5, "precision": "float32"})
NAME = "a #1/Größe 50% 三.flac"
KEY = f"stems/{NAME}".replace(".flac", ".stem.mp4")


class Convert:
    """Takes tracks of the bucket through the pipeline, as a track task does."""

    def __init__(self, model: Model, storage: StorageConfig, folder: Path) -> None:
        self.model = model
        self.storage = storage
        self.folder = folder
        self.separator = Separator(model, device="cpu", precision="float32")
        self.library: RemoteFolder | None = RemoteFolder("s3", BUCKET, "music")
        self.output: RemoteFolder | None = RemoteFolder("s3", BUCKET, "stems")
        self.config = CONFIG

    def track(self, name: str = NAME) -> Track:
        store = Store(RemoteFolder("s3", BUCKET, "music"), self.storage)
        found = scan_store(
            store, ScanConfig(), self.storage, known={}, on_problem=lambda problem: None
        )
        return next(each for each in named(found, Namer()) if each.source == Path(name))

    def settings(self, **changes: Any) -> Settings:
        storage = self.storage.model_copy(update=changes)
        return Settings(
            config=self.config,
            models={self.model.name: self.model},
            output_root=self.folder / "stems",
            run="test",
            staging=Staging(library=self.library, output=self.output, config=storage),
        )

    def __call__(
        self, track: Track | None = None, previous: Outcome | None = None, **changes: Any
    ) -> Outcome:
        return process_staged(
            track or self.track(),
            previous,
            self.separator,
            self.settings(**changes),
            assignment(self.model),
        )


@pytest.fixture
def convert(tiny_model: Model, storage: StorageConfig, tmp_path: Path) -> Convert:
    return Convert(tiny_model, storage, tmp_path)


@pytest.fixture
def song(s3: S3Server, encode: Callable[..., Path], rng: np.random.Generator) -> Path:
    """Return a track of two seconds that lies in the store, too."""
    noise = 0.1 * rng.standard_normal((2, 2 * 44100))
    path = encode("song.flac", (tone(330.0, 2.0) + noise).astype(np.float32))
    s3.put_file(f"music/{NAME}", path)
    return path


def fetched(s3: S3Server, path: Path, key: str = KEY) -> Path:
    path.write_bytes(s3.get(key))
    return path


def test_a_track_goes_from_store_to_store(
    s3: S3Server, song: Path, convert: Convert, tmp_path: Path
) -> None:
    music = s3.sizes("music")
    outcome = convert()
    assert (outcome.status, outcome.message) == ("done", "")
    assert (outcome.source, outcome.output) == (NAME, KEY.removeprefix("stems/"))
    assert s3.sizes() == music | {KEY: outcome.output_size_bytes}
    stems = fetched(s3, tmp_path / "back.stem.mp4")
    assert verify_stems(stems, n_samples=2 * 44100).is_conformant
    fingerprint = read_fingerprint(stems)
    assert fingerprint is not None
    assert fingerprint.source == NAME
    again = convert(previous=outcome)
    assert again.status == "skipped"
    assert again.output_mtime_ns == outcome.output_mtime_ns
    assert fetched(s3, tmp_path / "again.stem.mp4").read_bytes() == stems.read_bytes()
    found = Store(RemoteFolder("s3", BUCKET, "stems"), convert.storage)
    (rebuilt,) = outcomes_from_store(found, convert.storage)
    for name in ("source", "output", "audio_sha256", "model_sha256", "config_sha256", "mtime_ns"):
        assert getattr(rebuilt, name) == getattr(outcome, name)
    assert rebuilt.output_size_bytes == outcome.output_size_bytes


def test_new_tags_are_written_into_the_stem_file_that_the_store_has(
    s3: S3Server, song: Path, convert: Convert, tmp_path: Path
) -> None:
    first = convert()
    file = mutagen.File(song, easy=True)
    file["title"] = "Another title"
    file.save()
    s3.put_file(f"music/{NAME}", song)
    second = convert(previous=first)
    assert (second.status, second.action) == ("done", "retag")
    stems = fetched(s3, tmp_path / "back.stem.mp4")
    assert mutagen.File(stems)["\xa9nam"] == ["Another title"]
    assert verify_stems(stems).is_conformant


def test_other_audio_replaces_the_stem_file_that_the_store_has(
    s3: S3Server, song: Path, convert: Convert, encode: Callable[..., Path], tmp_path: Path
) -> None:
    first = convert()
    s3.put_file(f"music/{NAME}", encode("other.flac", tone(500.0, 3.0)))
    second = convert(previous=first)
    assert (second.status, second.action) == ("done", "convert")
    assert verify_stems(fetched(s3, tmp_path / "back.stem.mp4"), n_samples=3 * 44100).is_conformant


def test_a_file_that_is_not_ours_is_not_replaced(
    s3: S3Server, song: Path, convert: Convert
) -> None:
    s3.put_file(KEY, song)
    outcome = convert()
    assert outcome.status == "failed"
    assert "is not a file of libsep" in outcome.message
    assert s3.get(KEY) == song.read_bytes()


def test_a_local_track_goes_to_a_store_and_one_of_a_store_to_a_folder(
    s3: S3Server, song: Path, convert: Convert, tmp_path: Path
) -> None:
    track = convert.track()
    convert.output = None
    assert convert(track).status == "done"
    stems = tmp_path / "stems" / track.output
    assert verify_stems(stems, n_samples=2 * 44100).is_conformant
    convert.library, convert.output = None, RemoteFolder("s3", BUCKET, "stems")
    before, status = song.read_bytes(), song.stat()
    local = dataclasses.replace(
        track, path_name=str(song), size_bytes=status.st_size, mtime_ns=status.st_mtime_ns
    )
    assert convert(local).status == "done"
    assert KEY in s3.sizes()
    assert (song.read_bytes(), song.stat().st_mtime_ns) == (before, status.st_mtime_ns)


def test_what_is_no_audio_fails_by_its_content_and_leaves_nothing(
    s3: S3Server, convert: Convert
) -> None:
    s3.put("music/letter.mp3", b"Dear reader, this is no song.\n" * 40)
    outcome = convert(convert.track("letter.mp3"))
    assert (outcome.status, outcome.kind, outcome.stage) == ("failed", "file", "probe")
    assert s3.sizes("stems") == {}


@pytest.mark.parametrize("change", ["changed", "vanished"])
def test_a_track_that_changed_since_the_scan_is_left_to_the_next_run(
    s3: S3Server, song: Path, convert: Convert, change: str
) -> None:
    track = convert.track()
    s3.client.delete_object(Bucket=BUCKET, Key=f"music/{NAME}")
    if change == "changed":
        s3.put(f"music/{NAME}", b"something else")
    outcome = convert(track)
    assert (outcome.status, outcome.kind, outcome.stage) == ("failed", "changed", "transfer")
    assert f"{change} since the scan" in outcome.message
    assert not outcome.is_settled
    assert s3.sizes("stems") == {}


def test_a_track_that_changes_while_it_is_converted_is_not_delivered(
    s3: S3Server, song: Path, convert: Convert, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = convert.track()
    original = convert.separator.map

    def changing(segments: Any) -> Any:
        s3.put(f"music/{NAME}", b"something else")
        yield from original(segments)

    monkeypatch.setattr(convert.separator, "map", changing)
    outcome = convert(track)
    assert (outcome.kind, outcome.stage) == ("changed", "transfer")
    assert s3.sizes("stems") == {}


def test_a_store_that_is_gone_is_a_fault_and_no_reason_to_stop(
    s3: S3Server, song: Path, convert: Convert
) -> None:
    track = convert.track()
    outcome = convert(track, endpoint="http://127.0.0.1:9")
    assert (outcome.status, outcome.kind, outcome.stage) == ("failed", "fault", "transfer")
    assert "NETWORK_CONNECTION" in outcome.message
    assert not outcome.is_settled


def test_a_track_without_room_in_the_scratch_is_a_fault_with_the_numbers(
    s3: S3Server, song: Path, convert: Convert
) -> None:
    outcome = convert(max_scratch_bytes=20_000_000)
    assert (outcome.status, outcome.kind) == ("failed", "fault")
    assert "of scratch, storage.max_scratch_bytes allows 20.0 MB" in outcome.message


@pytest.fixture
def lying(
    s3: S3Server, convert: Convert, encode: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Track:
    """Return a track of five seconds whose header says that it has one."""
    monkeypatch.setattr("libsep.storage.staging.MARGIN_S", 1.0)
    s3.put_file("music/long.flac", encode("long.flac", tone(330.0, 5.0)))
    return dataclasses.replace(convert.track("long.flac"), duration_s=1.0)


def test_a_track_that_is_longer_than_its_header_says_gets_more_room_or_fails(
    s3: S3Server, convert: Convert, lying: Track
) -> None:
    enough = convert(lying, max_scratch_bytes=1 << 30)
    assert enough.status == "done"
    assert enough.duration_s == pytest.approx(5.0)
    s3.client.delete_object(Bucket=BUCKET, Key="stems/long.stem.mp4")
    # room for the audio, the slack and 3.5 seconds of stems, twice
    bound = lying.size_bytes + (64 << 20) + int(3.5 * 2 * 5 * 256_000 / 8 * 1.02)
    too_long = convert(lying, max_scratch_bytes=bound)
    assert (too_long.status, too_long.kind) == ("failed", "fault")
    assert "the longest whose stem file has room" in too_long.message


def test_a_longer_track_gets_the_room_that_the_disk_has_where_the_bound_is_larger(
    convert: Convert, lying: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop has less space free than 20 GB, and the song needs a hundredth of that."""
    free = 200_000_000
    monkeypatch.setattr(
        "libsep.storage.scratch.shutil.disk_usage", lambda _: type("Usage", (), {"free": free})
    )
    outcome = convert(lying, max_scratch_bytes=20_000_000_000)
    assert (outcome.status, outcome.message) == ("done", "")


def test_a_longer_track_takes_no_more_room_than_it_needs(convert: Convert, lying: Track) -> None:
    """With all the room that there is, it would wait for all other tracks, and they for it."""
    with Scratch(convert.storage).room(convert.storage.max_scratch_bytes - (80 << 20), Path(NAME)):
        outcome = convert(lying, scratch_wait_s=1.0)
    assert (outcome.status, outcome.message) == ("done", "")


def test_a_track_that_is_longer_than_any_that_is_converted_says_so(
    convert: Convert, lying: Track
) -> None:
    convert.config = CONFIG.replaced(decode={"max_duration_h": 4 / 3600})
    outcome = convert(lying)
    assert (outcome.status, outcome.kind) == ("failed", "file")
    assert outcome.message.splitlines()[0] == "longer than 4 s, the longest that is converted"


def test_a_track_can_be_listened_to_while_it_is_staged(
    s3: S3Server, song: Path, convert: Convert
) -> None:
    track = convert.track()
    with staged_source(track, convert.settings()) as staged:
        assert staged.path.read_bytes() == song.read_bytes()
        assert staged.path.stat().st_mtime_ns == track.mtime_ns
    assert not staged.path.exists()
    s3.client.delete_object(Bucket=BUCKET, Key=f"music/{NAME}")
    with (
        pytest.raises(TransferError, match="vanished since the scan"),
        staged_source(track, convert.settings()),
    ):
        pass


def test_names_that_are_too_long_for_a_local_disk_are_cut_with_their_extension() -> None:
    assert fitting_name(Path("a/b.flac")) == "b.flac"
    cut = fitting_name(Path("三" * 200 + ".flac"))
    assert cut.endswith("三.flac")
    assert len(cut.encode()) <= 255


def test_the_settings_of_a_task_hold_no_credentials(convert: Convert) -> None:
    text = repr(convert.settings())
    assert "testing-secret" not in text


@pytest.mark.parametrize(("name", "bytes_per_s"), [("a.mp3", 24_000), ("a.flac", 120_000)])
def test_room_for_a_track_of_unknown_length_goes_by_its_kind(
    name: str, bytes_per_s: int, convert: Convert
) -> None:
    staging = convert.settings().staging
    assert staging is not None
    track = track_called(name, size_bytes=600 * bytes_per_s)
    expected_s = Stage(staging, CONFIG.encode).expected_s(track, 20_000.0)
    assert expected_s == pytest.approx(1.1 * 3 * 600 + MARGIN_S)
