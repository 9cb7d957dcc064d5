"""``libsep models``, with a catalogue on loopback."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.separation.blend import blend, exchange
from libsep.separation.registry import Model

from ..processes import Ended, ended_here
from ..separation.file_server import FileServer, serving
from ..separation.public_model import checkpoint, write_catalogue

CONTENT = checkpoint()

LibsepModels = Callable[..., Ended]


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serving(CONTENT) as server:
        yield server


@pytest.fixture
def libsep(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LibsepModels:
    """Return a function that runs the command with small public models and an empty shelf."""
    path = write_catalogue(tmp_path / "catalogue.yaml", server.url("whole/a.ckpt"), CONTENT)
    monkeypatch.setattr("libsep.separation.catalogue.CATALOGUE_PATH", path)
    monkeypatch.setenv("LIBSEP_MODELS", str(tmp_path / "shelf"))
    monkeypatch.setenv("no_proxy", "*")
    return ended_here


@pytest.mark.parametrize("n_columns", [40, 80, 120, 140, 160])
def test_a_terminal_of_any_width_shows_whole_words_of_the_list(n_columns: int) -> None:
    env = {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": str(n_columns)}
    listed = CliRunner(env=env).invoke(app, ["models", "list"], catch_exceptions=False).stdout
    words = re.sub(r"\x1b\[[0-9;]*m", "", listed).split()
    assert {"accompaniment-blend", "amplitude_phase_net", "measured:", "chosen,"} <= set(words)
    assert "…" not in listed


def test_the_list_tells_what_is_here_and_what_can_be_pulled(libsep: LibsepModels) -> None:
    ended = libsep("models", "list")
    assert ended.code == 0, ended.err
    lines = {line.split()[0]: line for line in ended.out.splitlines() if line.strip()}
    assert "shipped" in lines["generic"]
    assert "measured" in lines["generic"]
    assert "super-resolution" in lines["super_resolution"]
    assert "shipped" in lines["super_resolution"]
    assert "can be pulled" in lines["little"]
    assert "6.5, published: a test set" in lines["little"]
    assert "0.5 × small" in lines["little"]
    assert "research-only" in lines["little-restricted"]
    assert lines["little-unpinned"].count("not known") == 2
    rows = libsep("models", "list", "--json").json
    (little,) = [row for row in rows if row["name"] == "little"]
    (score,) = little["published"]
    assert (score["test_set"], score["values"]) == ("a test set", {"drums": 7.25, "mean": 6.5})
    assert little["measured"] == []


@pytest.mark.slow
def test_a_public_model_is_pulled_shown_and_used(
    libsep: LibsepModels, encode: Callable[..., Path], rng: np.random.Generator, tmp_path: Path
) -> None:
    source = encode("song.flac", (0.1 * rng.standard_normal((2, 30000))).astype(np.float32))
    before = libsep("models", "show", "little")
    assert "url: http://127.0.0.1" in before.out
    name = "little-restricted"
    ended = libsep("models", "pull", name, "--accept-licence")
    assert ended.code == 0, ended.err
    assert ended.out == f"{name} lies in {tmp_path / 'shelf' / name}\n"
    after = libsep("models", "show", name).out
    for text in (
        "notice: Copyright somebody.",
        "segment_s: 2.5",
        f"# {name}",
        "| a test set | SDR | libsep | 7.25",
    ):
        assert text in after
    used = libsep("convert", source, "--model", name)
    assert used.code == 0, used.out + used.err
    assert (tmp_path / "song.stem.mp4").is_file()


def test_a_model_that_came_with_libsep_need_not_be_pulled(libsep: LibsepModels) -> None:
    ended = libsep("models", "pull", "small")
    assert (ended.code, ended.err) == (0, "")
    assert re.fullmatch(r"small comes with libsep, and lies in \S+/models/small\n", ended.out)
    for name, message in (("small", "comes with libsep"), ("musicnn", "knows the hashes")):
        refused = libsep("models", "pull", name, "--sha256", "0" * 64)
        assert (refused.code, refused.out) == (2, "")
        assert message in refused.err


def test_a_restricted_licence_has_to_be_accepted(libsep: LibsepModels, server: FileServer) -> None:
    refused = libsep("models", "pull", "little-restricted")
    assert refused.code == 2
    assert "research-only: Copyright somebody." in refused.err
    assert "--accept-licence is needed" in refused.err
    assert server.ranges == []


def test_a_file_and_its_hash_can_be_given(libsep: LibsepModels, tmp_path: Path) -> None:
    path = tmp_path / "mine.ckpt"
    path.write_bytes(CONTENT)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    ended = libsep("models", "pull", "little-unpinned", "--from", path, "--sha256", sha256)
    assert ended.code == 0, ended.err


@pytest.mark.slow
def test_what_goes_wrong_is_one_line_and_exit_code_2(
    libsep: LibsepModels, server: FileServer
) -> None:
    server.content = CONTENT[:-1] + b"x"
    for arguments, message in (
        (("pull", "little"), "sha256 of the"),
        (("pull", "large"), "no public model is called 'large', there are: little,"),
        (("show", "large"), "no model is called 'large'"),
    ):
        ended = libsep("models", *arguments)
        assert ended.code == 2
        assert message in ended.err
        assert "Traceback" not in ended.err


@pytest.mark.parametrize("command", ["blend", "chain"])
def test_a_file_is_no_folder_for_a_model(
    libsep: LibsepModels, tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").write_text("mine")
    ended = libsep("models", command, tmp_path / "file", "small", "small")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"libsep: {tmp_path}/file: expected a folder, found a file\n"


def test_an_unknown_model_is_answered_with_all_of_any_kind_and_what_is_near(
    libsep: LibsepModels,
) -> None:
    ended = libsep("models", "show", "drum-hit")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("libsep: no model is called 'drum-hit': did you mean drum-hits")
    for name in ("generic", "genre", "super_resolution", "drum-sounds", "little"):
        assert f" {name}" in ended.err
    assert ended.err.count("\n") == 1
    assert "did you mean" not in libsep("models", "show", "xyzzy").err


def test_a_shipped_model_is_shown_with_its_card(libsep: LibsepModels) -> None:
    ended = libsep("models", "show", "generic")
    assert ended.code == 0
    assert "# generic" in ended.out
    assert json.loads(libsep("models", "show", "generic", "--json").out)["licence"] == "MIT"


def test_a_model_that_shares_weights_is_listed_with_its_own_size_and_what_it_shares(
    libsep: LibsepModels, tmp_path: Path, tiny_model: Model
) -> None:
    shelf, tiny = tmp_path / "shelf", str(tiny_model.folder)
    whole = blend(shelf / "whole", [tiny, tiny], [3.0, 1.0])
    rock = exchange(shelf / "rock", "whole", 1, tiny)
    rows = {row["name"]: row for row in libsep("models", "list", "--json").json}
    assert rows["rock"]["size_bytes"] == rock.weights_path.stat().st_size
    assert rows["rock"]["shares"] == ["whole"]
    assert rows["whole"]["size_bytes"] == whole.weights_path.stat().st_size
    assert rows["whole"]["shares"] == []
    listed = " ".join(libsep("models", "list").out.split())
    assert ", rest in whole" in listed
    whole.weights_path.unlink()
    (row,) = (row for row in libsep("models", "list", "--json").json if row["name"] == "rock")
    assert row["size_bytes"] is None, "it cannot be used"


def test_a_cascade_whose_stage_is_gone_is_listed_beside_the_others(
    libsep: LibsepModels, tmp_path: Path, tiny_cascade: Model
) -> None:
    folder = Path(shutil.copytree(tiny_cascade.folder.parent, tmp_path / "shelf"))
    whole = {row["name"]: row for row in libsep("models", "list", "--json").json}
    assert whole["tiny-cascade"]["state"] == "pulled"
    assert whole["tiny-cascade"]["size_bytes"] > 0
    shutil.rmtree(folder / "tiny-vocals")
    ended = libsep("models", "list", "--json")
    assert ended.code == 0, ended.err
    rows = {row["name"]: row for row in ended.json}
    assert (rows["tiny-cascade"]["state"], rows["tiny-cascade"]["size_bytes"]) == (
        "part missing",
        None,
    )
    assert rows["generic"]["state"] == "shipped"
