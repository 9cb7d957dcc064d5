import dataclasses
import itertools
from pathlib import Path

import ffmpeg as graphs
import pytest

from libsep.errors import StemsError
from libsep.library.plan import Action, decide, decide_by_content, plan_tracks
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.tags import Fingerprint, write_fingerprint
from libsep.track import Assignment, Outcome, Track

WANTED = ("model", "config")
ASSIGNED = Assignment(
    model="generic",
    model_sha256="model",
    genre="rock",
    genre_reason='tag "Rock"',
    genre_source="tag",
)


def track(**fields: object) -> Track:
    values = {"size_bytes": 10, "mtime_ns": 20, **fields}
    return Track(path_name="/x.mp3", source_name="x.mp3", output_name="x.stem.mp4", **values)


def outcome(**fields: object) -> Outcome:
    values = {
        "status": "done",
        "model_sha256": "model",
        "config_sha256": "config",
        "audio_sha256": "audio",
        "tags_sha256": "tags",
        "size_bytes": 10,
        "mtime_ns": 20,
        "output_size_bytes": 30,
        **fields,
    }
    return Outcome(source="x.mp3", output="x.stem.mp4", **values)


@pytest.mark.parametrize("status", ["done", "skipped"])
def test_a_converted_track_is_skipped_only_if_nothing_at_all_has_changed(status: str) -> None:
    sizes, times = (10, 11), (20, 21)
    models, configs, output_sizes = ("model", "other"), ("config", "other"), (30, 31, None)
    for size, time, model, config, output_size in itertools.product(
        sizes, times, models, configs, output_sizes
    ):
        decision = decide(
            track(size_bytes=size, mtime_ns=time),
            outcome(status=status),
            output_size,
            wanted=(model, config),
        )
        if output_size is None or model == "other" or config == "other":
            expected = Action.CONVERT
        elif (size, time, output_size) == (10, 20, 30):
            expected = Action.SKIP
        else:
            expected = Action.CHECK
        assert decision.action is expected, decision.reason


def test_a_fault_outside_the_file_is_tried_again_without_being_asked() -> None:
    for kind, to_do in (
        ("fault", Action.CHECK),
        ("file", Action.SKIP),
        ("crash", Action.SKIP),
        ("bug", Action.SKIP),
        ("timeout", Action.SKIP),
    ):
        failed = outcome(status="failed", kind=kind, message="why")
        found = decide(track(), failed, 30, wanted=("model", "config"))
        assert found.action is to_do, kind


def test_a_failed_track_is_tried_again_only_if_something_changed_or_it_is_asked_for() -> None:
    failed = outcome(status="failed", message="no audio")
    for size, time, model, config, retry in itertools.product(
        (10, 11), (20, 21), ("model", "other"), ("config", "other"), (False, True)
    ):
        is_same = (size, time, model, config) == (10, 20, "model", "config")
        for output_size, to_do in ((None, Action.CONVERT), (30, Action.CHECK)):
            decision = decide(
                track(size_bytes=size, mtime_ns=time),
                failed,
                output_size,
                wanted=(model, config),
                retry_failed=retry,
            )
            assert decision.action is (Action.SKIP if is_same and not retry else to_do)
            if decision.action is Action.SKIP:
                assert decision.reason == "failed before: no audio"


@pytest.mark.parametrize(
    ("previous", "output_size", "reason"),
    [
        (None, None, "not in the ledger"),
        (outcome(), None, "its stem file is missing"),
        (outcome(model_sha256="old"), 30, "its stem file was made with another model"),
        (outcome(config_sha256="old"), 30, "its stem file was made with other settings"),
        (outcome(mtime_ns=0), 30, "the file has changed since"),
        (outcome(), 31, "its stem file was changed by another program"),
        (outcome(), 30, "unchanged"),
    ],
)
def test_every_decision_says_why(
    previous: Outcome | None, output_size: int | None, reason: str
) -> None:
    assert decide(track(), previous, output_size, wanted=WANTED).reason == reason


def test_a_plan_takes_the_size_of_the_output_from_the_disk(tmp_path: Path) -> None:
    (tmp_path / "x.stem.mp4").write_bytes(bytes(30))
    new = dataclasses.replace(track(), source_name="y.mp3", output_name="y.stem.mp4")
    planned = list(
        plan_tracks(
            [track(), new],
            {"x.mp3": outcome()},
            tmp_path,
            assign=lambda _track, _previous: ASSIGNED,
            config_sha256="config",
        )
    )
    assert [each.decision.action for each in planned] == [Action.SKIP, Action.CONVERT]
    assert [each.previous for each in planned] == [outcome(), None]


@pytest.fixture
def goal(tmp_path: Path) -> Path:
    """Return an MP4 file with the fingerprint of `outcome()`."""
    path = tmp_path / "x.stem.mp4"
    graphs.input("sine=duration=0.2", f="lavfi").output(str(path), acodec="aac").run(
        cmd=str(find_ffmpeg()), quiet=True
    )
    write_fingerprint(
        path,
        Fingerprint(
            source="x.mp3",
            audio_sha256="audio",
            tags_sha256="tags",
            model="generic",
            model_sha256="model",
            config_sha256="config",
            size_bytes=10,
            mtime_ns=20,
            duration_s=0.2,
            genre="",
            run="r1",
        ),
    )
    return path


def test_a_stem_file_that_cannot_be_looked_at_is_no_bug(tmp_path: Path) -> None:
    with pytest.raises(StemsError, match="cannot be looked at: File name too long"):
        decide_by_content(outcome(), None, tmp_path / ("x" * 300))


@pytest.mark.parametrize("previous", [None, outcome(), outcome(status="failed")])
def test_the_content_decides_whatever_the_ledger_says(goal: Path, previous: Outcome | None) -> None:
    assert decide_by_content(outcome(), previous, goal) is Action.SKIP
    assert decide_by_content(outcome(tags_sha256="new"), previous, goal) is Action.RETAG
    moved = dataclasses.replace(outcome(), source="y.mp3")
    assert decide_by_content(moved, previous, goal) is Action.RETAG
    for changed in ("audio_sha256", "model_sha256", "config_sha256"):
        fields = {changed: "new", "tags_sha256": "new"}
        assert decide_by_content(outcome(**fields), previous, goal) is Action.CONVERT
    assert decide_by_content(outcome(), previous, goal.with_name("none")) is Action.CONVERT


@pytest.mark.parametrize("content", [b"", b"not an MP4"])
def test_a_damaged_stem_file_of_ours_is_made_again(goal: Path, content: bytes) -> None:
    goal.write_bytes(content)
    assert decide_by_content(outcome(), outcome(), goal) is Action.CONVERT


@pytest.mark.parametrize("previous", [None, outcome()])
def test_a_stem_file_whose_disk_fails_is_neither_made_again_nor_called_a_strangers(
    previous: Outcome | None, tmp_path: Path
) -> None:
    goal = tmp_path / "x.stem.mp4"
    goal.symlink_to("/proc/self/mem")  # the kernel cannot read what lies at its beginning
    with pytest.raises(StemsError, match=r"cannot be read as MP4: Input/output error"):
        decide_by_content(outcome(), previous, goal)


@pytest.mark.parametrize("previous", [None, outcome(status="failed")])
def test_a_file_that_somebody_else_made_is_not_overwritten_now_or_in_the_next_run(
    goal: Path, previous: Outcome | None
) -> None:
    graphs.input("sine=duration=0.2", f="lavfi").output(str(goal), acodec="aac").run(
        cmd=str(find_ffmpeg()), quiet=True, overwrite_output=True
    )
    with pytest.raises(StemsError, match=r"x\.stem\.mp4: is not a file of libsep"):
        decide_by_content(outcome(), previous, goal)


@pytest.mark.parametrize(
    ("previous", "only_model", "expected"),
    [
        (outcome(), "", Action.CHECK),
        (outcome(), "model", Action.SKIP),
        (outcome(status="failed", kind="file"), "", Action.SKIP),
    ],
)
def test_a_track_is_listened_to_only_if_its_model_and_its_end_depend_on_what_is_heard(
    tmp_path: Path, previous: Outcome, only_model: str, expected: Action
) -> None:
    (tmp_path / "x.stem.mp4").write_bytes(bytes(30))
    (planned,) = plan_tracks(
        [track()],
        {"x.mp3": previous},
        tmp_path,
        assign=lambda *_: None,
        config_sha256="config",
        only_model_sha256=only_model,
    )
    assert planned.decision.action is expected


def test_settings_that_depend_on_the_cut_off_convert_again_only_what_they_change(
    tmp_path: Path,
) -> None:
    def config_of(previous: Outcome | None) -> str:
        is_whole = previous is not None and previous.cutoff_confidence == 0
        return "config" if is_whole else "restoring"

    cases = {
        "whole": (outcome(cutoff_confidence=0.0), Action.SKIP),
        "cut": (outcome(cutoff_hz=16e3, cutoff_confidence=1.0), Action.CONVERT),
        "unknown": (outcome(), Action.CHECK),
        "restored": (
            outcome(cutoff_hz=16e3, cutoff_confidence=1.0, config_sha256="restoring"),
            Action.SKIP,
        ),
    }
    for previous, expected in cases.values():
        (tmp_path / "x.stem.mp4").write_bytes(bytes(30))
        (planned,) = plan_tracks(
            [track()],
            {"x.mp3": previous},
            tmp_path,
            assign=lambda *_: ASSIGNED,
            config_sha256=config_of,
        )
        assert planned.decision.action is expected
