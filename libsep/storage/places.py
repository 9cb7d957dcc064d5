"""Where a library or an output lies: in a local folder, or below a prefix of an object store."""

import dataclasses
from pathlib import Path
from urllib.parse import unquote

from libsep.errors import ConfigError
from libsep.track import path_to_text

SCHEMES = ("s3", "gs")
"""Object stores that a library or an output may lie in."""


@dataclasses.dataclass(frozen=True, slots=True)
class RemoteFolder:
    """A folder of an object store: all objects of ``bucket`` whose keys begin with ``prefix``.

    The prefix has no slash at its ends; it is empty for a whole bucket.
    """

    scheme: str
    bucket: str
    prefix: str = ""

    @property
    def uri(self) -> str:
        """The folder as it is written on the command line."""
        return f"{self.scheme}://{self.path_of()}"

    def __str__(self) -> str:
        return self.uri

    def path_of(self, name: str = "") -> str:
        """Return bucket and key of an object, ``name`` being relative to the folder."""
        return "/".join(part for part in (self.bucket, self.prefix, name) if part)

    def holds(self, other: "RemoteFolder") -> bool:
        """Return whether ``other`` is this folder, or lies in it."""
        return f"{other.uri}/".startswith(f"{self.uri}/")


def parse_place(text: str) -> Path | RemoteFolder:
    """Return the folder that ``text`` names: a path, or a URI (``file://``, ``s3://``, ``gs://``).

    The key in ``s3://`` and ``gs://`` is taken as it stands: a ``%`` or ``#`` is part of the name.
    In ``file://`` escapes such as ``%20`` are decoded, as in any such URI.

    Raises
    ------
    ConfigError
        The URI is of another kind, names no bucket, or holds credentials.
    """
    scheme, separator, rest = text.partition("://")
    if not separator or "/" in scheme:
        return Path(text)
    if scheme == "file":
        return _local(rest)
    if scheme not in SCHEMES:
        expected = ", ".join(f"{name}://" for name in ("file", *SCHEMES))
        raise ConfigError(f"{scheme}://…: expected a path, or a URI that begins with {expected}")
    bucket, _, prefix = rest.partition("/")
    if "@" in bucket:
        raise ConfigError(
            f"{scheme}://…: no credentials in URIs; libsep takes those of the environment, of the"
            " usual configuration files or of the machine's role"
        )
    prefix = prefix.strip("/")
    if not bucket or ":" in bucket:
        raise ConfigError(f"{text}: expected {scheme}://BUCKET/FOLDER")
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise ConfigError(f"{text}: expected a folder without empty parts, '.' and '..'")
    return RemoteFolder(scheme, bucket, prefix)


def place_to_text(place: Path | RemoteFolder) -> str:
    """Return a place as a URI, or as the absolute path that `path_to_text` writes."""
    return path_to_text(place.absolute()) if isinstance(place, Path) else place.uri


def _local(rest: str) -> Path:
    host, _, path = rest.partition("/")
    if host not in ("", "localhost"):
        raise ConfigError(f"file://{rest}: expected file:///PATH, found the name of a host")
    return Path("/", unquote(path, errors="surrogateescape"))
