"""What every part of the configuration is, and how it is read."""

import os
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pydantic
import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict

from libsep.config.faults import sentence_of, why_unreadable
from libsep.config.plain_values import plain_values
from libsep.errors import ConfigError


class Section(BaseModel):
    """A part of the configuration: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _at_home(place: Path | str) -> Path | str:
    """Return a path with the folder of the user in place of the ``~`` that it begins with."""
    return type(place)(os.path.expanduser(place))  # noqa: PTH111 - a name is no path


UserPath = Annotated[Path, AfterValidator(_at_home)]
"""A path; it may begin with ``~``."""

Place = Annotated[str, AfterValidator(_at_home)]
"""A path, which may begin with ``~``, or the name of a model."""

SectionType = TypeVar("SectionType", bound=Section)


def parse(section: type[SectionType], values: dict[str, Any], *, origin: str) -> SectionType:
    """Return ``section`` filled with ``values``.

    Raises
    ------
    ConfigError
        Names ``origin``, the field, the value that was found and what was expected.
    """
    try:
        return section.model_validate(values)
    except pydantic.ValidationError as exc:
        raise ConfigError(f"{origin}: {sentence_of(exc, section)}") from exc


def load(section: type[SectionType], path: Path) -> SectionType:
    """Read a YAML file that holds what differs from the defaults of ``section``.

    Raises
    ------
    ConfigError
        The file cannot be read, is no YAML mapping, or has a field that is unknown, out of range,
        or there twice.
    """
    return parse(section, read_values(path), origin=str(path))


def read_values(path: Path) -> dict[str, Any]:
    """Return what a YAML file says, unchecked; nothing if it is empty.

    Files that come with libsep are found under the name that they have in its sources,
    ``configs/train/rock.yaml``, wherever it is installed.

    Raises
    ------
    ConfigError
        The file cannot be read, is no YAML mapping, or has a field twice.
    """
    try:
        values = plain_values(_found(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(f"{path}: cannot be read as YAML: {why_unreadable(exc)}") from exc
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of sections, found {type(values).__name__}")
    return values


def _found(path: Path) -> Path:
    """Return ``path``, or the file of this name inside the package or its sources."""
    if path.exists() or path.parts[:1] != ("configs",):
        return path
    package = Path(__file__).parents[1]
    places = (package / path, package.parent / path)
    return next((place for place in places if place.is_file()), path)
