"""Many tracks at once on Ray: plan, actors, tasks and the run loop."""

from libsep.batch import environment

__all__ = ["environment"]
