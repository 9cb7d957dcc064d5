"""Two channels out of however many: by position, at a level that cannot clip."""

import re
from typing import Any

from libsep.media.probe import AudioInfo

_HALF_POWER = 0.707107

_WEIGHTS = {
    1.0: "F{side} F{side}C W{side} D{side}",
    _HALF_POWER: "FC B{side} S{side} TF{side} TB{side}",
    0.5: "BC TC TFC TBC",
}
"""Channels that go to a side, by ffmpeg's names, and how much of them (ITU-R BS.775-3, table 2)."""


def to_stereo(audio: Any, info: AudioInfo) -> Any:
    """Return a node of an ffmpeg graph with two channels at the levels of its source.

    Mono goes to both channels at unchanged level, also mono that calls itself left or subwoofer.
    Two channels are left and right, whatever a header calls them. More than two are weighted, and
    scaled so that full scale in all of them at once does not clip.

    ffmpeg builds its graph again where the channels of a stream change, and gives the weights of
    each layout anew: parts in mono and parts in stereo both keep their levels.
    """
    # The names first: ffmpeg cannot convert samples of channels whose names it does not expect.
    if info.n_channels == 1 and info.channel_layout != "mono":
        audio = audio.filter("channelmap", map="0-FC", channel_layout="mono")
    elif info.n_channels == 2 and info.channel_layout != "stereo":
        audio = audio.filter("channelmap", map="0-FL|1-FR", channel_layout="stereo")
    elif re.match(r"\d+ channels$|ambisonic", info.channel_layout):
        return audio  # nothing says where they belong: ffmpeg refuses them
    # Floats before the gains: integers would be rounded.
    return by_position(audio.filter("aformat", sample_fmts="flt"))


def by_position(audio: Any) -> Any:
    """Return a node with two channels out of those that have a place left, right or between."""
    return audio.filter("pan", f"stereo|FL<{_weighted('L')}|FR<{_weighted('R')}")


def _weighted(side: str) -> str:
    """Return the sum of a side; ``<`` before it scales the weights that there are to one."""
    return "+".join(
        f"{weight}*{name}"
        for weight, names in _WEIGHTS.items()
        for name in names.format(side=side).split()
    )
