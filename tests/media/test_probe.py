import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from libsep.errors import DecodeError, ProbeError
from libsep.media.decode import decode_file, hash_audio
from libsep.media.probe import probe_audio


class Recorder(http.server.BaseHTTPRequestHandler):
    """Answers nothing and remembers what was asked."""

    requests: list[str]

    def do_GET(self) -> None:
        self.requests.append(self.path)
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def web() -> Iterator[tuple[str, list[str]]]:
    """Return the address of a local web server and the list of requests that reach it."""
    requests: list[str] = []
    handler = type("Handler", (Recorder,), {"requests": requests})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\n{url}\n"
PLAYLISTS = {
    "hls.m3u8": HLS + "#EXT-X-ENDLIST\n",
    "hls.mp3": HLS,
    "list.m3u": "#EXTM3U\n#EXTINF:10,Artist - Title\n{url}\n",
    "list.wav": "{url}\n",
    "list.pls": "[playlist]\nFile1={url}\nNumberOfEntries=1\n",
    "concat.flac": "ffconcat version 1.0\nfile '{url}'\n",
    "concat.txt": "ffconcat version 1.0\nfile {url}\n",
    "dash.m4a": (
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT10S"><Period><AdaptationSet contentType="audio">'
        '<Representation id="1" bandwidth="128000"><BaseURL>{url}</BaseURL></Representation>'
        "</AdaptationSet></Period></MPD>"
    ),
    "asx.wma": '<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
    "session.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_opens_nothing_on_the_network(ffmpeg, tmp_path, web, name) -> None:
    address, requests = web
    path = tmp_path / name
    path.write_text(PLAYLISTS[name].replace("{url}", f"{address}/secret.wav"))
    with pytest.raises(ProbeError):
        probe_audio(path, ffmpeg=ffmpeg)
    with pytest.raises(ProbeError):
        hash_audio(path, ffmpeg=ffmpeg)
    assert requests == []


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("form", ["file:{path}", "other.wav"])
def test_a_playlist_opens_no_other_file(ffmpeg, tmp_path, encode, name, form) -> None:
    other = encode("other.wav", np.zeros((2, 4410)))
    path = tmp_path / name
    path.write_text(PLAYLISTS[name].replace("{url}", form.replace("{path}", str(other))))
    with pytest.raises(ProbeError, match=r"is a playlist|is text"):
        probe_audio(path, ffmpeg=ffmpeg)


def test_a_playlist_behind_binary_rubbish_is_no_audio(ffmpeg, tmp_path) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(bytes(range(256)) + HLS.encode())
    with pytest.raises(ProbeError):
        probe_audio(path, ffmpeg=ffmpeg)


def test_an_empty_file_is_named_so(ffmpeg, tmp_path) -> None:
    path = tmp_path / "x.mp3"
    path.touch()
    with pytest.raises(ProbeError, match="empty"):
        probe_audio(path, ffmpeg=ffmpeg)


def test_text_is_named_so(ffmpeg, tmp_path) -> None:
    path = tmp_path / "x.mp3"
    path.write_text("Dear diary, today I renamed a letter. " * 100)
    with pytest.raises(ProbeError, match="is text"):
        probe_audio(path, ffmpeg=ffmpeg)


def test_a_missing_file_is_named_so(ffmpeg, tmp_path) -> None:
    with pytest.raises(ProbeError, match="No such file"):
        probe_audio(tmp_path / "x.mp3", ffmpeg=ffmpeg)


def test_a_folder_is_named_so(ffmpeg, tmp_path) -> None:
    with pytest.raises(ProbeError, match="is a folder"):
        probe_audio(tmp_path, ffmpeg=ffmpeg)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_named_so(ffmpeg, tmp_path) -> None:
    path = tmp_path / "x.mp3"
    path.write_bytes(b"ID3")
    path.chmod(0)
    with pytest.raises(ProbeError, match="Permission denied"):
        probe_audio(path, ffmpeg=ffmpeg)


def test_noise_is_no_audio(ffmpeg, tmp_path, rng) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(rng.bytes(3000))
    with pytest.raises((ProbeError, DecodeError)):
        decode_file(path)


def test_a_film_without_sound_is_named_so(ffmpeg, encode) -> None:
    options = ["-f", "lavfi", "-i", "color=s=32x32:d=0.2", "-map", "1:v"]
    path = encode("x.mp4", np.zeros((2, 10)), *options)
    with pytest.raises(ProbeError, match="no audio stream"):
        probe_audio(path, ffmpeg=ffmpeg)


def test_a_stream_that_does_not_exist_is_named_so(ffmpeg, encode) -> None:
    path = encode("x.flac", np.zeros((2, 4410)))
    with pytest.raises(ProbeError, match="no audio stream"):
        probe_audio(path, ffmpeg=ffmpeg, stream=1)


@pytest.mark.parametrize("tag", [b"drms", b"enca", b"aavd"])
def test_protected_audio_is_named_so(ffmpeg, encode, tag) -> None:
    # The iTunes Store (m4p), Common Encryption and Audible mark their audio like this.
    path = encode("x.m4a", np.zeros((2, 44100)))
    path.write_bytes(path.read_bytes().replace(b"mp4a\0\0\0\0", tag + bytes(4)))
    with pytest.raises(ProbeError, match="protected by DRM"):
        probe_audio(path, ffmpeg=ffmpeg)


def test_an_unfinished_mp4_is_named_so(ffmpeg, encode, rng) -> None:
    path = encode("x.m4a", 0.1 * rng.standard_normal((2, 44100)))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ProbeError, match="cut short"):
        probe_audio(path, ffmpeg=ffmpeg)


def test_the_header_is_told(ffmpeg, encode) -> None:
    surround = encode("x.flac", np.zeros((6, 48000)), "-channel_layout", "5.1", sample_rate=48000)
    info = probe_audio(surround, ffmpeg=ffmpeg)
    assert (info.codec, info.sample_rate, info.n_channels) == ("flac", 48000, 6)
    assert info.channel_layout.startswith("5.1")
    assert info.duration_s == 1.0
    assert info.is_duration_exact


def test_a_guessed_length_is_marked_as_such(ffmpeg, encode, rng) -> None:
    samples = 0.1 * rng.standard_normal((2, 44100))
    plain = encode("plain.mp3", samples, "-write_xing", "0")
    assert not probe_audio(plain, ffmpeg=ffmpeg).is_duration_exact
    assert probe_audio(encode("xing.mp3", samples), ffmpeg=ffmpeg).is_duration_exact


def test_the_length_of_a_film_is_not_that_of_its_sound(ffmpeg, encode) -> None:
    options = ["-f", "lavfi", "-i", "color=s=32x32:d=4", "-map", "0:a", "-map", "1:v"]
    path = encode("x.mp4", np.zeros((2, 44100)), *options)
    assert not probe_audio(path, ffmpeg=ffmpeg).is_duration_exact
    assert abs(decode_file(path).shape[1] - 44100) <= 1024


def test_words_in_tags_are_not_taken_for_facts(ffmpeg, encode) -> None:
    comment = "[info]   Duration: 09:00:00.00\n[info]   Stream #0:7: Audio: fake (drms / 0x1)"
    path = encode("x.flac", np.zeros((2, 44100)), "-metadata", f"comment={comment}")
    info = probe_audio(path, ffmpeg=ffmpeg)
    assert (info.codec, info.duration_s) == ("flac", 1.0)


def test_long_tags_hide_nothing(ffmpeg, encode) -> None:
    lyrics = "la la la\n" * 5000
    path = encode("x.flac", np.zeros((2, 44100)), "-metadata", f"lyrics={lyrics}")
    assert probe_audio(path, ffmpeg=ffmpeg).duration_s == 1.0


@pytest.mark.parametrize(
    "name", [b"-y.wav", b"new\nline.wav", b"caf\xe9.wav", "日本語.wav".encode()]
)
def test_files_of_any_name_are_read(encode, name) -> None:
    path = encode("plain.wav", np.zeros((2, 4410)))
    renamed = path.rename(path.with_name(os.fsdecode(name)))
    assert decode_file(renamed).shape == (2, 4410)


def test_a_wav_of_unknown_length_is_read_to_its_end(encode) -> None:
    # What streaming programs write: the sizes stay at their largest.
    path = encode("x.wav", np.zeros((2, 4410)), "-bitexact")
    data = bytearray(path.read_bytes())
    position = data.index(b"data") + 4
    data[position : position + 4] = b"\xff" * 4
    path.write_bytes(data)
    assert decode_file(path).shape == (2, 4410)


def test_an_ogg_file_with_a_tail_is_whole(encode, rng) -> None:
    # Tag editors of old put ID3v1 behind any file.
    path: Path = encode("x.ogg", 0.1 * rng.standard_normal((2, 44100)), "-c:a", "libvorbis")
    path.write_bytes(path.read_bytes() + b"TAG" + bytes(125))
    assert decode_file(path).shape[1] == 44100
