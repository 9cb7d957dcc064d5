"""Sources that nobody has taken apart: the sum of several targets, called ``drums+bass``."""

from collections.abc import Iterable, Sequence

from libsep.track import TARGETS

OTHER = "other"
"""The target of whatever has none of its own."""


def targets_of(name: str) -> tuple[str, ...]:
    """Return the targets that a source is the sum of; a target is the sum of itself."""
    return tuple(name.split("+"))


def name_of(targets: Iterable[str]) -> str:
    """Return what the sum of these targets is called; their order does not matter."""
    wanted = set(targets)
    return "+".join(target for target in TARGETS if target in wanted)


def is_source(name: str) -> bool:
    """Return whether this is the name of a target, or of a sum of different ones."""
    targets = targets_of(name)
    return set(targets) <= set(TARGETS) and len(set(targets)) == len(targets)


def clash(names: Iterable[str]) -> str | None:
    """Return a target that belongs to several of these sources; None if there is none."""
    targets = [target for name in names for target in targets_of(name)]
    return next((target for target in targets if targets.count(target) > 1), None)


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of sources in the order of the first target of each; other names are left out.

    So ``drums+other`` comes before ``bass``.
    """
    known = [name for name in names if is_source(name)]
    return tuple(sorted(known, key=lambda name: min(map(TARGETS.index, targets_of(name)))))


def merged_names(names: Iterable[str], targets: Sequence[str]) -> dict[str, list[str]]:
    """Return which sources of a song add up to those of a network, by their new names.

    What is not among ``targets`` belongs to `OTHER`. Sources that have a target in common after
    that become one sum.
    """
    groups: list[tuple[set[str], list[str]]] = []
    for name in in_order(names):
        kept = {target if target in targets else OTHER for target in targets_of(name)}
        parts = [name]
        for group in [each for each in groups if each[0] & kept]:
            groups.remove(group)
            kept |= group[0]
            parts = group[1] + parts
        groups.append((kept, parts))
    return {name_of(kept): parts for kept, parts in groups}
