"""The cleanest strokes of a track that are known so far, in bounded memory."""

from collections import defaultdict, deque

from libsep.transients.generated import DrumSounds, Made
from libsep.transients.strokes import Stroke
from libsep.transients.templates import Template, cleanest_alone, make_templates

Kind = tuple[str, ...]
"""The drums that are hit at once."""

MAX_STROKES = 24
"""Strokes of each kind of hit that are kept: the cleanest ones."""

MAX_MADE = 8
"""Generated sounds of each kind of hit that are kept, to begin with the next time."""

MEMORY_S = 240.0
"""Strokes that lie further back are forgotten: a long set goes on with other drums."""


class StrokeBank:
    """Keeps the cleanest strokes of each kind of hit, and makes templates of them.

    Parameters
    ----------
    sample_rate
        In Hz.
    lag
        Samples at both ends of a stroke that are there to be aligned.
    sounds
        Makes sounds in place of those that strokes have in common, if it is given.
    """

    def __init__(self, sample_rate: int, lag: int, sounds: DrumSounds | None = None) -> None:
        self._memory_samples = int(MEMORY_S * sample_rate)
        self._lag = lag
        self._sounds = sounds
        self._made: dict[Kind, deque[Made]] = defaultdict(lambda: deque(maxlen=MAX_MADE))
        self._strokes: dict[Kind, list[Stroke]] = defaultdict(list)
        self._templates: dict[Kind, list[Template]] = {}

    def add(self, kind: Kind, stroke: Stroke) -> None:
        """Take a stroke; if there are too many of its kind, the one that is least clean goes."""
        strokes = self._strokes[kind]
        strokes.append(stroke)
        if len(strokes) > MAX_STROKES:
            strokes.remove(min(strokes, key=lambda each: (each.clean_db, each.place)))
        self._templates.pop(kind, None)

    def forget(self, place: int) -> None:
        """Forget what lies far before a sample of the track."""
        for kind, strokes in self._strokes.items():
            kept = [each for each in strokes if each.place >= place - self._memory_samples]
            if len(kept) < len(strokes):
                self._strokes[kind] = kept
                self._templates.pop(kind, None)

    def templates(self, kind: Kind) -> list[Template]:
        """Return the clean sounds of a kind of hit; none if too few strokes are known."""
        if kind not in self._templates:
            own = make_templates(self._strokes.get(kind, ()), self._lag)
            self._templates[kind] = own if self._sounds is None else self._generated(own, kind)
        return self._templates[kind]

    def _generated(self, own: list[Template], kind: Kind) -> list[Template]:
        """Return generated sounds in place of the track's own; even of a drum struck only once."""
        assert self._sounds is not None
        patterns = own or cleanest_alone(self._strokes.get(kind, ()), self._lag)
        templates = []
        for pattern in patterns:
            found = self._sounds.in_place_of(pattern, kind, self._made[kind])
            if found is not None:
                templates.append(found[0])
                self._made[kind].append(found[1])
        return templates
