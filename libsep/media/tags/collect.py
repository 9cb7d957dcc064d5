"""Gather what the readers of the formats find into one `Tags`."""

from collections.abc import Iterable, Mapping

from libsep.media.tags.mapping import FIELDS, find_field, is_dropped, is_missed
from libsep.media.tags.record import Picture, RawValue, Tags
from libsep.media.tags.values import is_rating_key, keyed_rating, parse_genres, parse_position

_NEXT_TAG = 100
"""How much weaker the names of the next tag in the same file are than those of the one before."""

_PARTIAL_DATES = ("date", "original_date")

MAX_KEYS = 1_000
MAX_VALUES = 1_000
MAX_VALUE_CHARS = 1 << 20
MAX_PICTURES = 100
MAX_PROBLEMS = 100
"""How much of the tags of one file is carried over, each far above what programs write."""


class Collector:
    """What was found so far: a field takes the values of its strongest name.

    Other names of the field are kept as extras if they say something else, but only when they come
    from the first tag: the others of a file (ID3v1, APEv2 in an MP3) only fill gaps.
    """

    def __init__(self) -> None:
        self._weakness = 0
        self._rating_weakness = 0
        self._fields: dict[str, dict[int, tuple[str, dict[str, None]]]] = {}
        self._extras: dict[str, dict[str, None]] = {}
        self._extra_keys: dict[str, tuple[str, int]] = {}
        self._n_beyond_limits = 0
        self._kinds_before: set[int] = set()
        self._ratings: list[int] = []
        self._serato: dict[str, bytes] = {}
        self._atoms: dict[str, list[RawValue]] = {}
        self.pictures: list[Picture] = []
        self.problems: list[str] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found yet."""
        return not (self._fields or self._extras or self.pictures or self._atoms)

    def next_tag(self) -> None:
        """Go on to the next tag of the file, which only fills the gaps of those before it."""
        self._weakness += _NEXT_TAG
        self._kinds_before = {picture.kind for picture in self.pictures}

    def add(self, column: str, key: str, values: Iterable[str]) -> None:
        """Take the values of ``key``, a name in a column of the table of fields.

        A key that is no field's name becomes an extra, unless it is never carried over; one of
        a rating is a rating as well. Values are split at NUL characters; empty ones vanish.
        """
        found = find_field(column, key)
        if found is not None:
            self.add_field(found[0].name, values, key=key, rank=found[1])
        elif not self.drops(key):
            name, texts = _extra_key(key), list(values)
            if is_rating_key(name):
                self._ratings_of(name, texts)
            self.add_extra(name, texts)

    def drops(self, key: str) -> bool:
        """Return whether ``key`` is never carried over, and name it where somebody may miss it."""
        if is_missed(key):
            self.problems.append(f"private data ({key}) has no place in MP4: dropped")
        return is_dropped(key)

    def add_field(self, name: str, values: Iterable[str], *, key: str = "", rank: int = 0) -> None:
        """Take the values of the field ``name``, found under ``key``; a lower rank is stronger."""
        cleaned = self._clean(key or name, values)
        if cleaned:
            ranks = self._fields.setdefault(name, {})
            _, known = ranks.setdefault(rank + self._weakness, (_extra_key(key), {}))
            self._extend(known, cleaned)

    def add_extra(self, key: str, values: Iterable[str]) -> None:
        """Take values that have no field; keys that differ in case only are one key."""
        cleaned = self._clean(key, values)
        if not cleaned:
            return
        weakness = self._weakness
        known_key, known_weakness = self._extra_keys.setdefault(key.casefold(), (key, weakness))
        if weakness > known_weakness:
            return
        if known_key not in self._extras and len(self._extras) >= MAX_KEYS:
            self._n_beyond_limits += 1
            return
        self._extend(self._extras.setdefault(known_key, {}), cleaned)

    def add_atom(self, key: str, value: RawValue) -> None:
        """Take a value of an MP4 atom that is no text, as it lies in the file."""
        if len(value.data) > MAX_VALUE_CHARS:
            self.problems.append(f"{key} of {len(value.data)} bytes: dropped, too long")
        elif len(self._atoms) < MAX_KEYS or key in self._atoms:
            self._atoms.setdefault(key, []).append(value)
        else:
            self._n_beyond_limits += 1

    def add_rating(self, rating: int) -> None:
        """Take a rating from 0 to 100; within a tag the highest counts."""
        if not self._ratings or self._rating_weakness == self._weakness:
            self._rating_weakness = self._weakness
            self._ratings.append(rating)

    def _ratings_of(self, key: str, texts: Iterable[str]) -> None:
        for rating in (keyed_rating(key, text) for text in texts):
            if rating:
                self.add_rating(rating)

    def add_serato(self, atoms: Mapping[str, bytes]) -> None:
        """Take data of Serato's by the names of their atoms."""
        if self._weakness:
            self._serato = {**atoms, **self._serato}
        else:
            self._serato.update(atoms)

    def add_picture(self, picture: Picture) -> None:
        """Take a picture, unless it is there already, or a tag before has one of its kind."""
        if picture.kind in self._kinds_before:
            return
        if len(self.pictures) >= MAX_PICTURES:
            self._n_beyond_limits += 1
        elif all(known.data != picture.data for known in self.pictures):
            self.pictures.append(picture)

    def result(self) -> Tags:
        """Return what was found, with genres by name and positions as separate numbers."""
        fields = {name: self._resolve(name, ranks) for name, ranks in self._fields.items()}
        if "genre" in fields:
            fields["genre"] = parse_genres(fields["genre"])
        for name in ("track", "disc", "movement"):
            _split_position(fields, name)
        order = [field.name for field in FIELDS]
        return Tags(
            fields={name: fields[name] for name in order if fields.get(name)},
            extras={key: tuple(values) for key, values in sorted(self._extras.items())},
            pictures=tuple(self.pictures),
            serato=dict(sorted(self._serato.items())),
            atoms={key: tuple(values) for key, values in sorted(self._atoms.items())},
            rating=max(self._ratings, default=None),
            problems=self._all_problems(),
        )

    def _extend(self, known: dict[str, None], values: Iterable[str]) -> None:
        """Add the values that are new, up to the limit."""
        for value in values:
            if value not in known and len(known) >= MAX_VALUES:
                self._n_beyond_limits += 1
            else:
                known[value] = None

    def _clean(self, key: str, values: Iterable[str]) -> list[str]:
        """Return the values that say something, as valid Unicode; NUL separates values."""
        parts = (part for value in values for part in value.split("\0"))
        valid = (part.encode("utf-8", "replace").decode("utf-8") for part in parts)
        found = list(dict.fromkeys(part for part in valid if part.strip()))
        short = [part for part in found if len(part) <= MAX_VALUE_CHARS]
        too_long = [part for part in found if len(part) > MAX_VALUE_CHARS]
        self.problems += [f"{key} of {len(part)} characters: dropped" for part in too_long]
        return short

    def _all_problems(self) -> tuple[str, ...]:
        problems = list(dict.fromkeys(self.problems))
        if len(problems) > MAX_PROBLEMS:
            more = len(problems) - MAX_PROBLEMS
            problems[MAX_PROBLEMS:] = [f"{more} more parts of the tags were dropped"]
        if self._n_beyond_limits:
            problems.append(f"{self._n_beyond_limits} values, keys or pictures too many: dropped")
        return tuple(problems)

    def _resolve(self, name: str, ranks: dict[int, tuple[str, dict[str, None]]]) -> tuple[str, ...]:
        (_, (_, strongest)), *others = sorted(ranks.items())
        chosen = list(strongest)
        for rank, (key, values) in others:
            left = [value for value in values if not _is_said(name, value, chosen)]
            if left and key and rank < _NEXT_TAG:
                self.add_extra(key, left)
        return tuple(chosen)


def _extra_key(key: str) -> str:
    """Return the name under which a key of a source is carried: without the frame it came in."""
    return (
        key[5:] if key.upper().startswith("TXXX:") else key.removeprefix("----:com.apple.iTunes:")
    )


def _is_said(name: str, value: str, chosen: list[str]) -> bool:
    folded = value.casefold()
    if name == "bpm":  # the rounded tempo of an MP4 says nothing beside the exact one
        return True
    if name in _PARTIAL_DATES:
        return any(known.casefold().startswith(folded) for known in chosen)
    return any(folded == known.casefold() for known in chosen)


def _split_position(fields: dict[str, tuple[str, ...]], name: str) -> None:
    """Turn ``3/12`` into a number and a total; leave what is no such thing as it is."""
    for field in (name, f"{name}_total"):
        position = parse_position(fields[field][0]) if field in fields else None
        if position is None:
            continue
        number, total = position
        if number is not None:
            fields[field] = (str(number),)
        elif field == name:
            del fields[name]
        if field == name and total is not None:
            fields.setdefault(f"{name}_total", (str(total),))
