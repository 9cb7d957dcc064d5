"""What tells the genres apart, as far as a sampler can play it: one table, a row for each.

Ranges are ``(lowest, highest)``, shares and probabilities are from 0 to 1, weights are relative.
Names of instruments, kits and grooves are glob patterns.
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from libsep.errors import ConfigError

Range = tuple[float | int, float | int]
Weights = Mapping[str, float]


def _weights(**weights: float | int) -> Weights:
    return MappingProxyType({name: float(weight) for name, weight in weights.items()})


@dataclasses.dataclass(frozen=True)
class Style:
    """How songs of a genre are written, played and mixed.

    ``beats_per_bar``: one of these; ``swing``: delay of off-beats in beats. ``grooves``: kinds of
    drum performances, which are played with probability ``p_groove``; else a machine's pattern of
    ``kicks``, ``snares`` and ``hats``. ``bass_lines`` and ``layers``: names of what the bass and
    the other instruments play (`composition.BASS_LINES`, `layers.LAYERS`). ``p_arrangement``:
    share of songs whose notes are those of a MIDI arrangement. ``p_pump``: share in which the kick
    ducks the rest. ``p_room``: how often a layer stands in the room, which rings for ``room_s``
    and is ``wet`` times as loud as the layer. ``limit_db``: how far the loudest peaks of the
    mixture are limited. ``levels_db``: level of each target on average.
    """

    tempo_bpm: Range
    beats_per_bar: tuple[int, ...]
    swing: Range
    modes: Weights
    p_groove: float
    grooves: tuple[str, ...]
    kicks: tuple[str, ...]
    snares: tuple[str, ...]
    hats: tuple[str, ...]
    kits: tuple[str, ...]
    bass_lines: Weights
    basses: tuple[str, ...]
    p_bass_synthesiser: float
    p_bass_amplifier: float
    layers: Weights
    n_layers: tuple[int, int]
    p_drums: float
    p_bass: float
    p_vocals: float
    p_spoken: float
    p_arrangement: float
    p_pump: float
    p_room: float
    room_s: Range
    wet: Range
    limit_db: Range
    levels_db: Weights


_SYNTHETIC_BASSES = ("gen-*", "fluid-synth-bass*", "sonicpi-*")
_ELECTRIC_BASSES = ("growly*", "pasta*", "fluid-*finger*", "fluid-*pick*", "fluid-*slap*",
                    "fluid-fretless*", "bass*")  # fmt: skip
_DOUBLE_BASSES = ("meatbass*", "double*", "fluid-acoustic-bass", "contrabass*")
_LIVE_KITS = ("pearl*", "fluid-standard", "fluid-room", "fluid-power", "was-acoustic*", "live*",
              "mrk-2", "synth")  # fmt: skip
_MACHINES = ("tr-*", "808*", "lm-2", "cr-78", "roland*", "sequential*", "casio*", "yamaha*",
             "mfb*", "was-*", "micro*", "fluid-tr-808", "fluid-electronic", "sonicpi-*",
             "machine*")  # fmt: skip

STYLES: Mapping[str, Style] = MappingProxyType({
    "electronic": Style(
        tempo_bpm=(96, 176), beats_per_bar=(4,), swing=(0, 0.05),
        modes=_weights(minor=5, dorian=2, phrygian=1, major=2, mixolydian=1),
        p_groove=0.12, grooves=("dance*", "funk*", "latin*"),
        kicks=("four", "four", "four", "broken", "garage", "half"),
        snares=("backbeat", "backbeat", "half", "none"),
        hats=("off", "eighths", "sixteenths", "none"), kits=_MACHINES,
        bass_lines=_weights(offbeat=3, sixteenths=2, rhythm=3, held=2, eighths=2, octaves=1),
        basses=_SYNTHETIC_BASSES, p_bass_synthesiser=0.5, p_bass_amplifier=0.1,
        layers=_weights(synth_pad=3, synth_arp=3, synth_lead=2, synth_chords=3, piano=1, texture=1,
                        strings=0.5, electric_piano=0.5, solo=0.5),
        n_layers=(1, 5), p_drums=0.95, p_bass=0.9, p_vocals=0.6, p_spoken=0.15,
        p_arrangement=0.05, p_pump=0.6, p_room=0.5, room_s=(0.4, 3.0), wet=(0.05, 0.7),
        limit_db=(2, 9), levels_db=_weights(drums=1, bass=-1, other=-1.5, vocals=-1),
    ),
    "hiphop": Style(
        tempo_bpm=(66, 104), beats_per_bar=(4,), swing=(0, 0.09),
        modes=_weights(minor=6, dorian=2, phrygian=1, harmonic=1, major=1),
        p_groove=0.3, grooves=("hiphop*", "soul*", "funk*"),
        kicks=("boombap", "trap", "broken", "sparse"), snares=("backbeat", "backbeat", "half"),
        hats=("eighths", "rolls", "rolls", "sixteenths"), kits=_MACHINES,
        bass_lines=_weights(sparse=4, held=3, rhythm=3),
        basses=("gen-808*", "gen-sub*", *_SYNTHETIC_BASSES, "growly*"), p_bass_synthesiser=0.35,
        p_bass_amplifier=0.1,
        layers=_weights(piano=2, electric_piano=3, synth_pad=2, synth_arp=1, synth_lead=1.5,
                        strings=2, brass=1, mallets=1.5, texture=1.5, clean_guitar=1, solo=1),
        n_layers=(1, 3), p_drums=0.97, p_bass=0.92, p_vocals=0.8, p_spoken=0.65,
        p_arrangement=0.03, p_pump=0.2, p_room=0.3, room_s=(0.2, 1.6), wet=(0.02, 0.3),
        limit_db=(2, 8), levels_db=_weights(drums=1, bass=1, other=-3, vocals=1),
    ),
    "rock": Style(
        tempo_bpm=(84, 190), beats_per_bar=(4, 4, 4, 3), swing=(0, 0.04),
        modes=_weights(major=3, minor=4, mixolydian=2, dorian=1, phrygian=1),
        p_groove=0.9, grooves=("rock*", "punk*", "funk/rock"),
        kicks=("rock", "double", "broken"), snares=("backbeat", "backbeat", "half"),
        hats=("eighths", "quarters"), kits=_LIVE_KITS,
        bass_lines=_weights(eighths=5, rhythm=3, held=1, gallop=1, sixteenths=1),
        basses=_ELECTRIC_BASSES, p_bass_synthesiser=0.03, p_bass_amplifier=0.65,
        layers=_weights(power_guitar=5, riff_guitar=4, clean_guitar=3, lead_guitar=3, organ=1,
                        piano=1, acoustic_guitar=1, strings=0.5, synth_pad=0.4),
        n_layers=(1, 4), p_drums=0.97, p_bass=0.96, p_vocals=0.75, p_spoken=0.06,
        p_arrangement=0.3, p_pump=0.0, p_room=0.4, room_s=(0.3, 1.6), wet=(0.03, 0.35),
        limit_db=(2, 9), levels_db=_weights(drums=0, bass=-2, other=0.5, vocals=0.5),
    ),
    "pop": Style(
        tempo_bpm=(78, 136), beats_per_bar=(4,), swing=(0, 0.06),
        modes=_weights(major=5, minor=3, mixolydian=1, dorian=1),
        p_groove=0.55,
        grooves=("pop*", "soul*", "funk*", "reggae*", "latin*", "gospel*", "dance*", "afro*",
                 "neworleans*", "highlife*"),
        kicks=("rock", "four", "broken", "boombap"), snares=("backbeat",),
        hats=("eighths", "sixteenths", "off"), kits=(*_LIVE_KITS, *_MACHINES),
        bass_lines=_weights(rhythm=4, eighths=3, octaves=2, funk=3, held=1, reggae=1),
        basses=(*_ELECTRIC_BASSES, *_SYNTHETIC_BASSES), p_bass_synthesiser=0.2,
        p_bass_amplifier=0.25,
        layers=_weights(piano=2.5, electric_piano=2, clean_guitar=3, acoustic_guitar=2, brass=2,
                        strings=2, synth_pad=1.5, synth_chords=1.5, organ=1, synth_lead=1,
                        wah_guitar=1, mallets=0.5, solo=1.5, synth_arp=1),
        n_layers=(1, 5), p_drums=0.95, p_bass=0.95, p_vocals=0.9, p_spoken=0.05,
        p_arrangement=0.08, p_pump=0.1, p_room=0.5, room_s=(0.4, 2.2), wet=(0.05, 0.5),
        limit_db=(1, 7), levels_db=_weights(drums=0, bass=-1.5, other=-1, vocals=2),
    ),
    "jazz": Style(
        tempo_bpm=(72, 230), beats_per_bar=(4, 4, 4, 3), swing=(0.06, 0.17),
        modes=_weights(dorian=4, mixolydian=3, major=3, minor=1),
        p_groove=0.85, grooves=("jazz*", "blues*", "latin/brazilian-bossa", "afrocuban*"),
        kicks=("sparse",), snares=("none", "rim"), hats=("ride",),
        kits=("fluid-jazz", "fluid-brush", "pearl*", "live*"),
        bass_lines=_weights(walking=6, funk=1, held=1, rhythm=1),
        basses=(*_DOUBLE_BASSES, "fluid-fretless*"), p_bass_synthesiser=0.0,
        p_bass_amplifier=0.1,
        layers=_weights(piano=4, jazz_guitar=2, solo=5, brass=2, electric_piano=1.5, organ=1,
                        mallets=1),
        n_layers=(1, 3), p_drums=0.9, p_bass=0.95, p_vocals=0.35, p_spoken=0.0,
        p_arrangement=0.0, p_pump=0.0, p_room=0.4, room_s=(0.3, 1.6), wet=(0.05, 0.35),
        limit_db=(0, 3), levels_db=_weights(drums=-2.5, bass=-1, other=1, vocals=1),
    ),
    "acoustic": Style(
        tempo_bpm=(60, 150), beats_per_bar=(4, 4, 3), swing=(0, 0.06),
        modes=_weights(major=5, minor=3, dorian=1, mixolydian=1, harmonic=0.5),
        p_groove=0.8, grooves=("country*", "rock/folk", "pop/soft", "latin*", "jazz/march"),
        kicks=("sparse", "rock"), snares=("none", "rim", "backbeat"), hats=("eighths", "none"),
        kits=("pearl*", "fluid-brush", "fluid-standard", "live*", "sonicpi-tabla"),
        bass_lines=_weights(root_fifth=4, held=2, rhythm=2, walking=1),
        basses=(*_DOUBLE_BASSES, "fluid-finger*", "growly*"), p_bass_synthesiser=0.0,
        p_bass_amplifier=0.1,
        layers=_weights(acoustic_guitar=6, piano=4, strings=3, solo=3, mallets=1, folk=2),
        n_layers=(1, 4), p_drums=0.5, p_bass=0.75, p_vocals=0.75, p_spoken=0.02,
        p_arrangement=0.25, p_pump=0.0, p_room=0.5, room_s=(0.3, 3.0), wet=(0.05, 0.6),
        limit_db=(0, 4), levels_db=_weights(drums=-3, bass=-2, other=1, vocals=2),
    ),
})  # fmt: skip
"""Every style by the name of its genre."""


def style_weights(wanted: Mapping[str, float]) -> dict[str, float]:
    """Return the share of each style, adding up to one; no wish at all means equal shares.

    Raises
    ------
    ConfigError
        A style is unknown, or all weights are zero.
    """
    unknown = sorted(set(wanted) - set(STYLES))
    if unknown:
        raise ConfigError(f"styles: unknown style {unknown[0]!r}, expected one of {list(STYLES)}")
    weights = dict(wanted) or dict.fromkeys(STYLES, 1.0)
    total = sum(weights.values())
    if total <= 0:
        raise ConfigError("styles: all weights are zero, expected at least one above")
    return {name: weight / total for name, weight in weights.items()}
