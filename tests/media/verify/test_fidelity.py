from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from libsep.errors import VerifyError
from libsep.media.verify import verify_fidelity


def broken_rules(path: Path, sources: np.ndarray, **options) -> list[str]:
    return [finding.rule for finding in verify_fidelity(path, sources, **options).errors]


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_what_was_encoded_is_found_again(request, sources, codec) -> None:
    path = request.getfixturevalue(f"{codec}_stem")
    assert broken_rules(path, sources) == []
    part = np.ascontiguousarray(sources[..., 30000:60000])
    assert broken_rules(path, part, start_samples=30000) == []


def test_two_swapped_streams_break_d1(aac_stem, sources) -> None:
    swapped = sources[[0, 2, 1, 3, 4]]
    report = verify_fidelity(aac_stem, swapped)
    assert [finding.message for finding in report.errors] == [
        "Drums holds Bass",
        "Bass holds Drums",
    ]


@pytest.mark.parametrize("shift", [-1, 1, 1088])
def test_a_shifted_stream_breaks_d1(aac_stem, sources, shift) -> None:
    shifted = sources.copy()
    shifted[3] = np.roll(shifted[3], -shift, axis=-1)
    report = verify_fidelity(aac_stem, shifted)
    assert [finding.message for finding in report.errors] == [f"Other is {shift} samples late"]


@pytest.mark.parametrize(("gain", "hiss"), [(-1.0, 0.001), (-0.997, 0.0)])
def test_opposite_channels_are_faithful_and_their_swap_is_not(
    make_stem_file, sources, rng, gain, hiss
) -> None:
    opposite = np.stack([sources[:, 0], gain * sources[:, 0]], axis=1)
    opposite += (hiss * rng.standard_normal(opposite.shape)).astype(np.float32)
    opposite[0] = opposite[1:].sum(axis=0)
    path = make_stem_file(opposite)
    assert broken_rules(path, opposite) == []
    for wrong in (-opposite, np.roll(opposite, 700, axis=2), opposite[[0, 2, 1, 3, 4]]):
        assert "D1" in broken_rules(path, np.ascontiguousarray(wrong))


def test_swapped_channels_break_d1(aac_stem, sources) -> None:
    swapped = np.ascontiguousarray(sources[:, ::-1])
    found = [finding.message for finding in verify_fidelity(aac_stem, swapped).errors]
    assert found[0] == "Master has left and right swapped"


def test_another_signal_breaks_d1(aac_stem, sources, rng) -> None:
    other = sources.copy()
    other[4] = rng.standard_normal(other[4].shape)
    assert "D1" in broken_rules(aac_stem, other)


def test_a_shorter_file_breaks_d1(aac_stem, sources) -> None:
    longer = np.concatenate([sources, sources], axis=2)
    assert broken_rules(aac_stem, longer) == ["D1"]


def test_one_changed_step_of_alac_breaks_d2(alac_stem, sources) -> None:
    changed = sources.copy()
    changed[1, 0, 1000] += np.float32(2.0**-22)
    report = verify_fidelity(alac_stem, changed)
    assert [finding.message for finding in report.errors] == ["Drums differs in 1 samples"]


def test_stems_that_do_not_add_up_break_d3(make_stem_file, sources) -> None:
    louder = sources / 4
    louder[1] *= 3
    assert broken_rules(make_stem_file(louder), louder) == ["D3"]


def test_stems_above_full_scale_which_the_codec_cuts_off_are_faithful(
    make_stem_file: Callable[..., Path], sources: np.ndarray
) -> None:
    loud = sources * np.float32(2 / np.abs(sources).max())
    assert broken_rules(make_stem_file(loud, codec="alac"), loud) == []


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_a_quiet_beginning_is_faithful_and_faults_in_it_are_found(
    make_stem_file: Callable[..., Path], sources: np.ndarray, codec: str
) -> None:
    quiet = sources * np.float32(0.01 / np.abs(sources).max())
    assert broken_rules(make_stem_file(quiet, codec=codec), quiet) == []
    louder = quiet.copy()
    louder[1] *= 3
    assert broken_rules(make_stem_file(louder, codec=codec), louder) == ["D3"]


def test_slow_signals_that_fit_themselves_a_little_later_are_faithful(
    make_stem_file: Callable[..., Path],
) -> None:
    seconds = np.arange(44100) / 44100
    tones = np.stack([np.sin(2 * np.pi * hz * seconds) for hz in (31, 37, 41, 43)])
    noise = np.random.default_rng(5).standard_normal((4, 44100))
    stems = np.repeat((0.2 * tones + 0.002 * noise)[:, None], 2, axis=1)
    sources = np.concatenate([stems.sum(axis=0)[None], stems]).astype(np.float32)
    late = np.roll(sources, 2, axis=-1)
    path = make_stem_file(sources, codec="aac")
    assert broken_rules(path, sources) == []
    assert broken_rules(path, late) == []


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_silence_is_faithful(make_stem_file, codec) -> None:
    silence = np.zeros((5, 2, 22050), np.float32)
    assert broken_rules(make_stem_file(silence, codec=codec), silence) == []


def test_a_file_without_five_streams_cannot_be_compared(encode, sources) -> None:
    with pytest.raises(VerifyError):
        verify_fidelity(encode("x.m4a", sources[0]), sources)
