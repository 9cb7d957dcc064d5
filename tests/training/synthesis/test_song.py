import dataclasses
from pathlib import Path

import numpy as np
import pytest

from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.training.synthesis import effects
from libsep.training.synthesis.arrangement import arranged
from libsep.training.synthesis.bass_lines import BASS_LINES, LOWEST, bass_line, following
from libsep.training.synthesis.clips import Clip, Collection, Groove
from libsep.training.synthesis.composition import (
    Harmony,
    PlayedNote,
    chord_part,
    melody,
    power_chords,
    random_harmony,
    riff,
)
from libsep.training.synthesis.drums import (
    HATS,
    KICKS,
    SNARES,
    groove_hits,
    grooves_of,
    machine_hits,
)
from libsep.training.synthesis.instruments import SampledInstrument, random_synthesiser
from libsep.training.synthesis.layers import LAYERS, layer, layer_of_program
from libsep.training.synthesis.midi import Note, Score
from libsep.training.synthesis.pack import load_pack
from libsep.training.synthesis.rooms import Room
from libsep.training.synthesis.session import Session, ducked, perform
from libsep.training.synthesis.song import random_layers, render_song, riff_to_follow
from libsep.training.synthesis.styles import STYLES, style_weights
from libsep.training.synthesis.vocals import Singer, sing

SAMPLE_RATE = 44100
FOUR_BARS = Harmony(
    tempo_bpm=120.0, beats_per_bar=4, n_bars=4, root=0,
    scale=(0, 2, 4, 5, 7, 9, 11), degrees=(0, 4, 5, 3), swing=0.0,
)  # fmt: skip


@pytest.fixture
def pack(pack_folder: Path, cache: AudioCache) -> Collection:
    return load_pack(pack_folder, cache)


@pytest.fixture
def session(pack: Collection, rng: np.random.Generator) -> Session:
    """Return an empty loop of four bars, eight seconds."""
    room = Room(np.ones((2, 4), np.float32))
    n_samples = effects.loop_length(8 * SAMPLE_RATE)
    return Session(pack, STYLES["rock"], FOUR_BARS, rng, room, n_samples, SAMPLE_RATE)


def clip_of(wave: np.ndarray, pitch: float, **more: tuple[int, int]) -> Clip:
    samples = np.tile(np.rint(16000 * wave), (2, 1)).astype(np.int16)
    return Clip(lambda: samples, pitch, **more)


def tone(hertz: float, duration_s: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(duration_s * SAMPLE_RATE)) / SAMPLE_RATE)


def loudest_hertz(signal: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(signal * np.hanning(len(signal))))
    return float(np.argmax(spectrum) * SAMPLE_RATE / len(signal))


@pytest.mark.parametrize("style", STYLES)
def test_the_same_seed_gives_the_same_song_within_full_scale(pack: Collection, style: str) -> None:
    songs = [
        render_song(pack, style, np.random.default_rng([7, number]), 2.5, SAMPLE_RATE)
        for number in (5, 5, 6)
    ]
    np.testing.assert_array_equal(songs[0], songs[1])
    assert np.abs(songs[0] - songs[2]).max() > 0.01
    for song in songs:
        assert song.shape == (4, 2, int(2.5 * SAMPLE_RATE))
        assert song.dtype == np.float32
        assert max(np.abs(song).max(), np.abs(song.sum(0)).max()) <= 1.0001


def test_all_targets_are_heard(pack: Collection) -> None:
    songs = [
        render_song(pack, "pop", np.random.default_rng(seed), 2.5, SAMPLE_RATE) for seed in range(4)
    ]
    levels = np.sqrt(np.mean(np.square(songs), axis=(2, 3)))
    assert (levels.max(axis=0) > 0.02).all()


def test_a_song_goes_on_without_a_jump_where_its_loop_begins_again(pack: Collection) -> None:
    song = render_song(pack, "acoustic", np.random.default_rng(3), 6.0, SAMPLE_RATE)
    steps = np.abs(np.diff(song[1].mean(0)))
    assert steps.max() < 0.2


def test_styles_differ_in_tempo_swing_and_meter() -> None:
    def drawn(style: str) -> list[Harmony]:
        return [random_harmony(np.random.default_rng(s), STYLES[style]) for s in range(25)]

    assert max(h.tempo_bpm for h in drawn("hiphop")) < 105
    assert {h.beats_per_bar for h in drawn("electronic")} == {4}
    assert {h.beats_per_bar for h in drawn("acoustic")} == {3, 4}
    assert min(h.swing for h in drawn("jazz")) > 0.05 > max(h.swing for h in drawn("rock"))


def test_every_name_in_the_styles_is_known() -> None:
    for style in STYLES.values():
        assert set(style.layers) <= set(LAYERS)
        assert set(style.bass_lines) <= set(BASS_LINES)
        assert set(style.kicks) <= set(KICKS)
        assert set(style.snares) <= set(SNARES)
        assert set(style.hats) <= set(HATS)


def test_shares_of_styles_add_up_and_unknown_ones_are_named() -> None:
    assert style_weights({"rock": 1.0, "pop": 3.0}) == {"rock": 0.25, "pop": 0.75}
    assert set(style_weights({})) == set(STYLES)
    with pytest.raises(ConfigError, match="unknown style 'polka'"):
        style_weights({"polka": 1.0})
    with pytest.raises(ConfigError, match="all weights are zero"):
        style_weights({"rock": 0.0})


def test_a_sampled_note_is_played_at_the_wanted_pitch() -> None:
    instrument = SampledInstrument([clip_of(tone(440, 1.0), 69.0)], SAMPLE_RATE)
    sound = instrument.sound(57, 0.5, 1.0)
    assert len(sound) == pytest.approx(SAMPLE_RATE // 2, abs=10)
    assert loudest_hertz(sound) == pytest.approx(220, abs=3)


def test_a_hard_note_is_played_on_a_recording_of_hard_playing() -> None:
    soft = clip_of(tone(440, 0.5), 69.0, velocities=(0, 60))
    hard = clip_of(tone(445, 0.5), 69.0, velocities=(61, 127))
    instrument = SampledInstrument([soft, hard], SAMPLE_RATE)
    assert loudest_hertz(instrument.sound(69, 0.5, 0.3)) == pytest.approx(440, abs=2)
    assert loudest_hertz(instrument.sound(69, 0.5, 0.9)) == pytest.approx(445, abs=2)


@pytest.mark.parametrize("seed", range(4))
def test_a_synthesiser_plays_at_the_wanted_pitch(seed: int) -> None:
    synthesiser = random_synthesiser(np.random.default_rng(seed), SAMPLE_RATE, is_bass=True)
    hertz = loudest_hertz(synthesiser.sound(45, 1.0, 1.0)) / 110
    assert hertz == pytest.approx(round(2 * hertz) / 2, abs=0.1), "a multiple of the pitch"


def test_notes_begin_on_their_beat_and_ring_around_the_loop(session: Session) -> None:
    instrument = SampledInstrument([clip_of(np.ones(22050), 60.0)], SAMPLE_RATE)
    notes = [PlayedNote(1.0, 0.5, 60, 1.0), PlayedNote(15.75, 0.5, 60, 1.0)]
    sounding = np.abs(perform(notes, instrument, session)) > 0.1
    beat = session.n_samples / 16
    assert np.flatnonzero(sounding[8000:])[0] + 8000 == pytest.approx(beat, abs=5)
    assert sounding[: int(0.1 * beat)].all(), "the last note ends after the loop has begun again"
    assert not sounding[int(1.6 * beat) : int(15.7 * beat)].any()


def test_grooves_keep_their_time_and_end_with_the_loop() -> None:
    notes = [Note(0.0, 36, 127), Note(2.0, 38, 64), Note(3.5, 99, 127), Note(16.0, 36, 127)]
    hits = groove_hits(notes, FOUR_BARS)
    assert [(beat, name) for beat, name, _ in hits] == [(0, "kick"), (2, "snare"), (3.5, "perc")]
    assert hits[0][2] == 1.0


def test_a_style_is_given_its_own_performances() -> None:
    score = Score([Note(0.0, 36, 100)])
    grooves = [Groove(kind, score) for kind in ("rock/halftime", "jazz/swing", "punk")]
    found = grooves_of(Collection(grooves=grooves), STYLES["rock"])
    assert [groove.kind for groove in found] == ["rock/halftime", "punk"]
    assert len(grooves_of(Collection(grooves=grooves), STYLES["hiphop"])) == 3, "better than none"


@pytest.mark.parametrize("style", STYLES)
def test_machines_stay_within_the_loop_and_hit_the_first_beat(style: str) -> None:
    waltz = dataclasses.replace(FOUR_BARS, beats_per_bar=3)
    hits = machine_hits(waltz, STYLES[style], np.random.default_rng(1))
    assert all(0 <= beat < waltz.n_beats for beat, _, _ in hits)
    assert any(name == "kick" and beat == 0 for beat, name, _ in hits)


@pytest.mark.parametrize("name", BASS_LINES)
def test_basses_play_roots_in_their_range(name: str, rng: np.random.Generator) -> None:
    notes = bass_line(FOUR_BARS, rng, name)
    assert all(26 <= note.pitch <= 67 for note in notes)
    assert all(0 <= note.start_beats < 16 for note in notes)
    if name == "held":
        assert {note.pitch % 12 for note in notes} <= {0, 7, 9, 5}, "the roots of I V vi IV"


def test_a_bass_follows_the_lowest_notes_of_a_riff() -> None:
    chord = [PlayedNote(0.0, 0.5, pitch, 0.9) for pitch in (47, 40, 52)]
    riff = [PlayedNote(1.5, 0.25, 36, 1.0), *chord]
    assert following(riff) == [PlayedNote(0.0, 0.5, 28, 0.9), PlayedNote(1.5, 0.25, 36, 1.0)]
    assert LOWEST > 36 - 12


def test_basses_follow_guitars_in_many_rock_songs_and_go_their_own_way_in_others(
    session: Session,
) -> None:
    rock = dataclasses.replace(STYLES["rock"], layers={"riff_guitar": 1.0}, n_layers=(1, 1))
    followed = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        playing = dataclasses.replace(session, style=rock, rng=rng)
        layers = random_layers(playing)
        played = riff_to_follow(layers, rng)
        assert not played or {note.start_beats for note in played} == {
            note.start_beats for note in layers[0][1]
        }
        followed += bool(played)
    assert 10 < followed < 28


@pytest.mark.parametrize("way", ["held", "rhythm", "broken", "strummed", "stabs"])
def test_chords_follow_the_progression(way: str, rng: np.random.Generator) -> None:
    for note in chord_part(FOUR_BARS, rng, way=way):
        assert note.pitch % 12 in FOUR_BARS.scale
        assert 0 <= note.start_beats < 17


def test_melodies_and_riffs_stay_in_key(rng: np.random.Generator) -> None:
    notes = melody(FOUR_BARS, rng, 60, 72, 0.5)
    assert all(60 <= note.pitch <= 72 and note.pitch % 12 in FOUR_BARS.scale for note in notes)
    assert {note.pitch % 12 for note in power_chords(FOUR_BARS, rng)} <= {0, 2, 4, 5, 7, 9, 11}
    assert all(note.start_beats < 16 for note in riff(FOUR_BARS, rng))


@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_of_layer_sounds(kind: str, session: Session) -> None:
    sound = layer(session, kind)
    assert sound.shape == (2, session.n_samples)
    assert np.isfinite(sound).all()
    assert effects.rms(sound) > 1e-4 or kind == "texture", "the pack has no textures"


def test_voices_of_arrangements_are_left_out_and_guitars_are_guitars() -> None:
    assert layer_of_program(52) == ""
    assert layer_of_program(0) == "piano"
    assert layer_of_program(25) == "acoustic_guitar"
    assert layer_of_program(30) == "power_guitar"
    assert all(layer_of_program(program) in {"", *LAYERS} for program in range(128))


def test_an_arrangement_is_divided_by_its_programs() -> None:
    notes = [Note(beat, 64, 90, 1.0, 1, 30) for beat in map(float, range(16))]
    notes += [Note(beat, 16, 90, 1.0, 2, 33) for beat in map(float, range(16))]
    notes += [Note(beat, 36, 90, 0.1) for beat in map(float, range(16))]
    always = dataclasses.replace(STYLES["rock"], p_arrangement=1.0)
    collection = Collection(arrangements=[Score(sorted(notes, key=lambda n: n.start_beats), 100.0)])
    found = arranged(collection, always, np.random.default_rng(0))
    assert found is not None
    assert {note.pitch for note in found.drums} == {36}
    assert all(26 <= note.pitch <= 57 for note in found.bass)
    assert [kind for kind, _ in found.layers] == ["power_guitar"]
    assert found.harmony.tempo_bpm == pytest.approx(100, rel=0.11)


def test_the_kick_ducks_the_rest(session: Session) -> None:
    steady = np.ones((2, session.n_samples), np.float32)
    pumped = ducked(steady, [4.0], session, depth=0.8)[0]
    kick = session.sample_at(4.0)
    assert pumped[kick + 600] < 0.35
    np.testing.assert_allclose(pumped[: kick - 2000], 1, atol=0.02)


def test_a_voice_is_bent_to_the_melody(session: Session) -> None:
    singer = Singer(64.0, [clip_of(tone(330, 4.0), 64.02)], ())
    sung = sing([PlayedNote(0.0, 4.0, 69, 1.0)], singer, session, is_spoken=False)
    assert loudest_hertz(sung[: 2 * SAMPLE_RATE]) == pytest.approx(440, rel=0.03)
