"""Lines that several commands print."""

from rich.console import Console
from rich.markup import escape

from libsep.track import Outcome
from libsep.units import format_duration

_JOINERS = "\u200c\u200d"
"""Parts of Persian and Indian words, and of emoji; they change the shape of letters only."""


def print_error(text: str) -> Console:
    """Print why a command ends, and return where."""
    console = Console(stderr=True, soft_wrap=True)
    console.print(f"[bold red]libsep:[/] {markup(text)}", highlight=False)
    return console


def describe(outcome: Outcome) -> str:
    """Return an outcome as one line with markup: what, which track, how fast or why not."""
    name = markup(outcome.source)
    if outcome.status == "failed":
        reason = markup(outcome.message.splitlines()[0] if outcome.message else outcome.error)
        return f"[bold red]failed[/] {name}: {outcome.stage}: {reason}"
    if outcome.action == "move":
        return f"[green]moved[/] {name} [dim]was {markup(outcome.moved_from)}[/]"
    if outcome.action != "convert" or outcome.status == "skipped":
        return f"[green]{'re-tagged' if outcome.action == 'retag' else 'up to date'}[/] {name}"
    speed = outcome.duration_s / max(outcome.wall_s, 1e-3)
    length, wall = format_duration(outcome.duration_s), format_duration(outcome.wall_s)
    return f"[green]done[/] {name} [dim]{length} in {wall}, {speed:.1f} × real time[/]"


def describe_spectrum(outcome: Outcome) -> str:
    """Return where a track was cut off, and whether it was restored; empty if it was not."""
    if outcome.cutoff_hz is None or outcome.cutoff_confidence is None:
        return ""
    text = (
        f"cut off at {outcome.cutoff_hz / 1000:.1f} kHz (sure to {outcome.cutoff_confidence:.0%})"
    )
    return f"{text}, restored above" if outcome.restored_from_hz is not None else text


def describe_drums(outcome: Outcome) -> str:
    """Return how many attacks of drums were replaced; empty if nobody has looked for any."""
    if outcome.n_hits_replaced is None:
        return ""
    return f"{outcome.n_hits_replaced} attacks of drums replaced ({outcome.drum_transients})"


def markup(text: str) -> str:
    """Return text of a user so that rich prints it as it is, without control characters."""
    return escape("".join(char if char.isprintable() or char in _JOINERS else "�" for char in text))
