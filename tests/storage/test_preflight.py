"""What every machine of a run must find in an object store."""

from pathlib import Path

import pytest

from libsep.batch.cluster.inspection import Needs, look
from libsep.batch.cluster.preflight import check_nodes
from libsep.config import StorageConfig
from libsep.errors import NodesError
from libsep.storage.places import RemoteFolder
from libsep.storage.staging import Staging

from .conftest import BUCKET, S3Server


@pytest.fixture
def needs(s3: S3Server, storage: StorageConfig) -> Needs:
    """Return what a run needs whose library and output lie in a store."""
    s3.put("music/a/track.flac", b"12345")
    return Needs(
        tracks=((Path("a/track.flac"), 5),),
        output_root=Path("/nowhere"),
        staging=Staging(
            library=RemoteFolder("s3", BUCKET, "music"),
            output=RemoteFolder("s3", BUCKET, "stems"),
            config=storage,
        ),
    )


def test_a_store_that_can_be_read_and_written_is_left_as_it_was(needs: Needs, s3: S3Server) -> None:
    assert check_nodes(needs, []) == 0  # this machine looked
    assert s3.sizes() == {"music/a/track.flac": 5}


def test_a_track_that_is_another_one_and_an_output_without_the_mark_are_found(
    needs: Needs, s3: S3Server
) -> None:
    s3.put("music/a/track.flac", b"123")
    with pytest.raises(NodesError) as caught:
        check_nodes(needs, [])
    ((_, what, found, _),) = caught.value.rows
    assert (what, found) == ("library", "a/track.flac: 3 bytes, expected 5")
    assert "not the driver's" in look(needs)["stems folder"].found
