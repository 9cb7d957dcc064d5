"""What YAML says in plain values: of configurations, and of the descriptions of models."""

from typing import Any

import yaml

_FAST: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser, if PyYAML was built with it: seven times as fast, and every process reads the
descriptions of all models, some of them several times."""


def plain_values(text: str) -> Any:
    """Return what YAML says, which can be nothing but plain values.

    Raises
    ------
    yaml.YAMLError
        The text is no YAML, or a name stands in a mapping twice, of which PyYAML lets the last win.
    """
    try:
        try:
            return _loaded(text, _FAST)
        except yaml.YAMLError:
            return _loaded(text, yaml.SafeLoader)  # it says better what is wrong
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None


def _loaded(text: str, kind: Any) -> Any:
    loader = kind(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _refuse_doubles(root)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _refuse_doubles(root: yaml.Node) -> None:
    """Refuse a name that stands in a mapping twice, at its place."""
    remaining, done = [root], set()
    while remaining:
        node = remaining.pop()
        if id(node) in done:  # an alias of another
            continue
        done.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            remaining.extend(reversed(node.value))
        elif isinstance(node, yaml.MappingNode):
            _refuse_double_name(node)
            remaining.extend(part for pair in reversed(node.value) for part in reversed(pair))


def _refuse_double_name(mapping: yaml.MappingNode) -> None:
    names = set()
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if (key.tag, key.value) in names:
            problem = f"{key.value!r} stands here for the second time"
            raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
        names.add((key.tag, key.value))
