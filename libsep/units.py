"""The only place where one unit becomes another."""

import math


def seconds_to_samples(duration_s: float, sample_rate: int) -> int:
    """Return the number of samples nearest to ``duration_s`` at ``sample_rate`` (Hz)."""
    return round(duration_s * sample_rate)


def samples_to_seconds(n_samples: int, sample_rate: int) -> float:
    """Return how long ``n_samples`` last at ``sample_rate`` (Hz), in seconds."""
    return n_samples / sample_rate


def amplitude_to_db(amplitude: float) -> float:
    """Return the level of ``amplitude`` (full scale 1.0) in dB; zero gives ``-inf``."""
    return 20.0 * math.log10(amplitude) if amplitude > 0 else -math.inf


def power_to_db(power: float) -> float:
    """Return the level of ``power`` (full scale 1.0) in dB; zero gives ``-inf``."""
    return 10.0 * math.log10(power) if power > 0 else -math.inf


def db_to_amplitude(level_db: float) -> float:
    """Return the amplitude (full scale 1.0) of a level in dB."""
    return float(10.0 ** (level_db / 20.0))


def format_duration(duration_s: int | float) -> str:
    """Return a duration as people read it: ``0:07``, ``4:05``, ``2:00:00``."""
    total_s = round(duration_s)
    minutes, seconds = divmod(total_s, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 track``, ``2 tracks``, ``20,000 tracks``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_bytes(n_bytes: int | float) -> str:
    """Return a size with a decimal prefix: ``512 B``, ``9.6 MB``, ``1.3 TB``."""
    for prefix in ("", "k", "M", "G"):
        if abs(n_bytes) < 1000:
            return f"{n_bytes:.0f} B" if not prefix else f"{n_bytes:.1f} {prefix}B"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
