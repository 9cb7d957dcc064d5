"""Tags: read from any source format, written into MP4 files, hashed and fingerprinted."""

from libsep.media.tags.fingerprint import Fingerprint, read_fingerprint, write_fingerprint
from libsep.media.tags.header import read_header
from libsep.media.tags.read import read_tags
from libsep.media.tags.record import Header, Picture, Tags, tags_digest
from libsep.media.tags.write import write_tags

__all__ = [
    "Fingerprint",
    "Header",
    "Picture",
    "Tags",
    "read_fingerprint",
    "read_header",
    "read_tags",
    "tags_digest",
    "write_fingerprint",
    "write_tags",
]
