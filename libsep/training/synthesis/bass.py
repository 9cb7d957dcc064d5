"""Bass parts."""

from collections.abc import Sequence

import numpy as np

from libsep.training.synthesis import effects
from libsep.training.synthesis.amplifiers import amplifier
from libsep.training.synthesis.bass_lines import bass_line
from libsep.training.synthesis.chance import weighted
from libsep.training.synthesis.composition import PlayedNote
from libsep.training.synthesis.effects import Stereo
from libsep.training.synthesis.session import Session, perform


def bass_part(session: Session, notes: Sequence[PlayedNote] = ()) -> Stereo:
    """Return a bass on a sampled or synthetic instrument, through an amplifier or a mixing desk.

    ``notes`` are those of an arrangement or of a riff that it follows; without them the style
    decides.
    """
    rng, style, sample_rate = session.rng, session.style, session.sample_rate
    instrument = session.instrument("bass", style.basses, p_synthesiser=style.p_bass_synthesiser)
    line = notes or bass_line(session.harmony, rng, weighted(style.bass_lines, rng))
    dry = perform(line, instrument, session, looseness_beats=rng.uniform(0, 0.01))
    if rng.uniform() < style.p_bass_amplifier:
        amplified = amplifier(dry, rng, sample_rate, rng.uniform(-4, 26))
        share = rng.uniform(0.2, 1) * effects.rms(dry) / max(effects.rms(amplified), 1e-6)
        dry = dry + np.float32(share) * amplified
    elif rng.uniform() < 0.5:
        dry = effects.drive(dry, rng.uniform(-6, 18))
    curve = effects.random_equaliser(rng, sample_rate)
    if rng.uniform() < 0.4:
        curve = curve * effects.low_pass(rng.uniform(900, 6000), sample_rate, order=1)
    canvas = np.stack([effects.filtered(dry, curve)] * 2)
    if rng.uniform() < 0.5:
        canvas = effects.compressed(canvas, rng.uniform(-24, -8), rng.uniform(2, 8))
    if rng.uniform() < 0.06:  # a wide bass is rare
        canvas = effects.chorus(canvas, rng, sample_rate, rng.uniform(0.2, 0.6))
    if rng.uniform() < 0.1:
        canvas = session.room.around(canvas, rng.uniform(0.05, 0.2))
    return canvas
