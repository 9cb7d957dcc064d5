"""Failures by reason, and what to type to try them again."""

import dataclasses
import re
import shlex
from collections.abc import Iterable, Iterator

from libsep.library.last_run import Told
from libsep.track import Outcome, text_to_path

MAX_EXAMPLES = 5
"""Tracks that are named for each reason; the list of tracks has all."""

KINDS = {
    "file": "what is in the file",
    "fault": "disk, network or device",
    "changed": "changed during the run",
    "bug": "an error in libsep",
    "crash": "its process died",
    "timeout": "took too long",
}
"""Kinds of failures in plain words."""


@dataclasses.dataclass(slots=True, kw_only=True)
class FailureGroup:
    """Tracks that failed for one reason. ``examples`` are the first of them."""

    kind: str
    stage: str
    reason: str
    is_tried_again: bool
    count: int = 0
    examples: list[str] = dataclasses.field(default_factory=list)


def failure_groups(failures: Iterable[Outcome]) -> list[FailureGroup]:
    """Return failures by kind, stage and reason, numbers in it aside; the most frequent first."""
    found: dict[tuple[str, str, str], FailureGroup] = {}
    for outcome in failures:
        reason = first_line(outcome)
        key = (outcome.kind, outcome.stage, re.sub(r"\d+", "0", reason))
        group = found.setdefault(
            key,
            FailureGroup(
                kind=KINDS.get(outcome.kind, outcome.kind),
                stage=outcome.stage,
                reason=reason,
                is_tried_again=not outcome.is_settled,
            ),
        )
        group.count += 1
        if len(group.examples) < MAX_EXAMPLES:
            group.examples.append(outcome.source)
    return sorted(found.values(), key=lambda group: -group.count)


def first_line(outcome: Outcome) -> str:
    """Return the reason of a failure in one line."""
    return next(iter(outcome.message.splitlines()), outcome.error) or "no reason given"


def run_command(library: str, stems: str, told: Told, *options: str) -> str:
    """Return the command that goes on with a library as a run before, ready for a shell.

    Parameters
    ----------
    library, stems
        Paths as `libsep.track.path_to_text` writes them, or URIs; an empty library is not known.
    told
        What the run before was told.
    options
        What follows.
    """
    places = [shell_word(place) if place else "LIBRARY" for place in (library, stems)]
    return " ".join(("libsep run", *places, *_same_options(told), *options))


def _same_options(told: Told) -> Iterator[str]:
    """Yield the words that tell another run the same."""
    if told.config_path is not None and not told.is_default:
        yield from ("-c", _quoted(str(told.config_path.absolute())))
    for each in told.playlists:
        yield from ("--playlist", _quoted(each))
    if told.with_library:
        yield "--with-library"


def shell_word(place: str) -> str:
    """Return a path or URI, written as those of `run_command`, as one word of a shell."""
    return _quoted(place if "://" in place else str(text_to_path(place)))


def _quoted(text: str) -> str:
    r"""Return a text as one word of a shell, whatever bytes it has.

    Control characters and bytes that are no UTF-8 need the form ``$'\xe9'`` of bash, zsh and ksh.
    """
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(map(_escaped, text)) + "'"


def _escaped(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    if char.isprintable():
        return char
    return "".join(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
