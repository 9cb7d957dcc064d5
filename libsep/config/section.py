"""What every part of the configuration is, and how it is read."""

from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict

from libsep.config.faults import sentence_of, why_unreadable
from libsep.errors import ConfigError


class Section(BaseModel):
    """A part of the configuration: immutable, and an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class _Loader(yaml.SafeLoader):
    """YAML in which a name stands once in a mapping; PyYAML lets the last of several win."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Refuse a name that stands in a mapping twice, at its place."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name in seen:
                problem = f"{key.value!r} stands here for the second time"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            if name:
                seen.add(name)
        return node


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
        values = _parsed(_found(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ConfigError(f"{path}: cannot be read as YAML: {why_unreadable(exc)}") from exc
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of sections, found {type(values).__name__}")
    return values


def _parsed(text: str) -> Any:
    """Return what YAML says; it can say nothing but plain values."""
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _found(path: Path) -> Path:
    """Return ``path``, or the file of this name inside the package or its sources."""
    if path.exists() or path.parts[:1] != ("configs",):
        return path
    package = Path(__file__).parents[1]
    places = (package / path, package.parent / path)
    return next((place for place in places if place.is_file()), path)
