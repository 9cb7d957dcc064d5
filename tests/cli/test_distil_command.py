"""What ``libsep distil`` asks, tells and refuses; the work itself is tested in tests/batch."""

from pathlib import Path

import pytest

from libsep.batch.distillation.run import Result
from libsep.cli.distillation import Watcher, distillation_config, ending
from libsep.config import DistillationConfig
from libsep.errors import ConfigError
from libsep.separation.registry import Model
from libsep.training.distillation.job import STUDENT, DistillationJob
from libsep.training.distillation.judgement import Judgement, Marks
from libsep.training.distillation.price import Price

PRICE = Price(
    n_tracks=7,
    blocks=[],
    n_left=20,
    n_sources=4,
    block_s=6.0,
    n_at_once=2,
    step_s=1.0,
    n_steps_begun=0,
    max_steps=100,
    max_hours=1.0,
)


@pytest.fixture
def job(tmp_path: Path, tiny_model: Model) -> DistillationJob:
    teacher = tiny_model.model_copy(update={"notice": "ask the choir"})
    return DistillationJob(
        config=DistillationConfig(), library=tmp_path, out=tmp_path, teacher=teacher, genre="jazz"
    )


def test_options_come_before_the_file_and_the_file_before_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("{labels: {max_gb: 3, block_s: 9}, training: {network: {size: M}}}")
    config = distillation_config(path, size="L", genre="jazz", max_gb=2.0, device="cpu")
    assert (config.labels.max_gb, config.labels.block_s) == (2.0, 9.0)
    assert (config.training.network.size, config.separation.device) == ("L", "cpu")
    assert config.training.optimiser.learning_rate == 6e-4
    with pytest.raises(ConfigError, match="--genre: 'polka', expected one of electronic"):
        distillation_config(None, size="S", genre="polka", max_gb=None, device=None)
    with pytest.raises(ConfigError, match=r"options: training\.network\.size: .*found 'XXL'"):
        distillation_config(None, size="XXL", genre=None, max_gb=None, device=None)


def test_price_and_licence_are_told_and_nobody_is_asked_where_nobody_is(
    job: DistillationJob, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=r"nobody is there to be asked .*expected --yes"):
        Watcher(job, is_agreed=False, is_dry=False).agrees(PRICE)
    told = capsys.readouterr().err
    assert "1:00 for 20 blocks, 6.0 s for one, 2 at a time" in told
    assert "1:55 for 100 steps of 1.00 s" in told
    assert "tiny: MIT" in told
    assert "ask the choir" in told
    assert Watcher(job, is_agreed=True, is_dry=False).agrees(PRICE)
    assert not Watcher(job, is_agreed=True, is_dry=True).agrees(PRICE)


@pytest.mark.parametrize(
    ("is_passed", "code", "words"),
    [(True, 0, "libsep run takes it for jazz"), (False, 1, "not installed; the student lies in")],
)
def test_the_end_says_whether_the_student_serves_now(
    job: DistillationJob,
    capsys: pytest.CaptureFixture[str],
    is_passed: bool,
    code: int,
    words: str,
) -> None:
    marks = {STUDENT: Marks(towards_teacher={"mean": 5.25}, true={}, cost_s=0.05)}
    judgement = Judgement(is_passed=is_passed, reasons=("because",), marks=marks)
    watcher = Watcher(job, is_agreed=True, is_dry=False)
    place = Path("models/jazz") if is_passed else None
    assert ending(job, Result(judgement=judgement, installed=place), watcher) == code
    printed = capsys.readouterr().out
    assert words in printed
    assert "5.25 dB" in printed
    assert "20.0 × real time" in printed
    assert ending(job, Result(interrupted=2), watcher) == 130
