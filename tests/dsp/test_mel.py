"""Slaney's mel bands, held against torchaudio's and against what can be worked out by hand."""

import pytest
import torch
import torchaudio

from libsep.dsp.mel import slaney_filters, slaney_frequencies, slaney_mels


def test_the_scale_is_linear_to_one_kilohertz_and_then_grows_by_a_constant_factor() -> None:
    hertz = torch.tensor([0.0, 200 / 3, 1000.0, 6400.0], dtype=torch.float64)
    mels = slaney_mels(hertz)
    assert mels.tolist() == pytest.approx([0.0, 1.0, 15.0, 15.0 + 27.0])
    assert slaney_frequencies(mels).tolist() == pytest.approx(hertz.tolist())


@pytest.mark.parametrize(
    ("n_bands", "n_fft", "sample_rate"), [(96, 512, 16000), (40, 1024, 22050), (128, 2048, 44100)]
)
def test_filters_are_those_of_torchaudio(n_bands: int, n_fft: int, sample_rate: int) -> None:
    expected = torchaudio.functional.melscale_fbanks(
        n_fft // 2 + 1,
        0.0,
        sample_rate / 2,
        n_bands,
        sample_rate,
        norm="slaney",
        mel_scale="slaney",
    )
    found = slaney_filters(n_bands, n_fft, sample_rate)
    torch.testing.assert_close(found, expected.T, rtol=1e-3, atol=1e-7)


def test_each_wide_filter_has_an_area_of_one() -> None:
    filters = slaney_filters(20, 4096, 16000)
    areas = filters.sum(dim=1) * 16000 / 4096
    torch.testing.assert_close(areas, torch.ones(20), rtol=2e-2, atol=0.0)
