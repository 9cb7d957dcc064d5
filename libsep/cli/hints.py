"""What a run says last: where to look and listen, and which better models can be had."""

import shlex
from collections.abc import Iterator

from libsep.separation.card import better_model_hint
from libsep.storage.ends import Ends


def closing_hints(ends: Ends) -> Iterator[str]:
    """Yield the lines, each a sentence with a command; stems in a store cannot be listened to."""
    stems = shlex.quote(str(ends.stems))
    listen = "" if ends.local_stems is None else f", libsep listen {stems} plays the stems"
    yield f"libsep report {stems} writes a page about all this{listen}"
    if hint := better_model_hint():
        yield hint
