"""Who passes the gate of a distillation, and why not."""

import pytest

from libsep.training.distillation.job import STUDENT
from libsep.training.distillation.judgement import Marks, judge
from libsep.training.distillation.price import Price, steps_in


def marks(towards: float | None, true: float | None = None, cost_s: float = 0.1) -> Marks:
    def means(value: float | None) -> dict[str, float]:
        return {} if value is None else {"drums": float(value), "mean": float(value)}

    return Marks(towards_teacher=means(towards), true=means(true), cost_s=cost_s)


@pytest.mark.parametrize(
    ("student", "generic", "teacher", "is_passed", "reason"),
    [
        (marks(5.4), marks(5.0), marks(None), True, "towards the teacher +0.40 dB against generic"),
        (marks(5.2), marks(5.0), marks(None), False, "+0.20 dB against generic, at least +0.30"),
        (marks(1, 6, 0.05), marks(9, 5), marks(None, 7), True, "true SDR +1.00 dB against generic"),
        (marks(9, 5), marks(1, 6), marks(None, 7), False, "true SDR -1.00 dB against generic"),
        (marks(9, 6, 0.5), marks(1, 5), marks(None, 7, 0.1), False, "and it is not faster"),
        (marks(9, 8, 0.5), marks(1, 5), marks(None, 7, 0.1), True, "+1.00 dB against its teacher"),
    ],
)
def test_a_student_must_beat_what_was_there(
    student: Marks, generic: Marks, teacher: Marks, is_passed: bool, reason: str
) -> None:
    found = judge(
        {STUDENT: student, "generic": generic, "big": teacher},
        teacher="big",
        before=["generic"],
        gain_db=0.3,
    )
    assert found.is_passed == is_passed
    assert any(reason in text for text in found.reasons)


def test_labels_of_generic_alone_cannot_show_that_a_student_is_better() -> None:
    both = {STUDENT: marks(20.0), "generic": marks(None)}
    refused = judge(both, teacher="generic", before=["generic"], gain_db=0.3)
    assert not refused.is_passed
    assert "only true stems could show that it is better" in refused.reasons[0]
    shown = {STUDENT: marks(20.0, 5.5), "generic": marks(None, 5.0)}
    assert judge(shown, teacher="generic", before=["generic"], gain_db=0.3).is_passed


def test_it_must_beat_the_model_that_the_genre_has_already() -> None:
    found = judge(
        {STUDENT: marks(5), "generic": marks(3), "rock": marks(4.9), "big": marks(None)},
        teacher="big",
        before=["generic", "rock"],
        gain_db=0.3,
    )
    assert found.reasons == (
        "SDR towards the teacher +0.10 dB against rock, at least +0.30 needed",
    )


def test_the_time_that_labels_do_not_take_is_for_the_student() -> None:
    price = Price(
        n_tracks=9,
        blocks=[],
        n_left=100,
        n_sources=4,
        block_s=36.0,
        n_at_once=4,
        step_s=2.0,
        n_steps_begun=0,
        max_steps=10_000,
        max_hours=1.0,
    )
    assert price.label_s == 900
    assert price.n_steps == steps_in(2700.0, 2.0) == 1173
    assert price.label_s + price.training_s <= 3600
