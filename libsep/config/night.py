"""The knobs of a night: how long a run may last, and what comes first."""

import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from libsep.config.section import Section


def _hour(value: Any) -> Any:
    """Return an hour and minute that was given as text; without quotes, YAML reads a number."""
    if value is None or isinstance(value, datetime.time):
        return value
    try:
        return datetime.datetime.strptime(value, "%H:%M").time()
    except (TypeError, ValueError) as exc:
        hint = "" if isinstance(value, str) else " (in YAML quoted)"
        raise ValueError(f"expected HH:MM from 00:00 to 23:59{hint}") from exc


def _first(value: str) -> str:
    if value in ("new", "shortest") or (value.startswith("playlist:") and value != "playlist:"):
        return value
    raise ValueError("expected new, shortest or playlist:FILE")


HourOfDay = Annotated[
    datetime.time,
    BeforeValidator(_hour),
    PlainSerializer(lambda hour: f"{hour:%H:%M}", return_type=str, when_used="json"),
]


class NightConfig(Section):
    """When a run ends by itself, and in which order it takes the tracks."""

    until: HourOfDay | None = None
    """Hour and minute, in quotes and in the time zone of this machine, by which a run ends."""

    max_hours: Annotated[float, Field(gt=0)] | None = None
    """Hours that a run lasts at most."""

    margin: Annotated[float, Field(ge=1, le=10)] = 1.5
    """How many times longer than expected a track may take and still end in time."""

    order: tuple[Annotated[str, AfterValidator(_first)], ...] = ("new",)
    """What comes first, the most important rule first: ``new`` files, those of ``playlist:FILE`` in
    its order, the ``shortest``; what is equal by all rules comes folder by folder."""

    new_days: Annotated[float, Field(gt=0)] = 30.0
    """Days since its last change for which a file counts as new."""
