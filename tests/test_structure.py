"""Files and functions stay small enough to be read at once."""

import ast
import builtins
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAX_FILE_LINES = 350
MAX_FUNCTION_LINES = 60


@pytest.mark.parametrize("folder", ["libsep", "ray_jobs", "tests"])
def test_files_and_functions_are_short(folder: str) -> None:
    too_long = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(ROOT)
        if (n_lines := len(text.splitlines())) > MAX_FILE_LINES:
            too_long.append(f"{name}: {n_lines} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                n_lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if n_lines > MAX_FUNCTION_LINES:
                    too_long.append(f"{name}:{node.lineno}: {node.name} has {n_lines} lines")
    assert too_long == []


IN_SCRATCH = {"libsep/library/demo/files.py", "libsep/genre/public.py", "libsep/media/atomic.py"}
"""Where files are written that lie in a folder of this process, and the module that all others
use."""


def test_what_is_kept_is_written_whole_or_not_at_all() -> None:
    direct = []
    for path in sorted((ROOT / "libsep").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Attribute)
                and node.attr in ("write_text", "write_bytes")
                and not (isinstance(node.value, ast.Name) and node.value.id in ("part", "atomic"))
                and name not in IN_SCRATCH
            ):
                direct.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    assert direct == []


def test_one_module_asks_the_machine_for_a_temporary_folder() -> None:
    """It says so in plain words where there is none; the ledger names a folder of its own."""
    asking = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "libsep").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(each.name == "tempfile" for each in node.names)
    }
    assert asking == {"libsep/machine.py", "libsep/storage/ledger.py"}


def _catches_os_errors(handler: ast.ExceptHandler, module: ast.Module) -> bool:
    """Return whether it does, by its own list of errors or by a tuple that the module names."""
    named = {
        target.id: node.value
        for node in module.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    kinds = getattr(handler.type, "elts", [handler.type])
    kinds = [
        each for kind in kinds for each in getattr(named.get(ast.unparse(kind)), "elts", [kind])
    ]
    classes = (getattr(builtins, ast.unparse(kind), None) for kind in kinds)
    kinds = [each for each in classes if isinstance(each, type) and issubclass(each, OSError)]
    return any(each is not TimeoutError for each in kinds)  # the sampler raises that, in words


def _tells(node: ast.AST, error: str) -> bool:
    """Return whether this is the error in an f-string, or as an argument of ``str``."""
    if isinstance(node, ast.FormattedValue):
        return ast.unparse(node.value) == error
    return isinstance(node, ast.Call) and ast.unparse(node) == f"str({error})"


def test_what_the_system_refuses_is_told_without_the_number_that_python_puts_before_it() -> None:
    raw = []
    for path in sorted((ROOT / "libsep").rglob("*.py")):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for handler in ast.walk(module):
            if not (isinstance(handler, ast.ExceptHandler) and handler.name and handler.type):
                continue
            told = [node.lineno for node in ast.walk(handler) if _tells(node, handler.name)]
            if told and _catches_os_errors(handler, module):
                raw.append(f"{path.relative_to(ROOT).as_posix()}:{told[0]}")
    assert raw == []
