"""What a cluster's nodes must have before they get tracks, on real nodes that differ."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from ray.job_config import JobConfig

import libsep
from libsep.batch.cluster import inspection, preflight
from libsep.batch.cluster.inspection import Needs, look
from libsep.batch.cluster.preflight import check_nodes, needs_of, node_name, working_nodes
from libsep.config import Config
from libsep.errors import ConfigError, NodesError
from libsep.ledger import FOLDER
from libsep.pipeline import Settings
from libsep.separation.blend import blend, exchange
from libsep.separation.registry import Model

from ..conftest import tone, track_called, write_wave
from .nodes import HEAD, NODE, PatientCluster

pytestmark = [pytest.mark.ray, pytest.mark.slow]


def another_libsep(folder: Path) -> Path:
    """Return a folder with a libsep of another version, for ``PYTHONPATH``."""
    package = folder / "libsep"
    package.mkdir(parents=True)
    for entry in Path(libsep.__file__).parent.iterdir():
        (package / entry.name).symlink_to(entry)
    (package / "__init__.py").unlink()
    (package / "__init__.py").write_text('"""Older."""\n__version__ = "0.0.9"\n')
    return folder


def another_ffmpeg(folder: Path) -> Path:
    """Return a program that says it is another ffmpeg."""
    path = folder / "ffmpeg"
    path.write_text("#!/bin/sh\necho ffmpeg version 3.4 Copyright\n")
    path.chmod(0o755)
    return path


def add_node(cluster: Cluster, **arguments: Any) -> Any:
    return cluster.add_node(**NODE | arguments)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Yield a cluster of a head that works on nothing, and a node like this machine."""
    cluster = PatientCluster()
    cluster.add_node(**HEAD)
    add_node(cluster)
    # As libsep connects: a node's own libsep counts, not the one of the folder we are in.
    job = JobConfig(_client_job=True)
    ray.init(cluster.address, configure_logging=False, log_to_driver=False, job_config=job)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def needs(tmp_path: Path, tiny_model: Model) -> Needs:
    """Return what a run of three tracks needs."""
    tracks = [tmp_path / "library" / f"{index}.wav" for index in range(3)]
    for path in tracks:
        write_wave(path, tone(440, 0.1))
    return Needs(
        models=(tiny_model,),
        tracks=tuple((path, path.stat().st_size) for path in tracks),
        output_root=tmp_path / "stems",
    )


def test_nodes_that_agree_leave_no_trace(cluster: Cluster, needs: Needs) -> None:
    assert check_nodes(needs) == 1  # the head has no work to give
    assert needs.output_root is not None
    assert [path.name for path in needs.output_root.rglob("*")] == [FOLDER]


def test_each_node_that_differs_is_named_with_what_it_has(
    cluster: Cluster, needs: Needs, tmp_path: Path
) -> None:
    """One has an old libsep and another ffmpeg, the other none that can be imported."""
    alike = {node["NodeID"] for node in working_nodes()}
    broken = tmp_path / "broken" / "libsep"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no libsep here')\n")
    variables = {
        "PYTHONPATH": str(another_libsep(tmp_path / "old")),
        "LIBSEP_FFMPEG": str(another_ffmpeg(tmp_path)),
    }
    added = [
        add_node(cluster, env_vars=variables, labels={"has": "old"}),
        add_node(cluster, env_vars={"PYTHONPATH": str(broken.parent)}, labels={"has": "none"}),
    ]
    nodes = {node["Labels"].get("has"): node for node in working_nodes()}
    try:
        with pytest.raises(NodesError, match="2 of 4 machines") as caught:
            check_nodes(needs)
        with pytest.raises(NodesError, match="1 of 2 machines") as late:
            check_nodes(needs, [nodes["none"]])  # as for one that joins late
    finally:
        for node in added:
            cluster.remove_node(node)
    assert {node["NodeID"] for node in working_nodes()} == alike
    name = node_name(nodes["old"])
    found = {(what, there): here for _, what, there, here in caught.value.rows}
    assert all(row[0] == name for row in caught.value.rows)  # all nodes are this machine
    assert found.pop(("libsep", "0.0.9")) == libsep.__version__
    assert found.pop(("ffmpeg", "ffmpeg version 3.4")).startswith("ffmpeg version ")
    (((what, there), _),) = found.items()
    assert what == "libsep"
    assert "no libsep here" in there
    assert [row[2] for row in late.value.rows] == [there]


def test_a_node_needs_the_blend_whose_weights_a_model_shares(
    cluster: Cluster, tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node has a folder of models of its own: without the base, with another, damaged."""
    here, there, tiny = tmp_path / "here", tmp_path / "there", str(tiny_model.folder)
    blend(here / "base", [tiny, tiny], [3.0, 1.0])
    rock = exchange(here / "rock", "base", 1, tiny)
    shutil.copytree(here, there)
    monkeypatch.setenv("LIBSEP_MODELS", str(here))
    elsewhere = Needs(models=(rock.model_copy(update={"folder": tmp_path / "driver" / "rock"}),))
    added = add_node(cluster, env_vars={"LIBSEP_MODELS": str(there)}, labels={"has": "models"})
    (node,) = (each for each in working_nodes() if each["Labels"].get("has") == "models")

    def found() -> str:
        with pytest.raises(NodesError) as caught:
            check_nodes(elsewhere, [node])
        ((_, what, found, expected),) = caught.value.rows
        assert (what, expected) == ("model rock", f"sha256 {rock.sha256[:12]}")
        return str(found)

    try:
        assert check_nodes(elsewhere, [node]) == 1
        shutil.rmtree(there / "base")
        assert found().startswith("rock: shares the weights of base: no model is called 'base'")
        other = blend(there / "base", [tiny, tiny], [1.0, 1.0], is_8_bit=True)
        assert f"{other.sha256}, expected {rock.base.sha256}" in found()
        shutil.rmtree(there / "base")
        shutil.copytree(here / "base", there / "base")
        assert check_nodes(elsewhere, [node]) == 1
        (there / "base" / other.weights_path.name).write_bytes(b"half")
        assert found().startswith(f"{there}/base/")
    finally:
        cluster.remove_node(added)


def test_a_node_that_is_gone_is_a_node_that_differs(cluster: Cluster, needs: Needs) -> None:
    gone = {**working_nodes()[0], "NodeID": "ab" * 28, "NodeManagerHostname": "lost"}
    with pytest.raises(NodesError) as caught:
        check_nodes(needs, [gone])
    assert [(name.partition(" ")[0], what) for name, what, *_ in caught.value.rows] == [
        ("lost", "answer")
    ]


def test_a_node_that_hangs_is_a_node_that_differs(
    cluster: Cluster, needs: Needs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A track on a drive that hangs is a pipe to which nobody writes."""
    monkeypatch.setattr(preflight, "ANSWER_TIMEOUT_S", 1.0)
    os.mkfifo(tmp_path / "pipe")
    hangs = Needs(tracks=((tmp_path / "pipe", 0),))
    rows = list(preflight._answers(hangs, working_nodes()))
    assert "no answer for 1 s" in rows[0][1]["answer"].found


def test_a_model_that_is_damaged_is_found(needs: Needs, tmp_path: Path) -> None:
    (model,) = needs.models
    shutil.copytree(model.folder, tmp_path / "copy")
    (tmp_path / "copy" / model.weights_path.name).write_bytes(b"half")
    damaged = model.model_copy(update={"folder": tmp_path / "copy"})
    finding = look(Needs(models=(damaged,)))[f"model {model.name}"]
    assert not finding.is_usable
    assert "sha256 is" in finding.found


def test_a_library_that_is_another_one_is_found(needs: Needs) -> None:
    (path, size_bytes), *rest = needs.tracks
    other = Needs(tracks=((path, size_bytes + 1), *rest))
    assert f"{size_bytes} bytes, expected {size_bytes + 1}" in look(other)["library"].found
    path.unlink()
    assert look(needs)["library"].found == f"{path}: No such file or directory"


def test_a_folder_that_the_driver_does_not_share_is_found(needs: Needs) -> None:
    assert "not the driver's" in look(needs)["stems folder"].found


def test_an_output_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "stems").write_text("a file")
    with pytest.raises(ConfigError, match="stems: cannot be written"):
        check_nodes(Needs(output_root=tmp_path / "stems"), [])


def test_too_little_scratch_space_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "MIN_SCRATCH_BYTES", sys.maxsize)
    with pytest.raises(NodesError) as caught:
        check_nodes(Needs(), [])
    ((name, what, found, _),) = caught.value.rows
    assert (name, what) == ("this machine", "scratch space")
    assert "free in" in found


def test_probes_are_spread_over_the_run(tiny_model: Model, tmp_path: Path) -> None:
    settings = Settings(
        config=Config(), models={"tiny": tiny_model}, output_root=tmp_path, run="test"
    )
    tracks = [
        track_called(name, size_bytes=size, mtime_ns=0)
        for size, name in enumerate(map(str, range(1000)))
    ]
    needs = needs_of(settings, tracks)
    assert [size_bytes for _, size_bytes in needs.tracks] == [0, 143, 285, 428, 571, 714, 856, 999]
    assert needs.models == (tiny_model,)
    assert needs_of(settings, tracks[:3]).tracks == tuple((Path(str(n)), n) for n in range(3))
    assert needs_of(settings, []).tracks == ()
