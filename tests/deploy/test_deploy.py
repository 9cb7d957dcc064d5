"""Every file in deploy/ is valid for the program that reads it, and says what the guide says."""

import plistlib
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config
from typer.testing import CliRunner

from libsep import __version__
from libsep.cli.app import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = "1.33"

RAY_CLUSTER_FIELDS = {
    "authOptions": {"mode"},
    "headGroupSpec": {"rayStartParams", "template"},
    "rayVersion": None,
    "workerGroupSpecs": {
        "groupName", "maxReplicas", "minReplicas", "rayStartParams", "replicas", "template",
    },
}  # fmt: skip
"""The fields of KubeRay's RayCluster that we use, as its v1 schema (release 1.7.0) has them."""

RAY_JOB_FIELDS = {
    "activeDeadlineSeconds", "backoffLimit", "entrypoint", "rayClusterSpec", "runtimeEnvYAML",
    "shutdownAfterJobFinishes", "submissionMode", "ttlSecondsAfterFinished",
}  # fmt: skip
"""Those of its RayJob."""


def read(path: str) -> Any:
    return yaml.safe_load((DEPLOY / path).read_text(encoding="utf-8"))


def ray_cluster(kind: str) -> dict[str, Any]:
    spec: dict[str, Any] = read(f"kubernetes/{kind}.yaml")["spec"]
    return spec.get("rayClusterSpec", spec)


def pods(kind: str) -> list[dict[str, Any]]:
    """Return the specification of every pod in a file."""
    if kind == "nightly":
        return [read("kubernetes/nightly.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]]
    cluster = ray_cluster(kind)
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def commands() -> list[str]:
    """Return every ``libsep`` command line in the files and in the guide."""
    files = [
        path for path in DEPLOY.rglob("*") if path.is_file() and path.name != "constraints.txt"
    ]
    texts = [path.read_text(encoding="utf-8").replace("\\\n", " ") for path in files]
    found = [
        match
        for text in texts
        for match in re.findall(r"(?:libsep run|separate_library\.py)[^\n`<>&|#]*", text)
    ]
    args = read("kubernetes/nightly.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    nightly = args["containers"][0]["args"]
    return [*found, shlex.join(nightly[nightly.index("--") + 1 :])]


def test_every_command_line_in_it_is_one_that_libsep_takes() -> None:
    found = [line for line in commands() if len(shlex.split(line)) > 2]
    assert len(found) >= 8
    help_text = CliRunner().invoke(app, ["run", "--help"], env={"COLUMNS": "200"}).output
    for line in found:
        options = [word.partition("=")[0] for word in shlex.split(line) if word.startswith("--")]
        assert [option for option in options if option not in help_text] == [], line


HADOLINT = Path(sys.executable).with_name("hadolint")


def hadolint(path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([HADOLINT, path], capture_output=True, text=True, check=False)


@pytest.mark.skipif(not HADOLINT.exists(), reason="no hadolint for this kind of machine")
def test_the_image_is_what_hadolint_accepts(tmp_path: Path) -> None:
    found = hadolint(DEPLOY / "Dockerfile")
    assert found.returncode == 0, found.stdout
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    (tmp_path / "Dockerfile").write_text(re.sub(r"(FROM python):\S+", r"\1:latest", text))
    assert "DL3007" in hadolint(tmp_path / "Dockerfile").stdout


def test_the_image_is_pinned_built_in_stages_and_runs_as_nobody_special() -> None:
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    stages = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert len(stages) == 2
    assert set(stages) == {"python:3.11.13-slim-bookworm"}
    assert "--constraint deploy/constraints.txt" in text
    assert re.findall(r"^USER (\S+)", text, re.MULTILINE) == ["1000:1000"]
    for source in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE):
        for name in source.split():
            assert (ROOT / name).exists(), name
            assert f"!{name}" in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()


def test_the_image_that_is_built_is_the_one_that_is_pulled() -> None:
    files = [path for path in DEPLOY.rglob("*") if path.is_file()]
    tags = {
        (path.name, tag)
        for path in files
        for tag in re.findall(r"registry\.example\.org/libsep:([\w.]+)", path.read_text("utf-8"))
    }
    assert {name for name, _ in tags} >= {"Dockerfile", "README.md", "aws.yaml", "nightly.yaml"}
    assert {tag for _, tag in tags} == {__version__}


@pytest.mark.parametrize("name", ["on-prem", "aws"])
def test_ray_up_takes_the_cluster(name: str) -> None:
    config = read(f"ray-up/{name}.yaml")
    validate_config(prepare_config(config))
    (start,) = [line for line in config["head_start_ray_commands"] if "ray start" in line]
    assert "--num-cpus=0" in start
    assert "--dashboard-host=127.0.0.1" in start
    for line in (*config["head_start_ray_commands"], *config["worker_start_ray_commands"]):
        assert "ray start" not in line or "RAY_AUTH_MODE=token" in line
        # Jobs find `libsep` and `python` where Ray found them.
        assert "ray start" not in line or name == "aws" or "PATH=/opt/libsep/.venv/bin:" in line
    assert "/home/libsep/.ray/auth_token" in config["file_mounts"]


def test_ray_up_would_refuse_a_field_that_it_does_not_know() -> None:
    config = read("ray-up/on-prem.yaml") | {"head_start_ray_commandos": []}
    with pytest.raises(Exception, match="head_start_ray_commandos"):
        validate_config(prepare_config(config))


def test_the_cron_job_is_valid_and_never_runs_twice_at_once() -> None:
    job = read("kubernetes/nightly.yaml")
    kubernetes_validate.validate(job, KUBERNETES, strict=True)
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job | {"schedules": ""}, KUBERNETES, strict=True)


@pytest.mark.parametrize("kind", ["raycluster", "rayjob", "nightly"])
def test_every_pod_is_valid_and_may_do_little(kind: str) -> None:
    for spec in pods(kind):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)
        assert spec["securityContext"]["runAsNonRoot"]
        assert not spec["automountServiceAccountToken"]
        for container in spec["containers"]:
            assert not container["securityContext"]["allowPrivilegeEscalation"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            for mount in container["volumeMounts"]:
                assert mount["name"] != "music" or mount["readOnly"]


@pytest.mark.parametrize("kind", ["raycluster", "rayjob"])
def test_a_ray_cluster_has_known_fields_a_token_and_an_idle_head(kind: str) -> None:
    cluster = ray_cluster(kind)
    assert set(cluster) <= set(RAY_CLUSTER_FIELDS)
    for name, fields in RAY_CLUSTER_FIELDS.items():
        parts = cluster[name] if isinstance(cluster[name], list) else [cluster[name]]
        assert fields is None or all(set(part) <= fields for part in parts)
    assert cluster["authOptions"] == {"mode": "token"}
    assert cluster["headGroupSpec"]["rayStartParams"] == {"num-cpus": "0"}
    constraints = (DEPLOY / "constraints.txt").read_text(encoding="utf-8")
    assert f"ray=={cluster['rayVersion']}\n" in constraints


def test_a_ray_job_has_known_fields_and_time_to_drain() -> None:
    job = read("kubernetes/rayjob.yaml")["spec"]
    assert set(job) <= RAY_JOB_FIELDS
    assert int(yaml.safe_load(job["runtimeEnvYAML"])["env_vars"]["RAY_JOB_STOP_WAIT_TIME_S"]) > 600
    assert job["backoffLimit"] == 0  # failed tracks are no reason for another cluster


def unit(name: str) -> dict[str, list[str]]:
    """Return the values of a systemd unit by key."""
    values: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / name).read_text(encoding="utf-8").splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            values.setdefault(key, []).append(value)
    return values


def test_the_service_drains_before_it_is_killed() -> None:
    service = unit("libsep.service")
    assert service["KillMode"] == ["mixed"]  # only libsep is asked; its ffmpegs go on
    assert service["TimeoutStopSec"] == ["45min"]
    assert service["SuccessExitStatus"] == ["143"]
    assert service["User"] == ["libsep"]
    assert unit("libsep.timer")["Persistent"] == ["no"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """With a program that exists, since systemd looks for it."""
    for name in ("libsep.service", "libsep.timer"):
        text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
        text = text.replace("/opt/libsep/.venv/bin/libsep", sys.executable)
        (tmp_path / name).write_text(text)
    units = [tmp_path / "libsep.service", tmp_path / "libsep.timer"]
    found = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    assert "libsep" not in found.stderr


def test_the_line_for_cron_is_one() -> None:
    text = (DEPLOY / "cron" / "libsep.crontab").read_text(encoding="utf-8")
    assert text.endswith("\n")  # cron leaves out a last line without one
    (line,) = [line for line in text.splitlines() if re.match(r"[\d*]", line)]
    *fields, command = line.split(maxsplit=5)
    for field, (lowest, highest) in zip(
        fields, [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)], strict=True
    ):
        assert field == "*" or lowest <= int(field) <= highest
    assert "%" not in command  # which would be a line break
    assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0


def test_launchd_takes_the_property_list() -> None:
    job = plistlib.loads((DEPLOY / "launchd" / "org.libsep.nightly.plist").read_bytes())
    known = {
        "Label": str, "ProgramArguments": list, "StartCalendarInterval": dict, "ExitTimeOut": int,
        "ProcessType": str, "LowPriorityIO": bool, "Nice": int, "StandardOutPath": str,
        "StandardErrorPath": str,
    }  # fmt: skip
    assert {key: type(value) for key, value in job.items()} == known
    assert job["StartCalendarInterval"] == {"Hour": 23, "Minute": 0}
    assert job["ProcessType"] in ("Background", "Standard", "Adaptive", "Interactive")
    shell, option, command = job["ProgramArguments"]
    assert (shell, option) == ("/bin/sh", "-c")
    assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0


def test_every_file_of_the_guide_exists() -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert len(links) > 6
    assert [link for link in links if not (DEPLOY / link).exists()] == []
