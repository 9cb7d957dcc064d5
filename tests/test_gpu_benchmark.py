"""The benchmark of a GPU works where there is none, on a core, and says so if it is to use one."""

import re

import pytest
import torch

from benchmarks import gpu
from libsep.separation.cpu import has_native_bfloat16


def test_each_model_has_a_row_for_each_precision_and_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "N_CALLS", 1)
    table = "\n".join(gpu.separation_rows(["small", "fast"], "cpu", [1, 2], 1.0))
    row_of_figures = r"^\| (\w+) \| (float32|bfloat16) \| (\d) \| ([\d.]+) \| ([\d.]+) \| - \|$"
    rows = re.findall(row_of_figures, table, re.MULTILINE)
    precisions = ("float32", "bfloat16") if has_native_bfloat16() else ("float32",)
    expected = [(m, p, n) for m in ("small", "fast") for p in precisions for n in ("1", "2")]
    assert [row[:3] for row in rows] == expected
    assert all(float(speed) > 0 for row in rows for speed in row[3:])


def test_a_training_step_lowers_the_loss() -> None:
    step = gpu.training_step("XS", "cpu", 1, is_bfloat16=False)
    losses = [step().item() for _ in range(6)]
    assert losses[-1] < losses[0]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["gpu"])
    with pytest.raises(SystemExit, match="no GPU: torch finds none"):
        gpu.main()
