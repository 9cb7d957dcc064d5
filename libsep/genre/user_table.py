"""A user's own table of genres: labels and regular expressions, with their genre or model."""

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from libsep.config import why_unreadable
from libsep.errors import ConfigError
from libsep.genre.names import GENERIC, GENRES, NOTHING
from libsep.genre.table import key
from libsep.genre.tags import labels_of, parts_of, quoted

MAX_PATTERN_CHARS = 200
"""Longest regular expression."""

_CHOICES = (*GENRES, GENERIC, NOTHING)
_EXPRESSION = re.compile(r"/(.*)/", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of the table: what it matches, and the genre or model (or both) that it gives.

    ``pattern`` is None for a plain label. ``genre`` may be `NOTHING`: the label is ignored.
    """

    name: str
    pattern: re.Pattern[str] | None
    genre: str | None = None
    model: str | None = None

    def matches(self, label: str) -> bool:
        """Return whether this line is about ``label``."""
        if self.pattern is not None:
            return self.pattern.search(label) is not None
        return key(self.name) == key(label) and bool(key(label))


@dataclasses.dataclass(frozen=True)
class UserTable:
    """The lines of a table; the first that matches counts."""

    entries: tuple[Entry, ...] = ()

    def find(self, values: Iterable[str]) -> tuple[Entry, str] | None:
        """Return the first line that gives a label or a part of one something, and why it does."""
        labels = labels_of(values)
        parts = (part for label in labels for part in parts_of(label))
        candidates = tuple(dict.fromkeys((*labels, *parts)))
        for entry in self.entries:
            for label in candidates:
                if entry.genre != NOTHING and entry.matches(label):
                    by = "" if entry.pattern is None else f" by {entry.name}"
                    return entry, f"tag {quoted((label,))} in the user's table{by}"
        return None

    def ignores(self, label: str) -> bool:
        """Return whether the first line about ``label`` says that it means nothing."""
        found = next((entry for entry in self.entries if entry.matches(label)), None)
        return found is not None and found.genre == NOTHING


def load_user_table(path: Path) -> UserTable:
    """Read a table: a YAML mapping of labels and ``/expressions/`` to genres.

    A value is the name of a genre, ``generic``, ``none`` (the label says nothing), or a mapping
    with ``genre``, ``model`` or both. Expressions are searched without regard to case.

    Raises
    ------
    ConfigError
        The file cannot be read, or a line is wrong; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(f"{path}: cannot be read as YAML: {why_unreadable(exc)}") from exc
    if root is None:
        return UserTable()
    if not isinstance(root, yaml.MappingNode):
        raise _error(path, root, "expected a mapping of labels to genres")
    entries: dict[str, Entry] = {}
    for label_node, value_node in root.value:
        entry = _entry(path, label_node, value_node)
        if entry.name in entries:
            raise _error(path, label_node, f"{entry.name!r} stands here for the second time")
        entries[entry.name] = entry
    return UserTable(tuple(entries.values()))


def _entry(path: Path, label_node: yaml.Node, value_node: yaml.Node) -> Entry:
    if not isinstance(label_node, yaml.ScalarNode) or not str(label_node.value).strip():
        raise _error(path, label_node, "expected a label or a /regular expression/")
    name = str(label_node.value).strip()
    expression = _EXPRESSION.fullmatch(name)
    pattern = _compiled(path, label_node, expression.group(1)) if expression else None
    values = _values(path, value_node)
    genre, model = values.get("genre"), values.get("model")
    if genre is not None and genre not in _CHOICES:
        raise _error(path, value_node, f"{genre!r} is no genre, there are: {', '.join(_CHOICES)}")
    if genre == NOTHING and model is not None:
        raise _error(path, value_node, "a label that says nothing cannot choose a model")
    return Entry(name=name, pattern=pattern, genre=genre, model=model)


def _values(path: Path, node: yaml.Node) -> dict[str, str]:
    """Return genre and model of a value, which is a text or a mapping of texts."""
    if isinstance(node, yaml.ScalarNode) and node.value.strip():
        return {"genre": node.value.strip()}
    if isinstance(node, yaml.MappingNode) and node.value:
        pairs: list[tuple[Any, Any]] = [(name.value, value.value) for name, value in node.value]
        if all(name in ("genre", "model") and value for name, value in pairs) and all(
            isinstance(value, str) for _, value in pairs
        ):
            return {name: value.strip() for name, value in pairs}
    raise _error(path, node, "expected a genre, or a mapping with genre, model or both")


def _compiled(path: Path, node: yaml.Node, expression: str) -> re.Pattern[str]:
    if not expression or len(expression) > MAX_PATTERN_CHARS:
        raise _error(path, node, f"expected an expression of 1 to {MAX_PATTERN_CHARS} characters")
    if _may_run_away(expression):
        raise _error(
            path,
            node,
            "a repeated group that repeats or offers a choice inside "
            "can take for ever; write it without one of the two",
        )
    try:
        return re.compile(expression, re.IGNORECASE)
    except re.error as exc:
        raise _error(path, node, f"{expression!r} is no regular expression: {exc}") from exc


def _may_run_away(expression: str) -> bool:
    """Return whether a repeated group contains a repeat or a choice, as in ``(a+)+``."""
    plain = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", "x", expression)
    groups = [False]
    for index, char in enumerate(plain):
        if char == "(":
            groups.append(False)
        elif char == ")" and len(groups) > 1:
            is_risky = groups.pop()
            if is_risky and plain[index + 1 : index + 2] in ("*", "+", "{"):
                return True
            groups[-1] |= is_risky
        elif char in "*+{|":
            groups[-1] = True
    return False


def _error(path: Path, node: yaml.Node, message: str) -> ConfigError:
    return ConfigError(f"{path}, line {node.start_mark.line + 1}: {message}")
