"""A distillation with real files: the teacher on Ray, the student, the gate, and what is kept."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from libsep import log
from libsep.batch.cluster.connection import embedded_ray
from libsep.batch.distillation.run import Student, _judged, begun_logs, distil, learn, teach
from libsep.batch.interrupts import Interrupts
from libsep.config import DistillationConfig
from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.genre.router import Router
from libsep.nets.band_split_unet import SIZES
from libsep.separation.architectures import build_network
from libsep.separation.model import ModelInfo
from libsep.separation.registry import Model, find_model, list_models, networks_of, read_model
from libsep.separation.weights import save_model
from libsep.training.distillation.check import check_exam, check_stage
from libsep.training.distillation.install import (
    Taught,
    _about,
    _filters,
    install_student,
    licences_of,
    write_student,
)
from libsep.training.distillation.job import STUDENT, DistillationJob
from libsep.training.distillation.judgement import Exam, Judgement, Marks, load_exam
from libsep.training.distillation.labels import LabelStore
from libsep.training.distillation.price import Price
from libsep.training.distillation.student import best_step, student_config
from libsep.training.local import train

from ..conftest import SAMPLE_RATE, copied, tone, write_wave

pytestmark = pytest.mark.slow

SETTINGS = {
    "labels": {"block_s": 6, "held_back": 0.3},
    "routing": {"folders": {"band*/**": "rock", "choir/**": "acoustic"}, "listen": False},
    "separation": {"device": "cpu", "precision": "float32"},
    "training": {
        "workers": 1,
        "precision": "float32",
        "log_interval": 1,
        "network": {"size": "XS"},
        "material": {"segment_s": 0.5, "n_renders": 0},
        "optimiser": {"n_steps": 2, "n_batch": 1, "n_warmup_steps": 0},
    },
}


class Notes:
    """An audience that remembers."""

    def __init__(self) -> None:
        self.interrupts = Interrupts()
        self.said: list[str] = []
        self.prices: list[Price] = []
        self.n_done: list[int] = []

    def say(self, message: str) -> None:
        self.said.append(message)

    def agrees(self, price: Price) -> bool:
        self.prices.append(price)
        return True

    def labelled(self, n_done: int, n_blocks: int) -> None:
        self.n_done.append(n_done)


@pytest.fixture
def library(tmp_path: Path) -> Path:
    for number, name in enumerate(("band a/one", "band b/two", "band c/three", "choir/four")):
        hertz = 90 + 50 * number
        write_wave(tmp_path / "music" / f"{name}.wav", tone(hertz, 13.0) + tone(9 * hertz, 13.0))
    (tmp_path / "music" / "band c" / "torn.wav").write_bytes(b"RIFF" + bytes(3_000_000))
    return tmp_path / "music"


@pytest.fixture
def job(tmp_path: Path, library: Path, tiny_cascade: Model) -> DistillationJob:
    """Return a job whose teacher does not split the accompaniment."""
    return DistillationJob(
        config=DistillationConfig.model_validate(SETTINGS),
        library=library,
        out=tmp_path / "out",
        teacher=read_model(tiny_cascade.folder.parent / "tiny-vocals"),
        genre="rock",
        start="random",
    )


def three_targets(folder: Path) -> Model:
    """Return a model of no vocals whose estimates are filtered."""
    arguments = {**SIZES["XS"], "targets": ["drums", "bass", "other"]}
    info = ModelInfo(
        name=folder.name,
        architecture="band_split_unet",
        arguments=arguments,
        targets=arguments["targets"],
        sample_rate=44100,
        licence="CC0",
        notice="credit the choir",
        wiener=[
            {"share": 0.5, "to_hz": 160, "targets": ["drums", "bass"], "over_s": {"bass": 0.4}}
        ],
    )
    return save_model(folder, info, build_network(info))


def store_of(job: DistillationJob, max_bytes: float = 1e9) -> LabelStore:
    return LabelStore(job.labels, job.teacher, max_bytes)


def taught_by(job: DistillationJob, notes: Notes, max_bytes: float = 1e9) -> Taught | None:
    student = Student(student_config(job), step_s=1.0)
    return teach(job, store_of(job, max_bytes), notes, notes.interrupts, student)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with embedded_ray(n_track_slots=2, object_store_bytes=150_000_000, n_gpus=0):
        yield


@pytest.mark.ray
def test_labels_of_a_genre_are_made_once_in_the_disk_that_they_may_take(
    cluster: None, job: DistillationJob
) -> None:
    early = Notes()
    taught = taught_by(job, early, max_bytes=7e6)
    (price,) = early.prices
    assert (price.n_tracks, price.n_left) == (4, len(price.blocks) - 1)
    assert 0 < price.block_s < 60
    assert taught is not None
    assert early.n_done == [1, 2, 3]
    assert "labels end early: labels.max_gb is full" in early.said
    assert 6e6 < store_of(job).n_bytes <= 7e6
    first = {path: path.stat().st_mtime_ns for path in job.labels.rglob("*.npy")}
    assert {path.name for path in first} == {"drums+bass+other.npy", "vocals.npy"}

    notes = Notes()
    more = taught_by(job, notes)
    assert more is not None
    assert more.n_blocks > taught.n_blocks
    n_torn = sum(block.track.source.name == "torn.wav" for block in price.blocks)
    assert n_torn > 0
    assert notes.n_done[-1] == len(price.blocks) - n_torn
    (problem,) = notes.said
    assert "band c/torn.wav" in problem
    assert all(path.stat().st_mtime_ns == time for path, time in first.items())
    assert not any("four" in path.name for path in job.labels.rglob("*"))
    for folder in job.labels.glob("*/train/*"):
        sources = [np.load(path).astype(int) for path in folder.glob("*.npy")]
        assert np.abs(sum(sources)).max() > 3000


@pytest.mark.parametrize("address", ["", "10.0.0.1:6379"])
def test_on_one_machine_no_log_goes_to_where_the_drive_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Machines of a cluster may each have a folder of their own there."""
    monkeypatch.setenv("RAY_ADDRESS", address)
    folder = begun_logs(tmp_path / "mount")
    assert not folder.has_gone
    shutil.rmtree(tmp_path / "mount")
    if not address:
        log.setup_worker(folder)
    assert (folder.has_gone, (tmp_path / "mount").exists()) == (not address, False)


def write_labels(job: DistillationJob) -> LabelStore:
    """Put songs where labels are: of the accompaniment nobody knows the parts."""
    store = store_of(job)
    for folder, hertz in ((store.train, 200.0), (store.held_back, 300.0)):
        (folder / "a").mkdir(parents=True)
        for name, factor in {"drums+bass+other": 1.0, "vocals": 4.0}.items():
            samples = np.rint(tone(factor * hertz, 2.0) * 32767).astype(np.int16)
            np.save(folder / "a" / f"{name}.npy", samples)
    return store


def test_a_student_is_installed_for_its_genre_only_if_it_passes(
    job: DistillationJob, songs_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBSEP_MODELS", str(tmp_path / "models"))
    store, notes, taught = write_labels(job), Notes(), Taught(n_blocks=1, hours=0.1)

    def ended(min_gain_db: float, *validation: Path) -> object:
        config = job.config.model_copy(update={"min_gain_db": min_gain_db})
        changed = DistillationJob(
            **{**vars(job), "config": config, "validation": validation, "data": (songs_folder,)}
        )
        return learn(changed, student_config(changed), store, taught, notes)

    refused = ended(50.0, songs_folder)
    assert refused.judgement is not None
    assert not refused.judgement.is_passed
    assert refused.judgement.reasons[0].startswith("true SDR")
    assert set(refused.judgement.marks[STUDENT].towards_teacher) == {
        "drums+bass+other",
        "vocals",
        "mean",
    }
    assert refused.installed is None
    model = read_model(job.model)
    assert model.licence == "MIT"
    assert model.scores[0].test_set == "2 songs with true stems, given by the user"
    assert "generic" in model.scores[0].beside
    assert "It did not pass" in (job.model / "README.md").read_text()
    assert not (tmp_path / "models").exists()

    passed = ended(-99.0)
    assert passed.judgement is not None
    assert passed.judgement.reasons[0].startswith("SDR towards the teacher")
    assert passed.installed == tmp_path / "models" / "rock"
    names = [each.name for each in list_models()]
    router = Router(job.config.routing, default_model="generic", available=names)
    assert router._model_of("rock") == ("rock", "")
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["rock"]


def test_a_second_stage_is_installed_as_a_cascade(
    job: DistillationJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBSEP_MODELS", str(tmp_path / "models"))
    vocals = job.teacher  # also takes the vocals off
    shutil.copytree(vocals.folder, tmp_path / "models" / vocals.name)
    for name in ("drums", "vocals"):
        write_wave(tmp_path / "choice" / "song" / f"{name}.wav", tone(250, 1.0))
    changes = {"behind": vocals, "choice": (tmp_path / "choice",)}
    job = DistillationJob(**{**vars(job), **changes})
    store = write_labels(job)
    train(job.training(student_config(job), store.train, store.held_back))
    assert best_step(job) == 2
    marks = {STUDENT: Marks(towards_teacher={"drums": 1.5, "mean": 1.5}, true={}, cost_s=0.1)}
    judgement = Judgement(is_passed=True, reasons=("good",), marks=marks)
    exam = Exam(labels=[], truths=[])
    student = write_student(job, Taught(n_blocks=1, hours=0.1), exam, judgement)
    assert student.targets == ("drums", "bass", "other", "vocals")
    assert install_student(job, student) == tmp_path / "models" / "rock"
    rock = find_model("rock")
    first, second = networks_of(rock)
    assert (first.name, second.name) == (vocals.name, "rock-accompaniment")
    assert second.targets == ("drums", "bass", "other")
    assert second.folder == tmp_path / "models" / "rock-accompaniment"
    assert rock.scores[0].values["mean"] == 1.5
    assert "tiny-vocals takes the vocals off first" in (rock.folder / "README.md").read_text()
    teacher = three_targets(tmp_path / "three")
    taught = DistillationJob(**{**vars(job), "teacher": teacher})
    write_student(taught, Taught(n_blocks=1, hours=0.1), exam, judgement)
    assert read_model(job.second_stage).wiener == teacher.wiener != second.wiener == ()
    network = job.config.training.network.model_copy(update={"architecture": "wave_unet"})
    training = job.config.training.model_copy(update={"network": network})
    config = job.config.model_copy(update={"training": training})
    assert _filters(DistillationJob(**{**vars(taught), "config": config})) == []
    alone = DistillationJob(**{**vars(job), "behind": None})
    with pytest.raises(ConfigError, match="this student was begun behind tiny-vocals"):
        student_config(alone)


def test_a_teacher_of_a_second_stage_splits_what_the_first_leaves(job: DistillationJob) -> None:
    with pytest.raises(ConfigError, match="tiny-vocals splits nothing that it leaves"):
        check_stage(DistillationJob(**{**vars(job), "behind": job.teacher}))


def test_songs_that_choose_do_not_judge(job: DistillationJob, songs_folder: Path) -> None:
    changes = {"choice": (songs_folder,), "validation": (songs_folder,)}
    with pytest.raises(ConfigError, match="is in --choose-by and in --validation"):
        check_exam(DistillationJob(**{**vars(job), **changes}))
    for option, name in (("choice", "--choose-by"), ("validation", "--validation")):
        learned = DistillationJob(**{**vars(job), "data": (songs_folder,), option: (songs_folder,)})
        with pytest.raises(ConfigError, match=f"bass.wav: is in --data and in {name}"):
            check_exam(learned)
    chosen = DistillationJob(**{**vars(job), "choice": (songs_folder,)})
    assert chosen.training(student_config(chosen), job.out, job.out).validation == (songs_folder,)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"choice": (Path(__file__).parent,)}, "--choose-by: .*: no songs with stems"),
        ({"start": "tiny-vocals"}, "--from: tiny-vocals is of the teacher tiny-vocals"),
        ({"library": Path("nowhere")}, "nowhere: no folder of music"),
        ({"data": (Path("nowhere"),)}, "--data: nowhere: not found"),
        ({"validation": (Path(__file__).parent,)}, "--validation: .*: no songs with stems"),
    ],
)
def test_a_job_that_cannot_work_is_refused_before_anything_is_written(
    job: DistillationJob, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        distil(DistillationJob(**{**vars(job), **changes}), Notes())
    assert not job.out.exists()


def test_a_student_has_the_licences_of_its_teacher_and_of_what_it_began_with(
    job: DistillationJob, tmp_path: Path
) -> None:
    start = three_targets(tmp_path / "start")
    begun = DistillationJob(**{**vars(job), "start": str(start.folder)})
    assert licences_of(begun)[-2:] == ("start: CC0", "credit the choir")
    about = _about(begun, Taught(n_blocks=1, hours=0.1))
    assert (about["licence"], about["notice"]) == ("MIT AND CC0", "credit the choir")
    assert _about(job, Taught(n_blocks=1, hours=0.1))["licence"] == "MIT"


def test_a_teacher_that_is_called_as_the_student_is_judged_as_itself(
    job: DistillationJob, songs_folder: Path, tiny_model: Model, tmp_path: Path
) -> None:
    teacher = copied(tiny_model, STUDENT, tmp_path / "earlier")
    taught = DistillationJob(**{**vars(job), "teacher": teacher, "genre": None})
    exam = load_exam(songs_folder, (songs_folder,), AudioCache(tmp_path / "cache", SAMPLE_RATE))
    judgement = _judged(taught, copied(tiny_model, STUDENT, tmp_path / "new"), exam)
    assert list(judgement.marks) == ["generic", str(teacher.folder), STUDENT]
    assert not judgement.marks[str(teacher.folder)].towards_teacher
    assert judgement.marks[STUDENT].towards_teacher
