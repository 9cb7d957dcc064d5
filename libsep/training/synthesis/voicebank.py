"""Voice banks in the UTAU format, recorded vowel to consonant to vowel.

A folder has recordings and ``oto.ini``, one line for each syllable: ``FILE=ALIAS,OFFSET,FIXED,
CUTOFF,BEFORE,OVERLAP`` in milliseconds, where ``ALIAS`` is the vowel before, a space, and the
syllable in kana, possibly followed by the name of a register (``a かA3``).
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError, reason_of
from libsep.training.synthesis.clips import Clip, Register, Samples, Syllable
from libsep.training.synthesis.singing import REST, measured_pitch

OTO = "oto.ini"
_LINE = re.compile(
    r"(?P<file>[^=]+)=(?P<before>[a-z]+|-) (?P<kana>[ぁ-ゖァ-ヺー]+)"
    r"(?P<register>\w*)(?P<numbers>(?:,-?[\d.]+){5})"
)
N_MEASURED = 9
"""Syllables whose median pitch is that of a register."""

SHORTEST_S = 0.15
"""Shorter syllables are left out."""


def load_singer(folders: Sequence[Path], cache: AudioCache) -> list[Register]:
    """Return the registers of a singer, one for each folder and suffix in it, from low to high.

    Raises
    ------
    ConfigError
        A folder has no ``oto.ini``, or no syllables of the kind that this reads, or no pitch can
        be heard in them.
    """
    registers: list[Register] = []
    for folder in folders:
        found: dict[str, dict[tuple[str, str], Syllable]] = defaultdict(dict)
        for line in _lines(folder):
            entry = _LINE.fullmatch(line.strip())
            if entry is not None and (folder / entry["file"]).is_file():
                key = (entry["before"], entry["kana"])
                syllable = _syllable(folder, entry, cache)
                if syllable is not None:
                    found[entry["register"]].setdefault(key, syllable)
        usable = {
            name: syllables
            for name, syllables in found.items()
            if any(before == REST for before, _ in syllables)
        }
        if not usable:
            raise ConfigError(f"{folder / OTO}: no syllables such as '- か' and 'a か'")
        registers += [
            Register(_pitch(folder, syllables, cache.sample_rate), syllables)
            for syllables in usable.values()
        ]
    return sorted(registers, key=lambda register: register.pitch)


def _lines(folder: Path) -> list[str]:
    try:
        data = (folder / OTO).read_bytes()
    except OSError as exc:
        raise ConfigError(f"{folder / OTO}: voice bank cannot be read: {reason_of(exc)}") from exc
    try:
        return data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        return data.decode("shift_jis", errors="replace").splitlines()


def _syllable(folder: Path, entry: re.Match[str], cache: AudioCache) -> Syllable | None:
    path = folder / entry["file"]
    offset, fixed, cutoff, before, overlap = (
        float(number) / 1000 for number in entry["numbers"].split(",")[1:]
    )
    if cutoff < 0 and -cutoff < SHORTEST_S:
        return None

    def load() -> Samples:
        samples = cache.samples(path)
        n_samples = samples.shape[1]
        start = max(int(offset * cache.sample_rate), 0)
        # A negative cut-off counts from the offset, a positive one from the end of the file.
        end = (
            start - cutoff * cache.sample_rate
            if cutoff < 0
            else n_samples - cutoff * cache.sample_rate
        )
        return samples[:, start : max(int(end), start + int(SHORTEST_S * cache.sample_rate))]

    return Syllable(Clip(load), _vowel(entry["kana"]), fixed, max(before, 0.0), max(overlap, 0.0))


def _vowel(kana: str) -> str:
    """Return what a syllable ends with: a, i, u, e, o or n; a long mark repeats what is before."""
    text = kana.rstrip("ー") or kana
    return unicodedata.name(text[-1], " A").rsplit(" ", 1)[-1][-1].lower()


def _pitch(folder: Path, syllables: dict[tuple[str, str], Syllable], sample_rate: int) -> float:
    """Return the median pitch of some syllables at the beginning of phrases."""
    first = [syllable for (before, _), syllable in syllables.items() if before == REST]
    measured = []
    for syllable in first[:: max(len(first) // N_MEASURED, 1)]:
        sound = syllable.clip.mono()
        pitch = measured_pitch(sound[int(syllable.fixed_s * sample_rate) :], sample_rate)
        if pitch is not None:
            measured.append(pitch)
    if not measured:
        raise ConfigError(f"{folder}: no pitch can be heard in the syllables")
    return float(np.median(measured))
