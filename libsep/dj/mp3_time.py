"""Where DJ programs begin to count time in an MP3, against where its stem file begins.

An encoder puts some 25 ms of silence in front. ffmpeg, and so libsep, drops it where the file says
how much it is; DJ programs do not. And some take a header that they cannot read for music: a frame
more.

That Traktor 4.5 and Rekordbox 7 drop nothing, and which frames they count where ffmpeg wrote the
header, was measured by MrPatben8/konduktor (``timebase.py`` of both). The frames of the other
headers are those of Mixxx against Rekordbox (``rekordboxfeature.cpp``; its decoders drop nothing,
but Apple's, whose numbers are larger by just what that one drops), and of dj-data-converter between
Traktor and Rekordbox (issue 3, thousands of files).
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from libsep.dj.collection import Entry
from libsep.dj.stems import StemTrack
from libsep.errors import ProbeError
from libsep.media.mp3_header import Mp3Header, read_mp3_begin
from libsep.track import text_to_path
from libsep.units import samples_to_seconds

LATE_FRAMES: Mapping[str, Mapping[Mp3Header, int]] = {
    "traktor": {"none": 0, "plain": 1, "unverified": 1, "lame": 1},
    "rekordbox": {"none": 0, "plain": 0, "unverified": 0, "lame": 1},
}
"""How many frames a program counts that ffmpeg skips, by the header of the MP3."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mp3Clock:
    """Tells how the positions of a collection in an MP3 become those in its stem file.

    ``program`` wrote the collection. ``library`` is the folder that the stem files were made from,
    if that is known. ``shift_s`` is what the user says instead, for all MP3s.
    """

    program: str
    library: Path | None = None
    shift_s: float | None = None

    def shift_of(self, track: StemTrack, entry: Entry) -> float | None:
        """Return what is added to the entry's positions, in seconds.

        0 for what was no MP3; None if its file is not here to look at, or its program is not
        known to count otherwise.
        """
        if not track.is_from_mp3:
            return 0.0
        if self.shift_s is not None:
            return self.shift_s
        late = LATE_FRAMES.get(self.program)
        if late is None:
            return None
        places = [Path(entry.location)]
        if self.library is not None:
            places.insert(0, self.library / text_to_path(track.source))
        for path in places:
            try:
                begin = read_mp3_begin(path)
            except ProbeError:
                continue
            late_samples = late[begin.header] * begin.frame_samples + begin.dropped_samples
            return -samples_to_seconds(late_samples, begin.sample_rate)
        return None
