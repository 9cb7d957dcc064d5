"""A report on two hundred tracks and some hostile names."""

from pathlib import Path

import pytest

from .pages import HOSTILE, converted, failed, report_on


@pytest.fixture
def report(tmp_path: Path) -> Path:
    rows = [converted(index) for index in range(200)]
    rows += [failed(name, f"is empty: {name}") for name in HOSTILE]
    rows += [failed("b/caf\\xe9.mp3", "is text, expected audio")]
    return report_on(tmp_path, rows)
