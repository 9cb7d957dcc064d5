"""One track through all its stages: decode, separate, encode, tag, verify. Without Ray."""

from libsep.pipeline.process import process
from libsep.pipeline.routing import Assigner
from libsep.pipeline.settings import Settings, segment_grid

__all__ = ["Assigner", "Settings", "process", "segment_grid"]
