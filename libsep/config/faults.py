"""What is wrong with a configuration or a description, in one line."""

import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import pydantic
import yaml
from pydantic import BaseModel

from libsep.errors import reason_of

MAX_SHOWN = 80
"""Letters of a wrong value that are shown."""

_MAPPINGS = ("dict_type", "mapping_type", "model_type", "model_attributes_type")
_LISTS = ("list_type", "tuple_type")


def sentence_of(error: pydantic.ValidationError, section: type[BaseModel]) -> str:
    """Return which field of ``section`` is wrong and how; of several the first, and how many."""
    first, *others = error.errors()
    field = ".".join(str(part) for part in first["loc"] if part != "[key]")
    found = "" if first["type"] in ("missing", "extra_forbidden") else _shown(first["input"])
    more = f"; and {len(others)} more" if others else ""
    return (f"{field}: " if field else "") + _what(first, section) + found + more


def why_unreadable(error: OSError | UnicodeDecodeError | yaml.YAMLError) -> str:
    """Return why a file cannot be read as YAML, in one line."""
    if isinstance(error, OSError):
        return reason_of(error)
    if isinstance(error, UnicodeDecodeError):
        return f"no UTF-8 at byte {error.start}"
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + (getattr(error, "problem", None) or " ".join(str(error).split()))


def _what(error: Any, section: type[BaseModel]) -> str:
    kind, message, context = error["type"], error["msg"], error.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return _unknown(error["loc"], section)
    if kind in _MAPPINGS:
        return "expected fields with values"
    if kind in _LISTS:
        return "expected a list"
    if kind == "invalid_key":
        return "expected a text as name"
    if kind in ("too_short", "string_too_short"):
        unit = " letters" if kind.startswith("string") else ""
        least = context["min_length"]
        return "expected a text" if unit and least == 1 else f"expected {least}{unit} or more"
    if kind in ("too_long", "string_too_long"):
        unit = " letters" if kind.startswith("string") else ""
        return f"expected {context['max_length']}{unit} at most"
    if kind == "string_pattern_mismatch":
        return f"expected a text like {context['pattern']}"
    if kind == "value_error":
        return str(context["error"])
    # What pydantic explains behind a comma is how it tried.
    text = message if kind in ("literal_error", "enum") else message.partition(",")[0]
    return re.sub(r"^Input should (be|have) ", "expected ", text)


def _shown(value: Any) -> str:
    if isinstance(value, dict | BaseModel):
        return ""
    text = repr(value)
    return f" (found {text[:MAX_SHOWN]}{'…' if len(text) > MAX_SHOWN else ''})"


def _unknown(place: Sequence[int | str], section: type[BaseModel]) -> str:
    *parents, name = place
    fields = _fields_at(parents, section)
    close = difflib.get_close_matches(str(name), fields, n=1)
    there = f"did you mean {close[0]}?" if close else f"there are: {', '.join(fields)}"
    return f"is unknown, {there}" if fields else "is unknown"


def _fields_at(place: Sequence[int | str], section: type[BaseModel]) -> list[str]:
    """Return the fields of the part of a section that lies at a place; none if that is unclear."""
    for part in place:
        if isinstance(part, str) and part in section.model_fields:
            inner = next(_sections_in(section.model_fields[part].annotation), None)
            if inner is None:
                return []
            section = inner
    return list(section.model_fields)


def _sections_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _sections_in(argument)
