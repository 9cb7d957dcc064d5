import pytest

from libsep.config import TrainingConfig
from libsep.training.distillation.student import crowding


@pytest.mark.parametrize(
    ("workers", "device", "n_cores", "factor"),
    [(1, "cpu", 1, 2.0), (8, "cpu", 8, 1.125), (1, "cpu", 2, 1.0), (1, "cuda", 2, 1.0)],
)
def test_a_sampler_that_shares_the_cores_makes_steps_longer(
    workers: int, device: str, n_cores: int, factor: float
) -> None:
    config = TrainingConfig.model_validate({"workers": workers, "device": device})
    assert crowding(config, n_cores) == factor
