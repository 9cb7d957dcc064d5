"""What a person can watch: curve, TensorBoard, picture, display."""

import csv
import dataclasses
import json
import multiprocessing
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from libsep.config import TrainingConfig
from libsep.datasets.songs import Song
from libsep.training.job import Job
from libsep.training.local import train
from libsep.training.records.curve import flattened, read_curve, write_table
from libsep.training.records.display import TrainingDisplay
from libsep.training.records.excerpt import choose_excerpt, spectrogram
from libsep.training.records.journal import Journal
from libsep.training.records.plot import plot_curve

from ..conftest import SAMPLE_RATE, tone
from ..processes import PATIENCE_S, wait_until


def short_job(folder: Path, songs: Path, n_steps: int, **changes: object) -> Job:
    values = {
        "workers": 1,
        "precision": "float32",
        "log_interval": 1,
        "network": {"size": "XS"},
        "material": {"segment_s": 0.5, "n_renders": 0},
        "optimiser": {"n_steps": n_steps, "n_batch": 1, "n_warmup_steps": 0},
    }
    config = TrainingConfig.model_validate(values | changes)
    return Job(config, (songs,), (songs,), folder / "run", folder / "cache")


def records(job: Job) -> list[dict[str, object]]:
    return [json.loads(line) for line in (job.out / "curve.jsonl").read_text().splitlines()]


def events(job: Job) -> EventAccumulator:
    reader = EventAccumulator(str(job.out / "tensorboard"))
    reader.Reload()
    return reader


def test_tensorboard_holds_the_numbers_of_the_curve_and_what_the_network_does(
    tmp_path: Path, songs_folder: Path
) -> None:
    job = short_job(tmp_path, songs_folder, 2)
    train(job)
    train(short_job(tmp_path, songs_folder, 3))
    reader = events(job)
    numbers = [(r["step"], flattened(r)) for r in records(job)]
    names = {name for _, row in numbers for name in row} - {"time", "step"}
    assert {"loss", "loss/spectrum", "rate", "gradient", "sdr_db/drums", "audio_h"} <= names
    assert set(reader.Tags()["scalars"]) == names
    for name in names:
        wanted = [(step, row[name]) for step, row in numbers if name in row]
        found = [(event.step, event.value) for event in reader.Scalars(name)]
        assert found == [(step, pytest.approx(value, rel=1e-5)) for step, value in wanted], name
    for target in ("drums", "bass", "other", "vocals"):
        images = reader.Images(f"spectrogram/{target}")
        assert [image.step for image in images] == [2, 3]
        assert (images[0].height, images[0].width) == (513, 3 * 260 + 4)
        (sound,) = (s for s in reader.Audio(f"sound/{target}/estimate") if s.step == 3)
        assert sound.sample_rate == SAMPLE_RATE
        assert sound.length_frames == 3 * SAMPLE_RATE


def test_without_tensorboard_and_matplotlib_training_works_and_says_so_once(
    tmp_path: Path, songs_folder: Path
) -> None:
    job = short_job(tmp_path, songs_folder, 2)
    code = (
        "import sys; sys.modules['tensorboard'] = sys.modules['matplotlib'] = None\n"
        "from pathlib import Path\n"
        "from libsep.config import TrainingConfig\n"
        "from libsep.training.job import Job\n"
        "from libsep.training.local import train\n"
        f"config = TrainingConfig.model_validate_json('''{job.config.model_dump_json()}''')\n"
        f"songs = Path({str(songs_folder)!r})\n"
        f"train(Job(config, (songs,), (songs,), Path({str(job.out)!r}), Path({str(job.cache)!r})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    word = "not installed, so left out: TensorBoard, curve.png (pip install libsep[train])"
    assert done.stderr.splitlines().count(word) == 1
    assert {path.name for path in job.out.iterdir()} == {
        "best.pt",
        "checkpoint.pt",
        "config.yaml",
        "curve.jsonl",
    }


def test_the_excerpt_lies_where_all_sources_sound() -> None:
    silence = np.zeros((2, 3 * SAMPLE_RATE), np.int16)
    sound = (tone(440, 20.0) * 32767).astype(np.int16)
    late = np.concatenate([silence, silence, silence, sound[:, : 11 * SAMPLE_RATE]], axis=1)
    songs = [Song("one", {"drums": sound}), Song("two", {"drums": late, "bass": sound})]
    excerpt = choose_excerpt(songs, SAMPLE_RATE)
    assert excerpt.song == "two"
    assert excerpt.mixture.shape == (2, 4 * SAMPLE_RATE)
    assert all(np.abs(source).mean() > 0.15 for source in excerpt.sources.values())
    np.testing.assert_allclose(excerpt.mixture, sum(excerpt.sources.values()), atol=1e-6)


def test_the_spectrogram_shows_a_tone_at_its_height_and_silence_as_black() -> None:
    signal = tone(SAMPLE_RATE / 4, 1.0).astype(np.float32)
    image = spectrogram(signal, np.zeros_like(signal))
    left, right = image[:, : image.shape[1] // 2 - 1], image[:, image.shape[1] // 2 + 1 :]
    assert left[:, 20].argmax() == 256
    assert left.max() == 255
    assert right.max() == 0
    assert (spectrogram(np.zeros_like(signal)) == 0).all()


def test_a_curve_is_read_in_spite_of_repeated_steps_and_a_torn_line(tmp_path: Path) -> None:
    lines = [
        {"time": 1.0, "step": 1, "loss": 0.5, "audio_h": 0.1},
        {"time": 2.0, "step": 2, "loss": 0.9, "audio_h": 0.2},
        {"time": 3.0, "step": 2, "loss": 0.4, "audio_h": 0.2},
        {"step": 2, "sdr_db": {"drums": 1.5, "mean": 1.5}, "sdr_db_by_song": {"x": {"drums": 1}}},
    ]
    path = tmp_path / "curve.jsonl"
    path.write_text("\n".join(json.dumps(line) for line in lines) + '\n{"step": 3, "lo')
    rows = read_curve(path)
    assert [row["loss"] for row in rows] == [0.5, 0.4]
    assert rows[1]["sdr_db/drums"] == 1.5
    write_table(rows, tmp_path / "curve.csv")
    with (tmp_path / "curve.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert table == [
        {"step": "1", "audio_h": "0.1", "loss": "0.5", "sdr_db/drums": "", "sdr_db/mean": ""},
        {"step": "2", "audio_h": "0.2", "loss": "0.4", "sdr_db/drums": "1.5", "sdr_db/mean": "1.5"},
    ]
    assert read_curve(tmp_path / "none") == []


def test_the_picture_has_a_panel_for_each_family_that_was_recorded(tmp_path: Path) -> None:
    rows = [{"step": 1.0, "audio_h": 0.1, "loss": 0.5, "rate": 1e-3}]
    plot_curve(rows, tmp_path / "a.png")
    more = [*rows, {"step": 2.0, "audio_h": 0.2, "sdr_db/drums": 3.0, "discriminator/context": 1.0}]
    plot_curve(more, tmp_path / "b.png")
    plot_curve([], tmp_path / "c.png")
    with Image.open(tmp_path / "a.png") as one, Image.open(tmp_path / "b.png") as three:
        assert three.size == (2 * one.width, 2 * one.height)
    assert not (tmp_path / "c.png").exists()


def test_the_picture_is_drawn_at_each_validation_and_at_the_end_only_if_more_was_recorded(
    tmp_path: Path,
) -> None:
    def drawn_ns() -> int:
        return (tmp_path / "curve.png").stat().st_mtime_ns

    journal = Journal(tmp_path, step=0, songs=[])
    journal.record(1, {"loss": 0.5})
    assert not (tmp_path / "curve.png").exists()
    journal.record(1, {"sdr_db": {"drums": 1.0, "mean": 1.0}, "is_best": True})
    first_ns = drawn_ns()
    journal.close()
    assert drawn_ns() == first_ns
    resumed = Journal(tmp_path, step=1, songs=[])
    resumed.record(2, {"loss": 0.25})
    assert drawn_ns() == first_ns
    resumed.close()
    assert drawn_ns() > first_ns


def test_without_a_terminal_progress_is_lines_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    display = TrainingDisplay(10, 100, best_sdr_db=float("-inf"))
    numbers = {"loss": 0.25, "times_real_time": 12.34, "eta_min": 90.0}
    display.show_numbers(20, numbers)
    display.show_scores(20, {"sdr_db/drums": 3.0, "sdr_db/mean": 2.0, "is_best": 1.0})
    display.show_scores(30, {"sdr_db/drums": 2.0, "sdr_db/mean": 1.0, "is_best": 0.0})
    display.show_numbers(40, numbers)
    kept = {"sdr_db_at_0.67/mean": 2.5, "start_share": 0.67, "is_best": 1.0}
    display.show_scores(50, {"sdr_db/mean": 1.5} | kept)
    display.show_scores(60, {"sdr_db/mean": 1.75, "is_best": 0.0})
    display.close()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "step 20 of 100 · loss 0.2500 · 12.3 × real time · 1:30:00 left",
        "step 20: SDR drums 3.00, mean 2.00 dB, the best",
        "step 30: SDR drums 2.00, mean 1.00 dB, best 2.00",
        "step 40 of 100 · loss 0.2500 · 12.3 × real time · SDR 1.00 dB, best 2.00 · 1:30:00 left",
        "step 50: SDR mean 1.50 dB, the best with 0.67 of the start kept: 2.50",
        "step 60: SDR mean 1.75 dB, best 2.50",
    ]


def test_a_sampler_that_stops_is_told_with_the_next_line_at_the_end_and_in_the_curve(
    tmp_path: Path, songs_folder: Path, pack_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    material = {"segment_s": 0.5, "n_renders": 2, "render_s": 2.0, "render_interval_s": 0}
    job = short_job(tmp_path, songs_folder, 30, material=material)
    job = dataclasses.replace(job, data=(songs_folder, pack_folder), validation=(), is_watched=True)
    others = {*multiprocessing.active_children()}
    assert job.render_plan is not None
    plan = job.render_plan

    def kill_the_sampler() -> None:
        wait_until((plan.folder / "failure.txt").exists)  # which comes after the pool
        pool = plan.pool()
        wait_until(lambda: pool.n_ready == 2)
        for process in {*multiprocessing.active_children()} - others:
            process.kill()

    killer = threading.Thread(target=kill_the_sampler, daemon=True)
    killer.start()
    train(job)
    killer.join(PATIENCE_S)
    (stop,) = (record for record in records(job) if "sampler" in record)
    words = re.fullmatch(
        r"the sampler stopped at ....-..-.. ..:.., only its 2 songs so far are heard: "
        r"it was ended by SIGKILL, out of memory\?",
        str(stop["sampler"]),
    )
    assert words is not None
    assert stop["time"] == pytest.approx(time.time(), abs=600)
    told = [line for line in capsys.readouterr().err.splitlines() if words[0] in line]
    assert told == [
        f"step {stop['step']}: {words[0]}",
        f"not to be overlooked: {words[0]}",
    ]
    assert read_curve(job.out / "curve.jsonl")[-1]["step"] == 30
