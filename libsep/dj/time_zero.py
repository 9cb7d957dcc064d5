"""Where DJ programs begin to count time in a track, against where its stem file begins.

Encoders put some 25 ms of silence in front. ffmpeg, and so libsep, drops it where the file says how
much it is. In MP3s DJ programs do not; and some take a header that they cannot read for music: a
frame more. In AAC, Rekordbox does not, and counts it in stem files as well.

That Traktor 4.5 and Rekordbox 7 drop nothing of MP3s, which frames they count where ffmpeg wrote
the header, and that Rekordbox does not heed the edit list of AAC, was measured by
MrPatben8/konduktor (``timebase.py`` of both). The frames of the other headers are those of Mixxx
against Rekordbox (``rekordboxfeature.cpp``; its decoders drop nothing, but Apple's, whose numbers
are larger by just what that one drops), and of dj-data-converter between Traktor and Rekordbox
(issue 3, thousands of files). In M4As Mixxx finds Rekordbox 48 ms behind Apple's decoder: 2112
samples, which Apple's encoder begins with.
"""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from libsep.dj.collection import Entry
from libsep.dj.stems import StemTrack
from libsep.errors import ProbeError
from libsep.media.edit_list import skipped_s
from libsep.media.mp3_header import Mp3Header, read_mp3_begin
from libsep.track import text_to_path
from libsep.units import samples_to_seconds

MP3 = (".mp3", ".mp2", ".mpga")
"""How the names of MP3s end."""

MP4 = (".m4a", ".mp4", ".m4b")
"""How the names of files end that hold AAC with an edit list."""

LATE_FRAMES: Mapping[str, Mapping[Mp3Header, int]] = {
    "traktor": {"none": 0, "plain": 1, "unverified": 1, "lame": 1},
    "rekordbox": {"none": 0, "plain": 0, "unverified": 0, "lame": 1},
}
"""How many frames a program counts that ffmpeg skips, by the header of the MP3."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Tells how the positions of a collection in a track become those in its stem file.

    ``program`` wrote the collection. ``library`` is the folder that the stem files were made from,
    if that is known. ``mp3_shift_s`` is what the user says instead, for all MP3s.
    """

    program: str
    library: Path | None = None
    mp3_shift_s: float | None = None

    def shift_of(self, track: StemTrack, entry: Entry) -> float | None:
        """Return what is added to the entry's positions, in seconds.

        0 where its program begins as ffmpeg does; None if the file is not here to look at, or
        nobody knows what its program does.
        """
        is_mp3, is_mp4 = (track.source.casefold().endswith(kind) for kind in (MP3, MP4))
        if is_mp4 and self.program == "rekordbox":
            return self._from_first(track, entry, lambda path: -skipped_s(path))
        if not is_mp3:
            return 0.0
        if self.mp3_shift_s is not None:
            return self.mp3_shift_s
        late = LATE_FRAMES.get(self.program)
        if late is None:
            return None
        return self._from_first(track, entry, lambda path: _mp3_shift_s(path, late))

    def _from_first(
        self, track: StemTrack, entry: Entry, shift_of: Callable[[Path], float]
    ) -> float | None:
        """Return what the first place says at which the source can be read."""
        places = [Path(entry.location)]
        if self.library is not None:
            places.insert(0, self.library / text_to_path(track.source))
        for path in places:
            try:
                return shift_of(path)
            except ProbeError:
                continue
        return None


def _mp3_shift_s(path: Path, late: Mapping[Mp3Header, int]) -> float:
    begin = read_mp3_begin(path)
    late_samples = late[begin.header] * begin.frame_samples + begin.dropped_samples
    return -samples_to_seconds(late_samples, begin.sample_rate)
