"""What the README, the help and the package promise."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.main import get_command
from typer.testing import CliRunner

from libsep.cli.app import app
from libsep.cli.subcommands import NAMES
from libsep.cli.subcommands import load as load_command
from libsep.config import Config, load, load_training
from libsep.datasets.song_list import SongList
from libsep.genre.user_table import load_user_table
from libsep.ledger import Ledger
from libsep.library.demo.files import example_stem_file
from libsep.media.ffmpeg import find_ffmpeg
from libsep.media.verify import verify_stems
from libsep.model_folder.description import models_folder
from libsep.restoration.model import find_restoration_model
from libsep.restoration.weights import load_network as load_restoration_network
from libsep.separation.registry import Model, files_of, find_model, list_models
from libsep.separation.separator import Separator
from libsep.track import TARGETS, Outcome
from libsep.training.synthesis.sample_list import SampleList, is_sample_list

from .conftest import tone, write_wave

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [name for name in NAMES if name != "models"]


@pytest.mark.parametrize("path", sorted((ROOT / "configs").rglob("*.yaml")), ids=str)
def test_every_configuration_loads(path: Path) -> None:
    if path.name == "genres.yaml":
        assert load_user_table(path).entries
    elif path.parent.name == "samples":
        assert is_sample_list(path)
        load(SampleList, path)
    elif path.parent.name == "songs":
        load(SongList, path)
    elif path.parent.name == "train":
        load_training(path)
    else:
        load(Config, path)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_stands_in_the_readme(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert len(result.output) > 200
    assert f"`libsep {command} " in README or f"`libsep {command}`" in README


@pytest.mark.parametrize("command", ["list", "show", "pull", "chain", "blend", "average"])
def test_every_command_for_models_has_help(command: str) -> None:
    result = CliRunner().invoke(app, ["models", command, "--help"])
    assert result.exit_code == 0
    assert len(result.output) > 200
    assert "`libsep models list\\|show\\|pull\\|chain\\|blend\\|average`" in README


@pytest.mark.parametrize("name", NAMES)
def test_the_list_of_commands_tells_what_each_says_of_itself(name: str) -> None:
    listed = get_command(app).commands[name]
    assert listed.get_short_help_str(200) == load_command(name).get_short_help_str(200)


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], ["numpy", "pyarrow", "pydantic", "torch", "ray", "libsep.config"]),
        (
            ["status", "stems"],
            ["torch", "ray", "pandas", "libsep.config", "libsep.media.ffmpeg", "mutagen"],
        ),
        (["convert", "track.wav"], ["torch", "ray", "libsep.pipeline.networks"]),
        (["run", "no tracks", "stems"], ["torch", "ray", "pandas"]),
    ],
)
def test_a_command_imports_what_it_needs_and_no_more(
    arguments: list[str], unwanted: list[str], tmp_path: Path, tiny_model: Model
) -> None:
    write_wave(tmp_path / "track.wav", tone(440.0, 1.0))
    (tmp_path / "no tracks").mkdir()
    (tmp_path / "no tracks" / "cover.jpg").touch()
    ledger = Ledger(tmp_path / "stems" / ".libsep")
    ledger.begin("night")
    ledger.append(Outcome(source="track.wav", output="track.stem.mp4", status="done"))
    ledger.end()
    ledger.begin("killed")
    ledger.started("track.wav")
    ledger.close()
    (tmp_path / "c.yaml").write_text(f"separation: {{model: {tiny_model.folder}}}")
    code = f"""
import sys
from libsep.cli.app import main
try:
    main({arguments} + (["-c", "c.yaml"] if "convert" in {arguments} else []))
finally:
    print([name for name in {unwanted} if name in sys.modules], file=sys.stderr)
"""
    for _ in range(2):  # the second time the track is up to date
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


def test_every_option_in_the_readme_exists() -> None:
    helps = "".join(
        CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"}).output
        for command in [*((name,) for name in COMMANDS), ("models", "pull")]
    )
    promised = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - {"--strict"}
    assert {option for option in promised if option not in helps} == set()


def test_every_link_in_the_readme_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_python_example_of_the_docs_runs(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "development.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) == 5
    command = [
        find_ffmpeg(),
        "-v",
        "error",
        "-i",
        example_stem_file(),
        "-map",
        "0:a:0",
        tmp_path / "track.flac",
    ]
    subprocess.run(command, check=True)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert verify_stems(tmp_path / "track.stem.mp4").is_conformant
    assert "done" in done.stdout


def test_every_shipped_model_loads_and_separates_its_targets() -> None:
    models = list_models(models_folder())
    assert "generic" in {model.name for model in models}
    for model in models:
        separator = Separator(model, device="cpu", precision="float32")
        estimates = separator.separate(np.full((1, 2, 20000), 0.01, np.float32))
        assert estimates.shape == (1, len(model.targets), 2, 20000)
        assert (model.folder / "README.md").is_file()


@pytest.mark.parametrize("name", ["generic", "fast"])
def test_the_level_of_a_track_does_not_matter(name: str, rng: np.random.Generator) -> None:
    """Spleeter's networks find half as much in music that is 20 dB quieter than most."""
    noise = rng.standard_normal((1, 2, 3 * 44100)).astype(np.float32)
    tone = np.sin(np.arange(3 * 44100, dtype=np.float32) * 0.06)
    mixture = 0.1 * tone + 0.03 * np.cumsum(noise - noise.mean(axis=2, keepdims=True), axis=2) / 50
    separator = Separator(find_model(name), device="cpu", precision="float32")
    expected = separator.separate(mixture)
    for gain in (0.01, 3.0):
        found = separator.separate(np.float32(gain) * mixture) / gain
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_all_models_together_fit_into_a_small_wheel() -> None:
    sizes = [path.stat().st_size for path in models_folder().rglob("*") if path.is_file()]
    assert sum(sizes) < 60_000_000


def test_the_default_model_has_the_targets_of_a_stem_file() -> None:
    assert find_model(Config().separation.model).targets == TARGETS


def test_the_fast_model_costs_less_than_half_of_the_default_and_shares_its_weights() -> None:
    fast, generic = find_model("fast"), find_model("generic")
    assert fast.cost is not None
    assert generic.cost is not None
    assert fast.cost < generic.cost / 2
    shared = {model.name for model in files_of(fast)} & {model.name for model in files_of(generic)}
    assert "accompaniment-blend" in shared


@pytest.mark.parametrize(
    ("name", "before", "least_db"),
    [("small", "small of version 0.1", 0.0), ("fast", "small", 1.0)],
)
def test_a_model_beats_what_was_before_it_and_the_mixture(
    name: str, before: str, least_db: float
) -> None:
    scores = find_model(name).scores
    assert len(scores) == 3
    for score in scores:
        assert score.values["mean"] > score.beside[before]["mean"] + least_db
        assert score.values["mean"] > score.beside["mixture/4"]["mean"] + 1
        for target in TARGETS:  # other of three mono rock songs is hardly separated, say the cards
            assert score.values[target] > score.beside["mixture/4"][target] - 0.05


def test_the_restored_band_beats_both_baselines_at_every_cut_off() -> None:
    model = find_restoration_model("super_resolution")
    assert model.weights_path.stat().st_size < 8 << 20
    assert load_restoration_network(model).n_fft == 2048
    assert (model.folder / "README.md").is_file()
    cuts = {name: values for name, values in model.scores.items() if name.startswith("lsd")}
    assert len(cuts) == 28
    for name, values in cuts.items():
        others = (values["band-limited"], values["replication"])
        assert values["super_resolution"] < min(others), name
    shown = CliRunner().invoke(app, ["models", "show", "super_resolution"])
    assert model.sha256 in shown.output


def test_every_module_is_imported_where_no_program_is_on_the_path(tmp_path: Path) -> None:
    # stempeg raises there; musdb and museval import it.
    code = """
import importlib, pkgutil, sys, libsep
for module in pkgutil.walk_packages(libsep.__path__, "libsep."):
    importlib.import_module(module.name)
print([name for name in ("museval", "musdb", "stempeg") if name in sys.modules])
"""
    command = [sys.executable, "-c", code]
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


@pytest.mark.parametrize("module", ["libsep", "libsep.cli.app", "libsep.library.survey"])
def test_the_command_starts_without_torch_ray_and_test_tools(module: str) -> None:
    unwanted = ["torch", "ray", "pytest", "beartype", "hypothesis", "av", "scipy", "matplotlib"]
    code = f"import sys, {module}; print([m for m in {unwanted} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_separator_starts_without_what_others_need() -> None:
    # Each process of a run pays for these, in time and memory.
    unwanted = ["libsep.pipeline", "torchaudio", "pyarrow", "mutagen", "PIL", "scipy", "ray"]
    code = "import sys, libsep.batch.separators.networks; "
    code += f"print([m for m in {unwanted} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_separator_looks_for_no_garbage_in_what_was_imported() -> None:
    code = """
import gc
from libsep.batch.separators.actors import SeparatorActor
from libsep.config import SeparationConfig
n_looks = []
gc.callbacks.append(lambda phase, info: n_looks.append(phase))
SeparatorActor(SeparationConfig(device="cpu"))
print(len(n_looks), gc.get_freeze_count() > 100_000, gc.isenabled())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "True", "True"]


def test_a_run_looks_rarely_for_garbage_in_what_it_imports(tmp_path: Path) -> None:
    (tmp_path / "music").mkdir()
    code = """
import gc, sys
import libsep.machine
if sys.argv[1] == "usual":
    libsep.machine.OBJECTS_BETWEEN_SEARCHES = gc.get_threshold()[0]
from libsep.cli.app import main
looks = []
gc.callbacks.append(lambda phase, info: looks.append("libsep.cli.session" in sys.modules))
try:
    main(["run", "music", "stems", "--dry-run"])
finally:
    print(looks.count(False) // 2, file=sys.stderr)
"""
    n_looks = {}
    for how in ("usual", "rare"):
        command = [sys.executable, "-c", code, how]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        n_looks[how] = int(done.stderr.splitlines()[-1])
    assert n_looks["rare"] < 0.6 * n_looks["usual"]  # 46 and 149
