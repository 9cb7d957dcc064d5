"""Hear the genre of a track that no tag tells: three windows of it, not the whole."""

import logging
import threading

from libsep.config import Config
from libsep.genre.classifier import load_classifier
from libsep.genre.windows import read_windows
from libsep.media.decode import hash_audio
from libsep.media.ffmpeg import find_ffmpeg
from libsep.track import Heard, Outcome, Track

logger = logging.getLogger(__name__)


class Ear:
    """A classifier, and the ffmpeg that decodes a little of each track for it.

    May be called by several threads at once: they decode beside each other and classify in turn.

    Parameters
    ----------
    config
        Which classifier, and how to decode.

    Raises
    ------
    ModelError
        The classifier cannot be loaded.
    """

    def __init__(self, config: Config) -> None:
        self._classifier = load_classifier(config.routing.classifier)
        self._ffmpeg = find_ffmpeg(config.decode.ffmpeg)
        self._stall_timeout_s = config.decode.stall_timeout_s
        self._lock = threading.Lock()

    def hear(self, track: Track, previous: Outcome | None = None) -> Heard:
        """Return how likely each genre is, and which tags are the strongest.

        Parameters
        ----------
        track
            The track.
        previous
            Its last outcome: what the same classifier heard then counts if the audio is the same.

        Raises
        ------
        ProbeError, DecodeError
            The track is no audio that can be read, or has none where it was looked for.
        """
        if previous is not None and self._has_heard(track, previous):
            logger.info("%s: same audio, heard before", track.source)
            return previous.heard
        windows = read_windows(
            track.path,
            ffmpeg=self._ffmpeg,
            window=self._classifier.window,
            duration_s=track.duration_s,
            stall_timeout_s=self._stall_timeout_s,
        )
        with self._lock:
            return self._classifier.classify(windows)

    def _has_heard(self, track: Track, previous: Outcome) -> bool:
        """Return whether a track that has changed has other tags only."""
        heard_by = previous.classifier_sha256
        if heard_by != self._classifier.info.identity or not previous.genre_probabilities:
            return False
        audio_sha256 = hash_audio(
            track.path, ffmpeg=self._ffmpeg, stall_timeout_s=self._stall_timeout_s
        )
        return audio_sha256 == previous.audio_sha256
