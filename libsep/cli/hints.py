"""What a run says last: where to look and listen, and which better models can be had."""

from collections.abc import Iterator
from pathlib import Path

from libsep.config import StorageConfig
from libsep.report.failures import shell_word
from libsep.separation.card import better_model_hint
from libsep.storage.connection import resolved
from libsep.storage.ends import Ends
from libsep.storage.places import place_to_text
from libsep.track import path_to_text


def closing_hints(ends: Ends, config: Path) -> Iterator[str]:
    """Yield the lines, each a sentence with a command; stems in a store cannot be listened to.

    Parameters
    ----------
    ends
        Those of the run.
    config
        Where the run keeps its configuration; a store may not be found without.
    """
    stems = shell_word(place_to_text(ends.stems))
    listen = "" if ends.local_stems is None else f", libsep listen {stems} plays the stems"
    if ends.local_stems is None and ends.storage != resolved(StorageConfig()):
        stems += f" -c {shell_word(path_to_text(config))}"
    yield f"libsep report {stems} writes a page about all this{listen}"
    if hint := better_model_hint():
        yield hint
