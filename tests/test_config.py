"""The configuration: defaults, files, and errors that name the field."""

from pathlib import Path

import pytest

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
        ("encode: {codek: aac}", r"encode\.codek: Extra inputs"),
        ("encode: {bitrate_kbps: 9000}", r"encode\.bitrate_kbps: .*512 \(found 9000\)"),
        ("separation: {segment_s: 3, overlap_s: 2}", "separation"),
        ("- a list", "expected a mapping of sections, found list"),
        ("encode: [", "cannot be read as YAML"),
    ],
)
def test_a_wrong_file_is_an_error_that_names_the_field(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        load(Config, write(tmp_path / "c.yaml", text))


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
