"""What SECURITY.md promises of the source: nothing unpickled, no shell, YAML read safely."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from libsep.batch.environment import VARIABLES
from libsep.separation.catalogue import read_catalogue

ROOT = Path(__file__).parents[1]
SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
SOURCES = [
    path for name in ("libsep", "ray_jobs", "benchmarks") for path in (ROOT / name).rglob("*.py")
]

FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.spawnv",
    "pickle.load", "pickle.loads", "pickle.Unpickler", "marshal.loads", "shelve.open",
    "dill.loads", "joblib.load", "numpy.lib.format.read_array", "pandas.read_pickle",
    "yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "tempfile.mktemp",
    "subprocess.getoutput", "subprocess.getstatusoutput", "shutil.unpack_archive",
    "xml.etree.ElementTree.parse", "xml.etree.ElementTree.fromstring",
}  # fmt: skip
"""Calls that run what a file says, or start a shell."""

STARTERS = {"run", "Popen", "call", "check_call", "check_output"}


def calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    """Yield the calls of a module, with the full name of what is called."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            head, dot, rest = ast.unparse(node.func).partition(".")
            yield node, names.get(head, head) + dot + rest


def keywords(call: ast.Call) -> dict[str | None, str]:
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}


def holes(path: Path) -> list[str]:
    """Return the calls of a module that run what a file says."""
    found = []
    for call, name in calls(path):
        given = keywords(call)
        is_hole = (
            name in FORBIDDEN
            or given.get("shell", "False") != "False"
            or given.get("allow_pickle", "False") != "False"
            or (name == "torch.load" and given.get("weights_only") != "True")
        )
        if is_hole:
            found.append(f"{path}:{call.lineno}: {name}")
    return found


def test_no_module_runs_what_a_file_says() -> None:
    assert len(SOURCES) > 200
    assert [hole for path in SOURCES for hole in holes(path)] == []


def test_only_one_module_starts_programs() -> None:
    starters = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "libsep").rglob("*.py")
        for _, name in calls(path)
        if name in {f"subprocess.{starter}" for starter in STARTERS}
    }
    assert starters == {"libsep/media/programs.py"}


def test_the_check_sees_what_it_looks_for(tmp_path: Path) -> None:
    """Each line is a hole, under the names that programs give it."""
    lines = (
        "import yaml as y\ny.load(text)",
        "from pickle import loads as read\nread(data)",
        "import torch\ntorch.load(path)",
        "import subprocess\nsubprocess.run(line, shell=True)",
        "import os\nos.system(line)",
        "eval(text)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
    )
    for number, line in enumerate(lines):
        path = tmp_path / f"hole{number}.py"
        path.write_text(line)
        assert len(holes(path)) == 1, line


def test_ray_reports_no_usage() -> None:
    assert VARIABLES["RAY_USAGE_STATS_ENABLED"] == "0"


def test_what_is_pulled_is_pinned_or_not_fetched_unseen() -> None:
    """A file without a hash in the catalogue needs one from the user, see test_models.py."""
    files = [file for entry in read_catalogue() for file in entry.files]
    assert len([file for file in files if file.sha256]) > len(files) // 2
    for path in (ROOT / "models").glob("*/model.yaml"):
        model = yaml.safe_load(path.read_text(encoding="utf-8"))
        pinned = model.get("stages", [model])  # a cascade pins its stages
        assert all(len(each["sha256"]) == 64 for each in pinned)
        assert {file.suffix for file in path.parent.iterdir()}.isdisjoint({".pt", ".pth", ".pkl"})


def test_every_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", SECURITY)
    assert len(named) > 15
    for path, test in named:
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), test
