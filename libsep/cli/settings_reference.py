"""The reference of all settings, made from their code: ``python -m libsep.cli.settings_reference``.

Types, ranges and defaults come from `libsep.config`, the words from what stands below each field.
"""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from libsep.config import Config, DistillationConfig, Section, TrainingConfig
from libsep.config.genre_training import OF_KIND

_HEAD = """# Settings

This page is made from the settings themselves by `python -m libsep.cli.settings_reference`.

Few settings are options of commands. All others stand in a YAML file, which holds only what differs
from the defaults:

```yaml
encode: {codec: alac}
scan: {exclude: ["Podcasts/**"]}
night: {until: "06:00"}
```

`libsep run ~/Music ~/Stems -c mine.yaml` takes it. An option of the command counts more than the
file. A name that is not known, or a value out of its range, is an error with its place. Paths may
begin with `~`; others are relative to the folder in which the command is started. Each run keeps
all of its settings in `STEMS/.libsep/runs/RUN/config.yaml`.

## Of runs and single tracks

The file that `run`, `convert`, `status`, `audit` and other commands take with `-c`.
"""

_DISTILLATIONS = """
## Of distillations

The file that `libsep distil` takes with `-c`. `scan`, `routing` and `separation` (of the teacher)
are as above, `training` as below.
"""

_TRAININGS = """
## Of trainings

The file that `libsep train` is given. Without `kind` it trains a separator.
"""

_BOUNDS = {"gt": "above", "ge": "from", "lt": "below", "le": "up to"}

_MOST_SHOWN = 70
"""Letters of a default that are shown; longer ones are lists."""


class Setting(NamedTuple):
    """A field with its dotted name, the section that it belongs to, and its default."""

    name: str
    field: FieldInfo
    section: type[Section]
    default: Any


def reference() -> str:
    """Return the page in Markdown: each file that commands take, section by section."""
    pages = [
        _HEAD,
        *_sections(Config),
        _DISTILLATIONS,
        _table([each for each in _fields(DistillationConfig) if each.name == "min_gain_db"]),
        *_sections(DistillationConfig, "labels"),
        _student(),
        _TRAININGS,
        _table(list(_fields(TrainingConfig, is_whole=True))),
    ]
    for kind, section in OF_KIND.items():
        about = _plain(inspect.getdoc(section) or "").partition(". ")[0].rstrip(".")
        pages += [f"\n### kind: {kind}\n\n{about}.\n", _table(list(_fields(section)))]
    return "".join(pages)


def _sections(root: type[Section], *names: str) -> Iterator[str]:
    for name, field in root.model_fields.items():
        section = _section_of(field)
        if section is not None and (name in names or not names):
            about = _plain(inspect.getdoc(section) or "")
            yield f"\n### {name}\n\n{about}\n" + _table(list(_fields(section)))


def _student() -> str:
    section = _section_of(DistillationConfig.model_fields["training"])
    assert section is not None
    usual = {each.name: each.default for each in _fields(TrainingConfig, is_whole=True)}
    fields = _fields(section, is_whole=True)
    other = [each for each in fields if each.default != usual[each.name]]
    return "\n### training\n\nWhat has another default here:\n" + _table(other)


def _fields(
    section: type[Section],
    before: str = "",
    defaults: Section | None = None,
    *,
    is_whole: bool = False,
) -> Iterator[Setting]:
    """Yield the fields of a section and of those inside.

    A section that is shown elsewhere, with the same defaults, is one field, unless all shall be
    shown here.
    """
    shown = set() if is_whole else _sections_of(Config) | _sections_of(TrainingConfig)
    for name, field in section.model_fields.items():
        inner = _section_of(field)
        default = field.get_default(call_default_factory=True)
        default = default if defaults is None else getattr(defaults, name)
        if inner is None or (inner in shown and default == inner()):
            yield Setting(before + name, field, section, default)
        else:
            values = default if isinstance(default, Section) else None
            yield from _fields(inner, f"{before}{name}.", values, is_whole=is_whole)


def _sections_of(root: type[Section]) -> set[type[Section]]:
    return {section for field in root.model_fields.values() if (section := _section_of(field))}


def _section_of(field: FieldInfo) -> type[Section] | None:
    found = [field.annotation, *get_args(field.annotation)]
    return next((c for c in found if isinstance(c, type) and issubclass(c, Section)), None)


def _table(settings: list[Setting]) -> str:
    lines = ["", "| setting | default | is |", "| --- | --- | --- |"]
    for each in settings:
        takes = _takes(each.field)
        text = _text(each.section, each.name.rpartition(".")[2])
        told = f"{text} ({takes})" if takes else text
        lines.append(f"| `{each.name}` | {_default(each)} | {told} |")
    return "\n".join(lines) + "\n"


def _default(setting: Setting) -> str:
    if setting.field.is_required():
        return "needed"
    match setting.default:
        case None | () | "":
            return ""
        case dict(values) if not values:
            return ""
        case Section():
            return "as above"
        case bool(value):
            text = str(value).lower()
        case float(value):
            text = f"{value:.10g}"
        case tuple(values):
            text = str(list(values))
        case value:
            text = str(value)
    return f"`{text}`" if len(text) <= _MOST_SHOWN else "a list"


def _takes(field: FieldInfo) -> str:
    """Return the values of a field that are allowed: names, or the bounds of a number."""
    kinds = (field.annotation, *get_args(field.annotation))
    names = next((get_args(kind) for kind in kinds if get_origin(kind) is Literal), ())
    if names:
        return ", ".join(f"`{name}`" for name in names)
    bounds = dict.fromkeys(
        (word, f"{value:.10g}")
        for limit in (*field.metadata, *_inner_metadata(field.annotation))
        for name, word in _BOUNDS.items()
        if (value := getattr(limit, name, None)) is not None
    )
    return ", ".join(f"{word} {value}" for word, value in bounds)


def _inner_metadata(annotation: Any) -> Iterator[Any]:
    for part in get_args(annotation):
        for found in getattr(part, "__metadata__", ()):
            yield from getattr(found, "metadata", ())


def _text(section: type[Section], name: str) -> str:
    texts = (_docstrings(each).get(name) for each in section.__mro__ if issubclass(each, Section))
    return next(filter(None, texts), "")


@cache
def _docstrings(section: type) -> dict[str, str]:
    """Return what stands below each field of a class, as one line of Markdown."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    assert isinstance(tree, ast.ClassDef)
    texts = {}
    for field, below in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            match below:
                case ast.Expr(value=ast.Constant(value=text)):
                    texts[field.target.id] = _plain(str(text))
                case _:
                    texts[field.target.id] = ""
    return texts


def _plain(text: str) -> str:
    return re.sub(r"``(.*?)``", r"`\1`", " ".join(text.split())).replace("|", "\\|")


if __name__ == "__main__":
    print(reference(), end="")
