"""A disk that fails while ffmpeg reads: it exits with 0, as if the file had ended there."""

import shutil
from collections.abc import Callable
from pathlib import Path

import ffmpeg as graphs
import numpy as np
import pytest

from libsep.errors import DecodeError, ProbeError
from libsep.media.decode import Decoder, hash_audio
from libsep.media.excerpt import decode_excerpt

from ..conftest import tone

SECONDS = 20
LOST = "[in#0/mp3 @ 0x5d554172d40] [error] Error during demuxing: Input/output error"


@pytest.fixture
def track(tmp_path: Path, ffmpeg: Path) -> Path:
    """Return an MP3 whose length no header tells, as old programs wrote it."""
    path = tmp_path / "old.mp3"
    graph = graphs.input(f"sine=duration={SECONDS}", f="lavfi").output(str(path), write_xing=0)
    graph.run(cmd=str(ffmpeg), quiet=True)
    return path


def losing(folder: Path, ffmpeg: Path, words: str, n_bytes: int) -> Path:
    """Return an ffmpeg that loses its input after some bytes of output, and says so as one does."""
    program = folder / "losing" / "ffmpeg"
    program.parent.mkdir(exist_ok=True)
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *{words}*)\n'
        f'  {ffmpeg} "$@" 2>/dev/null | head -c {n_bytes}; echo "{LOST}" >&2; exit 0;;\n'
        "esac\n"
        f'exec {ffmpeg} "$@"\n'
    )
    program.chmod(0o755)
    return program


def decoded(path: Path, ffmpeg: Path) -> tuple[int, list[str]]:
    """Return samples and warnings of a track."""
    with Decoder(path, ffmpeg=ffmpeg, block_samples=44100) as decoder:
        n_samples = sum(block.shape[1] for block in decoder)
    return n_samples, decoder.warnings


def test_a_track_whose_disk_failed_in_its_midst_is_no_shorter_track(
    track: Path, tmp_path: Path, ffmpeg: Path
) -> None:
    program = losing(tmp_path, ffmpeg, "f32le", 100_000)
    with pytest.raises(DecodeError, match=r"to its end \(Input/output error\)") as raised:
        decoded(track, program)
    assert isinstance(raised.value.__cause__, OSError), "and is tried again"


def test_a_hash_of_half_a_track_is_none(track: Path, tmp_path: Path, ffmpeg: Path) -> None:
    program = losing(tmp_path, ffmpeg, "data", 10_000)
    with pytest.raises(ProbeError, match="could not be read to its end") as raised:
        hash_audio(track, ffmpeg=program)
    assert isinstance(raised.value.__cause__, OSError)


def test_what_is_heard_of_a_track_is_no_shorter_where_its_disk_fails(
    track: Path, tmp_path: Path, ffmpeg: Path
) -> None:
    options = {"start_s": 1.0, "n_samples": 44100, "sample_rate": 22050}
    whole = decode_excerpt(track, ffmpeg=ffmpeg, **options)
    program = losing(tmp_path, ffmpeg, "f32le", 100_000)
    with pytest.raises(DecodeError, match=r"to its end \(Input/output error\)") as raised:
        decode_excerpt(track, ffmpeg=program, **options)
    assert isinstance(raised.value.__cause__, OSError), "and is listened to again"
    always = losing(tmp_path, ffmpeg, 'f32le*|*"acodec copy"', 100_000)
    part = decode_excerpt(track, ffmpeg=always, **options)
    np.testing.assert_array_equal(part, whole[:, : part.shape[1]])
    assert part.shape[1] == 12_500, (
        "a file that ends too early each time is heard as far as it goes"
    )


def test_a_file_that_ends_too_early_for_its_format_each_time_is_converted_as_far_as_it_goes(
    track: Path, tmp_path: Path, ffmpeg: Path
) -> None:
    n_samples, warnings = decoded(track, losing(tmp_path, ffmpeg, 'f32le*|*"acodec copy"', 800_000))
    assert n_samples == 100_000
    assert warnings == ["Error during demuxing: Input/output error"]


@pytest.mark.skipif(shutil.which("strace") is None, reason="nothing here makes a read fail")
def test_ffmpeg_still_calls_a_failing_disk_the_end_of_the_file(
    tmp_path: Path, ffmpeg: Path, encode: Callable[..., Path]
) -> None:
    path = encode("a.flac", np.asarray(tone(440, SECONDS), np.float32))
    program = tmp_path / "traced"
    traced = f"strace -f -qq -o /dev/null -P {path} -e trace=read -e inject=read:error=EIO:when=5+"
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *f32le*) exec {traced} {ffmpeg} "$@"; esac\nexec {ffmpeg} "$@"\n'
    )
    program.chmod(0o755)
    with pytest.raises(DecodeError, match="could not be read to its end"):
        decoded(path, program)
