"""Labels on disk: songs that ``--data`` takes, each whole or absent."""

import dataclasses
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int16

from libsep.errors import LedgerError, reason_of
from libsep.machine import sync
from libsep.media.atomic import Root
from libsep.separation.registry import Model
from libsep.track import path_to_text
from libsep.training.distillation.blocks import Block

NOTE = "label.json"
TRAIN, HELD_BACK, PARTIAL = "train", "held-back", "partial"

KEY = 20
"""Digits at the end of a label's name that stand for its audio."""

Place = tuple[str, int, int, float, float]
"""Source, size and time of a track, and start and length of a block."""


@dataclasses.dataclass(frozen=True, slots=True)
class Label:
    """What a teacher says of a block; ``gain`` is what keeps it below full scale.

    ``wall_s`` is how long it took, in seconds. Without sources, the audio has a label already.
    """

    audio_sha256: str
    gain: float
    sources: Mapping[str, Int16[np.ndarray, "2 T"]]
    wall_s: float = 0.0


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A label on disk, and the block that it is of."""

    folder: Path
    place: Place
    audio_sha256: str
    n_bytes: int

    @property
    def side(self) -> str:
        """`TRAIN` or `HELD_BACK`."""
        return self.folder.parent.name


class LabelStore:
    """The labels that one teacher has given, below the folder of a distillation.

    ``train`` and ``held-back`` hold a folder for each block, with the samples of each source
    (``drums.npy``, int16) and a note on where they come from. A folder gets its name when it is
    whole; the work of a process that was killed is removed, and never read. One process writes.

    Parameters
    ----------
    root
        Folder of all labels; those of other teachers lie beside those of this one.
    teacher
        Whose labels they are.
    max_bytes
        What all labels in ``root`` may take together.

    Attributes
    ----------
    n_bytes
        What the labels of all teachers take now.
    """

    def __init__(self, root: Path, teacher: Model, max_bytes: float) -> None:
        self.root = root
        self.folder = root / f"{teacher.name}-{teacher.sha256[:8]}"
        self._teacher = teacher
        self._root = Root(root)
        self._max_bytes = max_bytes
        self._by_place: dict[Place, Kept] = {}
        self._by_key: dict[str, Kept] = {}
        self._wanted: set[Place] = set()
        self._wanted_judges: set[Place] = set()
        self._audio: dict[tuple[str, int, int], str] = {}
        shutil.rmtree(self.folder / PARTIAL, ignore_errors=True)
        for side in (TRAIN, HELD_BACK):
            for note in sorted((self.folder / side).glob(f"*/{NOTE}")):
                self._read(note)
        self.n_bytes = self._weigh()

    @property
    def train(self) -> Path:
        """Folder of the labels that are trained on."""
        return self.folder / TRAIN

    @property
    def held_back(self) -> Path:
        """Folder of the labels that judge."""
        return self.folder / HELD_BACK

    @property
    def keys(self) -> frozenset[str]:
        """What `key_of` says of the blocks whose labels are there."""
        return frozenset(self._by_key)

    @property
    def judging(self) -> frozenset[str]:
        """SHA-256 of the audio of the tracks that judge: no passage of it may teach."""
        judges = [kept for kept in self._by_place.values() if kept.place in self._wanted_judges]
        return frozenset(kept.audio_sha256 for kept in judges if kept.side == HELD_BACK)

    def expect(self, blocks: Sequence[Block], n_sources: int) -> int:
        """Take note of what is wanted; return how many labels had to be deleted for its space.

        Labels of other teachers and of other blocks are kept as long as there is room for all.
        """
        self._root.expect()
        self._wanted = {_place(block) for block in blocks}
        self._wanted_judges = {_place(block) for block in blocks if block.is_held_back}
        missing = sum(block.n_bytes(n_sources) for block in blocks if not self.has(block))
        if self.has_room(missing):
            return 0
        folders = [k.folder for place, k in self._by_place.items() if place not in self._wanted]
        folders += [path for path in self.root.glob("*") if path != self.folder]
        for folder in folders:
            shutil.rmtree(folder)
        self._keep_only(lambda kept: kept.place in self._wanted)
        return len(folders)

    def has(self, block: Block) -> bool:
        """Return whether a block of a file that has not changed has its label, on its side."""
        kept = self._by_place.get(_place(block))
        return kept is not None and kept.side == _side(block)

    def audio_sha256(self, block: Block) -> str | None:
        """Return the hash of a block's track if another block of it told; None if none did."""
        return self._audio.get(_place(block)[:3])

    def takes_over(self, block: Block, audio_sha256: str) -> bool:
        """Use the label that the same audio has already; return whether the block needs none.

        That of a file that was moved or tagged since becomes this block's. Of two files with the
        same audio only one has a label, and what another file judges by needs none to teach.
        """
        kept = self._by_key.get(key_of(block, audio_sha256))
        is_judge = not block.is_held_back and audio_sha256 in self.judging
        if kept is None or is_judge:
            return is_judge
        place = _place(block)
        if kept.place in self._wanted - {place}:
            self._by_place[place] = kept
            return True
        note = json.loads((kept.folder / NOTE).read_text(encoding="utf-8"))
        goal = self.folder / _side(block) / kept.folder.name
        goal.parent.mkdir(parents=True, exist_ok=True)
        kept.folder.rename(goal)
        _write(goal / NOTE, json.dumps(note | _note(block)).encode())
        self._by_place.pop(kept.place, None)
        self._note(dataclasses.replace(kept, folder=goal, place=place))
        return True

    def keep_apart(self) -> int:
        """Delete labels that teach what others judge by, such as of a track that was moved.

        Return how many.
        """
        kept = {each.folder: each for each in (*self._by_place.values(), *self._by_key.values())}
        judging = {each.audio_sha256 for each in kept.values() if each.side == HELD_BACK}
        learned = [each for each in kept.values() if each.side == TRAIN]
        shared = {each.folder for each in learned if each.audio_sha256 in judging}
        for folder in shared:
            shutil.rmtree(folder)
        self._keep_only(lambda each: each.folder not in shared)
        return len(shared)

    def has_room(self, n_bytes: int) -> bool:
        """Return whether so much more fits."""
        return self.n_bytes + n_bytes <= self._max_bytes

    def add(self, block: Block, label: Label) -> None:
        """Write a label; it is there when this returns, or not at all.

        Raises
        ------
        LedgerError
            The disk is full, or the folder cannot be written.
        ConfigError
            The folder of all labels has gone.
        """
        self._root.expect()
        key = key_of(block, label.audio_sha256)
        slug = re.sub(r"[^a-z0-9]+", "-", block.track.source.stem.lower()).strip("-")[:40]
        partial = self.folder / PARTIAL / key
        goal = self.folder / _side(block) / f"{slug or 'track'}-{key}"
        note = _note(block) | {
            "audio_sha256": label.audio_sha256,
            "gain": label.gain,
            "teacher": self._teacher.name,
            "teacher_sha256": self._teacher.sha256,
        }
        try:
            partial.mkdir(parents=True, exist_ok=True)
            for name, samples in label.sources.items():
                with (partial / f"{name}.npy").open("wb") as file:
                    np.save(file, samples)
                    file.flush()
                    sync(file.fileno())
            _write(partial / NOTE, json.dumps(note).encode())
            goal.parent.mkdir(parents=True, exist_ok=True)
            partial.rename(goal)
        except OSError as exc:
            raise LedgerError(f"{goal}: the label cannot be written: {reason_of(exc)}") from exc
        self.n_bytes += self._read(goal / NOTE).n_bytes

    def _keep_only(self, is_kept: Callable[[Kept], bool]) -> None:
        """Forget the labels that were deleted."""
        self._by_place = {place: kept for place, kept in self._by_place.items() if is_kept(kept)}
        self._by_key = {kept.folder.name[-KEY:]: kept for kept in self._by_place.values()}
        self.n_bytes = self._weigh()

    def _weigh(self) -> int:
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def _read(self, path: Path) -> Kept:
        note = json.loads(path.read_text(encoding="utf-8"))
        place = (
            note["source"],
            note["size_bytes"],
            note["mtime_ns"],
            note["start_s"],
            note["duration_s"],
        )
        n_bytes = sum(file.stat().st_size for file in path.parent.iterdir())
        kept = Kept(path.parent, place, note["audio_sha256"], n_bytes)
        self._note(kept)
        return kept

    def _note(self, kept: Kept) -> None:
        self._by_place[kept.place] = kept
        self._by_key[kept.folder.name[-KEY:]] = kept
        self._audio[kept.place[:3]] = kept.audio_sha256


def _side(block: Block) -> str:
    return HELD_BACK if block.is_held_back else TRAIN


def _place(block: Block) -> Place:
    track = block.track
    source = path_to_text(track.source)
    return source, track.size_bytes, track.mtime_ns, block.start_s, block.duration_s


def _note(block: Block) -> dict[str, object]:
    names = ("source", "size_bytes", "mtime_ns", "start_s", "duration_s")
    return dict(zip(names, _place(block), strict=True))


def key_of(block: Block, audio_sha256: str) -> str:
    """Return digits that stand for a stretch of some audio, whatever its file is called."""
    text = f"{audio_sha256}|{block.start_s:.3f}|{block.duration_s:.3f}"
    return hashlib.sha256(text.encode()).hexdigest()[:KEY]


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        sync(file.fileno())
    partial.replace(path)
