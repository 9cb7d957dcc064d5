"""The time that a run has, and what is left when it is over."""

from libsep.batch.schedule.costs import described_costs
from libsep.batch.schedule.night import Night
from libsep.batch.schedule.pace import Pace
from libsep.batch.schedule.window import Window
from libsep.config import Config
from libsep.ledger import Ledger
from libsep.library.survey import Survey, source_of
from libsep.machine import n_cores
from libsep.pipeline import Settings
from libsep.report.estimate import CPU_S_PER_AUDIO_S, estimate

RECENT_ROWS = 10_000
"""Outcomes of earlier runs, the last ones, that may tell how long tracks take."""


def night_of(window: Window, settings: Settings, ledger: Ledger) -> Night | None:
    """Return what decides which tracks still fit; None if the window never closes."""
    if not window.is_limited:
        return None
    config = settings.config
    pace = Pace(
        described_costs(settings.models),
        cpu_s_per_audio_s=CPU_S_PER_AUDIO_S[config.encode.codec],
        crowd=(config.run.tracks_in_flight or n_cores() + 1) / n_cores(),
    )
    pace.remember(ledger.rows(last=RECENT_ROWS))
    return Night(window, pace, margin=config.night.margin)


def time_left_s(found: Survey, ledger: Ledger, run: str, config: Config) -> float:
    """Return the seconds that the rest of a run's tracks will take, at its speed.

    Parameters
    ----------
    found
        What the run had to do.
    ledger
        Its ledger.
    run
        Its name.
    config
        Its configuration.
    """
    ended = {row.source for row in ledger.rows() if row.run == run}
    rest = (planned.track for planned in found.work if source_of(planned) not in ended)
    return estimate(
        rest,
        ledger.rows(),
        codec=config.encode.codec,
        bitrate_kbps=config.encode.bitrate_kbps,
        n_cores=n_cores(),
    ).wall_s
