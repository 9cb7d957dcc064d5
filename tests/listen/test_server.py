"""What the server of the page gives, and to whom."""

import contextlib
import http.client
import json
import shutil
import socket
import urllib.parse
from pathlib import Path

import numpy as np
import pytest

from libsep.errors import ConfigError
from libsep.listen.server import HOST, MAX_DOWNLOADS, ListenServer, hosts_of
from libsep.listen.shelf import Shelf

from .conftest import N_SAMPLES, served


def ask(
    server: ListenServer, path: str, *, method: str = "GET", **headers: str
) -> tuple[int, bytes, http.client.HTTPMessage]:
    """Send a request for exactly this path, and return what comes back."""
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=60)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, headers=names)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers


def get(server: ListenServer, name: str) -> bytes:
    status, body, _ = ask(server, f"/{server.token}/{name}")
    assert status == 200, body
    return body


def test_the_page_and_all_that_it_loads_are_there(server: ListenServer) -> None:
    page = get(server, "").decode()
    assert "<title>libsep listen</title>" in page
    for name in ("style.css", "app.js", "worklet.js", "icon.svg"):
        assert get(server, name)


def test_only_this_machine_may_connect(server: ListenServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert len(server.token) >= 20


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1:1"])
def test_another_name_for_this_machine_is_refused(server: ListenServer, host: str) -> None:
    status, body, _ = ask(server, f"/{server.token}/tracks", Host=host)
    assert status == 403
    assert b"127.0.0.1 and localhost only" in body


def test_localhost_is_this_machine(server: ListenServer) -> None:
    host = f"localhost:{server.server_port}"
    assert ask(server, f"/{server.token}/tracks", Host=host)[0] == 200


def test_a_request_from_another_site_is_refused(server: ListenServer) -> None:
    status, body, _ = ask(server, f"/{server.token}/tracks", Sec_Fetch_Site="cross-site")
    assert status == 403
    assert b"another site" in body


@pytest.mark.parametrize("token", ["", "x", "tracks", "%00", "ä"])
def test_without_the_secret_there_is_nothing(server: ListenServer, token: str) -> None:
    for name in ("", "/", "/tracks", "/app.js"):
        status, body, _ = ask(server, f"/{urllib.parse.quote(token, safe='%')}{name}")
        assert status == 403
        assert server.token.encode() not in body


@pytest.mark.parametrize(
    "path",
    [
        "../server.py", "../../../../etc/passwd", "..%2fserver.py", "page/../server.py",
        "./app.js", "//etc/passwd", "tracks/../app.js", "tracks/0/../../app.js",
        "tracks/../../../etc/passwd", "tracks/%2e%2e/samples", "tracks/-1", "tracks/2",
        "tracks/First.stem.mp4", "tracks/0/First.stem.mp4", "server.py", "app.js/",
    ],
)  # fmt: skip
def test_no_path_leads_out_of_what_is_served(server: ListenServer, path: str) -> None:
    status, body, _ = ask(server, f"/{server.token}/{path}")
    assert status == 404
    assert set(json.loads(body)) == {"error"}


def test_a_link_out_of_the_folder_is_not_followed(
    shelf_folder: Path, ffmpeg: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "stems"
    folder.mkdir()
    (folder / "link.stem.mp4").symlink_to(shelf_folder / "First.stem.mp4")
    for server in served(folder, ffmpeg):
        status, body, _ = ask(server, f"/{server.token}/tracks/0")
        assert status == 422
        assert "leads out of the folder" in json.loads(body)["error"]


def test_nothing_but_reading_is_allowed(server: ListenServer) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(server, f"/{server.token}/tracks", method=method)[0] == 501


def test_every_answer_forbids_what_is_from_elsewhere(server: ListenServer) -> None:
    for path in ("", "tracks", "tracks/0", "tracks/99"):
        _, _, headers = ask(server, f"/{server.token}/{path}")
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Access-Control-Allow-Origin" not in headers


def test_tracks_are_listed_with_what_their_stem_atom_says(server: ListenServer) -> None:
    listed = json.loads(get(server, "tracks"))
    assert listed["tracks"] == [
        "First.stem.mp4",
        "deep & wide/Zwei <b>Größen #1.stem.mp4",
    ]
    sheet = json.loads(get(server, "tracks/0"))
    assert [stem["name"] for stem in sheet["stems"]] == ["Drums", "Bass", "Other", "Vocals"]
    assert sheet["stems"][0]["color"] == "#009E73"
    assert (sheet["samples"], sheet["sampleRate"], sheet["codec"]) == (N_SAMPLES, 44100, "alac")


def test_a_single_file_is_served_alone(shelf_folder: Path, ffmpeg: Path) -> None:
    for server in served(shelf_folder / "First.stem.mp4", ffmpeg):
        listed = json.loads(get(server, "tracks"))
        assert (listed["folder"], listed["tracks"]) == (None, ["First.stem.mp4"])


def test_samples_come_channel_by_channel(server: ListenServer, samples: np.ndarray) -> None:
    for start, count in ((0, 131072), (131072, 131072), (262144, 131072), (99_999, 17)):
        body = get(server, f"tracks/0/samples?start={start}&count={count}")
        found = np.frombuffer(body, "<f4").reshape(5, 2, -1)
        np.testing.assert_array_equal(found, samples[:, :, start : start + count])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("samples?start=-1&count=10", "start is -1"),
        ("samples?start=300001&count=10", "start is 300001"),
        ("samples?start=0&count=0", "count is 0"),
        ("samples?start=0&count=131073", "count is 131073"),
        ("samples?start=x&count=10", "expected a whole number"),
        ("mix.wav", "no numbers"),
        ("mix.wav?gains=0,1,1,1", "4 gains, expected 5"),
        ("mix.wav?gains=0,1,1,1,nan", "between 0 and 4"),
        ("mix.wav?gains=0,1,1,1,-1", "between 0 and 4"),
        ("mix.wav?gains=0,1,1,1,1e9", "between 0 and 4"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_reason(
    server: ListenServer, query: str, message: str
) -> None:
    status, body, _ = ask(server, f"/{server.token}/tracks/0/{query}")
    assert status == 400
    assert message in json.loads(body)["error"]


def test_a_damaged_file_says_so_and_the_server_goes_on(
    shelf_folder: Path, ffmpeg: Path, tmp_path: Path
) -> None:
    whole = (shelf_folder / "First.stem.mp4").read_bytes()
    (tmp_path / "a.stem.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.stem.mp4").write_bytes(b"")
    (tmp_path / "c.stem.mp4").write_bytes(whole)
    for server in served(tmp_path, ffmpeg):
        for number in (0, 1):
            status, body, _ = ask(server, f"/{server.token}/tracks/{number}")
            assert status == 422
            assert "no whole stem file" in json.loads(body)["error"]
        assert json.loads(get(server, "tracks/2"))["samples"] == N_SAMPLES


def test_a_file_that_vanishes_meanwhile_is_told(
    server: ListenServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the link and that at the file."""
    monkeypatch.setattr(server.shelf, "path", lambda number: tmp_path / "gone.stem.mp4")
    status, body, _ = ask(server, f"/{server.token}/tracks/0")
    assert status == 422
    assert "cannot be opened" in json.loads(body)["error"]


def test_a_file_that_was_replaced_is_not_taken_for_the_one_before(
    shelf_folder: Path, ffmpeg: Path, tmp_path: Path
) -> None:
    shutil.copytree(shelf_folder, tmp_path, dirs_exist_ok=True)
    for server in served(tmp_path, ffmpeg):
        state = json.loads(get(server, "tracks/0"))["state"]
        parts = ("samples?start=0&count=9", "waveform?", "mix.wav?gains=1,1,1,1,1&count=9")
        for part in parts:
            get(server, f"tracks/0/{part}&state={state}")
        shutil.copy(next((tmp_path / "deep & wide").iterdir()), tmp_path / "First.stem.mp4")
        for part in parts:
            status, body, _ = ask(server, f"/{server.token}/tracks/0/{part}&state={state}")
            assert status == 409
            assert "First.stem.mp4: has changed" in json.loads(body)["error"]
        assert json.loads(get(server, "tracks/0"))["state"] != state


def test_a_browser_leaves_out_the_port_of_http() -> None:
    assert hosts_of(80) >= {"127.0.0.1", "localhost", "127.0.0.1:80"}
    assert hosts_of(8080) == {"127.0.0.1:8080", "localhost:8080"}


def test_downloads_that_wait_do_not_stop_the_music(server: ListenServer) -> None:
    """The mixes are too long for the buffers of their connections, and nobody reads them on."""
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # connections inherit it
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_DOWNLOADS):
            request = f"GET /{server.token}/tracks/0/mix.wav?gains=0,1,1,1,1 HTTP/1.1\r\n"
            waiting = socket.socket()
            waiting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stack.enter_context(waiting)
            waiting.connect((HOST, server.server_port))
            waiting.sendall(f"{request}Host: {HOST}:{server.server_port}\r\n\r\n".encode())
            assert waiting.recv(12) == b"HTTP/1.1 200"
        assert get(server, "tracks/0/samples?start=0&count=1000")
        assert get(server, "tracks/1/waveform")
        status, body, _ = ask(server, f"/{server.token}/tracks/0/mix.wav?gains=0,1,1,1,1")
        assert status == 429
        assert "4 downloads are under way" in json.loads(body)["error"]


def test_a_listener_who_leaves_early_does_no_harm(server: ListenServer) -> None:
    for name in ("waveform", "mix.wav?gains=0,1,1,1,1"):
        with socket.create_connection((HOST, server.server_port)) as connection:
            request = f"GET /{server.token}/tracks/0/{name} HTTP/1.1\r\nHost: {HOST}"
            connection.sendall(f"{request}:{server.server_port}\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert get(server, "tracks")


def test_what_is_no_stem_file_or_holds_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found nothing"):
        Shelf(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="holds no stem files"):
        Shelf(tmp_path)
    plain = tmp_path / "plain.mp3"
    plain.write_bytes(b"ID3")
    with pytest.raises(ConfigError, match="is no stem file"):
        Shelf(plain)
