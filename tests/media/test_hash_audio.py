import mutagen
import numpy as np
import pytest
from mutagen.apev2 import APEv2
from mutagen.id3 import APIC, ID3, TIT2
from mutagen.mp4 import MP4

from libsep.errors import ProbeError
from libsep.media.decode import hash_audio

FORMATS = {
    "x.mp3": [],
    "x.flac": [],
    "x.m4a": [],
    "x.ogg": ["-c:a", "libvorbis"],
    "x.opus": [],
    "x.wav": [],
    "x.aiff": [],
    "x.wv": ["-c:a", "wavpack"],
    "x.wma": [],
}


@pytest.fixture
def samples(rng: np.random.Generator) -> np.ndarray:
    """Return one second of stereo noise."""
    return 0.1 * rng.standard_normal((2, 44100))


def retag(path) -> None:
    """Write a title and, where the format takes it easily, a cover of 300 kB."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    cover = b"\xff\xd8\xff" + bytes(300_000)
    if isinstance(file.tags, ID3):
        file.tags.add(TIT2(encoding=3, text="Another title"))
        file.tags.add(APIC(encoding=3, mime="image/jpeg", type=3, desc="", data=cover))
    elif isinstance(file, MP4):
        file.tags["\xa9nam"] = "Another title"
        file.tags["covr"] = [cover]
    else:
        file.tags["title"] = "Another title " * 1000
    file.save()


@pytest.mark.parametrize("name", FORMATS)
def test_other_tags_are_the_same_audio(encode, ffmpeg, samples, name) -> None:
    path = encode(name, samples, *FORMATS[name])
    before, size = hash_audio(path, ffmpeg=ffmpeg), path.stat().st_size
    retag(path)
    assert path.stat().st_size > size
    assert hash_audio(path, ffmpeg=ffmpeg) == before


@pytest.mark.parametrize("name", FORMATS)
def test_other_audio_has_another_hash(encode, ffmpeg, samples, name) -> None:
    first = hash_audio(encode(name, samples, *FORMATS[name]), ffmpeg=ffmpeg)
    changed = samples.copy()
    changed[:, 22050:22060] += 0.2
    assert hash_audio(encode(name, changed, *FORMATS[name]), ffmpeg=ffmpeg) != first


def test_an_mp3_keeps_its_hash_with_every_kind_of_tag(encode, ffmpeg, samples) -> None:
    path = encode("x.mp3", samples, "-id3v2_version", "0")
    before = hash_audio(path, ffmpeg=ffmpeg)
    retag(path)
    ID3(path).save(path, v1=2)
    assert hash_audio(path, ffmpeg=ffmpeg) == before
    tags = APEv2()
    tags["Title"] = "Another title"
    tags.save(path)
    assert hash_audio(path, ffmpeg=ffmpeg) == before


def test_the_hash_is_written_in_hexadecimal(encode, ffmpeg, samples) -> None:
    digest = hash_audio(encode("x.flac", samples), ffmpeg=ffmpeg)
    assert len(bytes.fromhex(digest)) == 32


def test_a_file_without_audio_has_no_hash(encode, ffmpeg) -> None:
    with pytest.raises(ProbeError):
        hash_audio(encode("x.wav", np.zeros((2, 0))), ffmpeg=ffmpeg)
