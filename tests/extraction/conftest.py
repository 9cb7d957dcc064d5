"""The signals of the tests of media."""

from ..media.conftest import sources

__all__ = ["sources"]
