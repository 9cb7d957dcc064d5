"""One track through all its stages: decode, separate, encode, tag, verify. Without Ray."""

from libsep.pipeline.process import process
from libsep.pipeline.routing import Assigner
from libsep.pipeline.settings import Settings
from libsep.pipeline.staged import process_staged, staged_source

__all__ = ["Assigner", "Settings", "process", "process_staged", "staged_source"]
