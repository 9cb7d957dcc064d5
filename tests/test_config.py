"""The configuration: defaults, files, and errors that name the field."""

import datetime
from pathlib import Path

import pytest
import yaml

from libsep.config import Config, load
from libsep.config.section import read_values
from libsep.errors import ConfigError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_holds_only_what_differs(tmp_path: Path) -> None:
    config = load(Config, write(tmp_path / "c.yaml", "encode: {codec: alac}\n"))
    assert config.encode.codec == "alac"
    assert config.separation == Config().separation


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert load(Config, write(tmp_path / "c.yaml", "")) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("encode: {codek: aac}", r"encode\.codek: is unknown, did you mean codec\?$"),
        ("encode: {bitrate_kbps: 9000}", r"encode\.bitrate_kbps: .*512 \(found 9000\)"),
        ("separation: {segment_s: 3, overlap_s: 2}", "separation"),
        ("- a list", "expected a mapping of sections, found list"),
        ("encode: [", r"cannot be read as YAML: line 1, column 10: [^\n]*$"),
        ("encode: {codec: mp3}", r"encode\.codec: expected 'aac' or 'alac' \(found 'mp3'\)$"),
        ("encode: {bitrate_kbps: x}", "bitrate_kbps: expected a valid integer .found 'x'.$"),
        ("scan: [1]", r"scan: expected fields with values \(found \[1\]\)$"),
        ("scan: {extensions: mp3}", "extensions: expected a list .found 'mp3'.$"),
        ("night: {until: '25:00'}", "night.until: expected HH:MM from 00:00 to 23:59 .found"),
        ("{scann: {}, foo: 1}", r"scann: is unknown, did you mean scan\?; and 1 more$"),
        (
            "encode: {codec: alac}\nencode:\n",
            r"line 2, column 1: 'encode' stands here for the second",
        ),
        ("encode: {codec: alac, codec: aac}", "line 1, column 23: 'codec' stands here for the"),
        ("a: &x {b: 1, b: 2}\nc: *x", "line 1, column 14: 'b' stands here for the second"),
        ("\tencode: {}", r"line 1, column 1: found character '\\t' that cannot start any token$"),
        ("[" * 3000, "cannot be read as YAML: it is nested too deeply$"),
        ("[" * 900 + "]" * 900, "expected a mapping of sections, found list$"),
        ("foo: 1", "foo: is unknown, there are: scan, "),
        ("routing: {models: {3: fast}}", "routing.models.3: expected 'electronic'"),
        ("night: {order: [7]}", "order.0: expected a valid string .found 7.$"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_the_field(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(Config, write(tmp_path / "c.yaml", text))


def test_a_mapping_may_take_over_another_and_change_it(tmp_path: Path) -> None:
    text = "encode: {<<: {codec: alac}, codec: aac}"
    found = load(Config, write(tmp_path / "c.yaml", text))
    assert found.encode.codec == "aac"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Config, tmp_path / "none.yaml")


def test_options_that_are_not_given_change_nothing() -> None:
    assert Config().replaced(encode={"codec": None}) == Config()
    with pytest.raises(ConfigError, match=r"command line: encode\.codec"):
        Config().replaced(encode={"codec": "opus"})


def test_the_fingerprint_changes_with_what_changes_a_stem_file_only() -> None:
    before = Config().fingerprint()
    assert Config().replaced(run={"separators": 7}).fingerprint() == before
    assert Config().replaced(separation={"overlap_s": 1.0}).fingerprint() == before
    assert Config().replaced(separation={"overlap_s": 0.5}).fingerprint() != before
    assert Config().replaced(separation={"device": "cpu"}).fingerprint() == before
    assert Config().replaced(encode={"bitrate_kbps": 320}).fingerprint() != before
    alac = {"codec": "alac"}
    assert (
        Config().replaced(encode=alac | {"bitrate_kbps": 320}).fingerprint()
        == Config().replaced(encode=alac).fingerprint()
        != before
    )
    assert Config().replaced(separation={"segment_s": 8.0}).fingerprint() != before


def test_a_file_that_comes_with_libsep_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = read_values(Path("configs/train/rock.yaml"))
    assert "rock" in shipped["material"]["styles"]
    own = tmp_path / "configs" / "train" / "rock.yaml"
    own.parent.mkdir(parents=True)
    own.write_text("seed: 7")
    assert read_values(Path("configs/train/rock.yaml")) == {"seed": 7}
    with pytest.raises(ConfigError, match="cannot be read"):
        read_values(Path("configs/../LICENSE.yaml"))


def test_an_hour_of_the_day_survives_the_way_into_a_file_and_back(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text('night: {until: "22:30", order: ["playlist:a.m3u8", new]}')
    config = load(Config, path)
    assert config.night.until == datetime.time(22, 30)
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert load(Config, path) == config
    assert config.fingerprint() == Config().fingerprint(), "stem files do not depend on it"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{until: 22:30}", r"to 23:59 \(in YAML quoted\) \(found 1350\)"),
        ("{until: '24:00'}", "expected HH:MM"),
        ("{order: [oldest]}", "expected new, shortest or playlist:FILE"),
        ("{order: ['playlist:']}", "expected new, shortest or playlist:FILE"),
        ("{max_hours: 0}", "greater than 0"),
    ],
)
def test_a_night_that_cannot_be_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"night: {text}")
    with pytest.raises(ConfigError, match=message):
        load(Config, path)


def test_paths_may_begin_with_the_folder_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "config.yaml"
    file.write_text(
        "storage: {scratch: ~/scratch, state: ~/state}\n"
        "decode: {ffmpeg: ~/ffmpeg}\n"
        "separation: {model: ~/models/mine}\n"
        "library: {path_map: {'D:/Music': ~/Music}}\n"
        "routing: {table: ~/g.yaml, playlists: {~/rock.m3u: rock}, models: {rock: ~/models/r}}\n"
        "run: {report: ~/night.html}\n"
        "night: {order: ['playlist:~/played.m3u']}\n"
    )
    config = load(Config, file)
    assert config.storage.scratch == tmp_path / "scratch"
    assert config.storage.state == tmp_path / "state"
    assert config.decode.ffmpeg == tmp_path / "ffmpeg"
    assert config.separation.model == f"{tmp_path}/models/mine"
    assert config.library.path_map == {"D:/Music": f"{tmp_path}/Music"}
    assert config.routing.table == tmp_path / "g.yaml"
    assert config.routing.playlists == {tmp_path / "rock.m3u": "rock"}
    assert config.routing.models == {"rock": f"{tmp_path}/models/r"}
    assert config.run.report == tmp_path / "night.html"
    assert config.separation.model == config.anchored().separation.model
    named = load(Config, write(file, "separation: {model: small}"))
    assert named.anchored().separation.model == "small"
