"""What a command line may name as library and output."""

from pathlib import Path

import pytest

from libsep.errors import ConfigError
from libsep.storage.places import RemoteFolder, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("music", Path("music")),
        ("/a b/c", Path("/a b/c")),
        ("strange/s3://x", Path("strange/s3://x")),
        ("file:///a%20b/%E4%B8%89", Path("/a b/三")),
        ("file://localhost/music", Path("/music")),
        ("s3://bucket", RemoteFolder("s3", "bucket")),
        ("s3://bucket/", RemoteFolder("s3", "bucket")),
        ("s3://bucket/a b/50%25 #1?/", RemoteFolder("s3", "bucket", "a b/50%25 #1?")),
        ("gs://bucket/music", RemoteFolder("gs", "bucket", "music")),
    ],
)
def test_a_place_is_a_path_or_a_folder_of_a_store(text: str, place: Path | RemoteFolder) -> None:
    assert parse_place(text) == place
    if isinstance(place, RemoteFolder):
        assert parse_place(place.uri) == place


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("http://host/music", "expected a path, or a URI that begins with file://, s3://, gs://"),
        ("file://host/music", "found the name of a host"),
        ("file://[Albums]/music", "found the name of a host"),
        ("s3:///music", "expected s3://BUCKET/FOLDER"),
        ("s3://bucket/a//b", "without empty parts"),
        ("s3://bucket/../b", "without empty parts"),
    ],
)
def test_a_wrong_uri_is_refused_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_place(text)


def test_credentials_in_a_uri_are_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="no credentials") as caught:
        parse_place("s3://AKIA123:geheim@bucket/music")
    assert "geheim" not in str(caught.value)


def test_a_folder_holds_itself_and_what_lies_in_it_but_none_whose_name_begins_alike() -> None:
    music = RemoteFolder("s3", "studio", "music")
    assert music.holds(music)
    assert music.holds(RemoteFolder("s3", "studio", "music/stems"))
    assert not music.holds(RemoteFolder("s3", "studio", "music-stems"))
    assert not music.holds(RemoteFolder("gs", "studio", "music/stems"))
