"""Sample libraries: SFZ, folders of notes, kits and voice banks, written as real files."""

from pathlib import Path

import numpy as np
import pytest

from libsep.datasets.audio_cache import AudioCache
from libsep.errors import ConfigError
from libsep.training.synthesis import effects
from libsep.training.synthesis.clips import Collection
from libsep.training.synthesis.composition import Harmony, PlayedNote
from libsep.training.synthesis.drums import drum_part
from libsep.training.synthesis.kits import class_of, drumgizmo_kit, one_shot_kit
from libsep.training.synthesis.material import is_playable, load_collection
from libsep.training.synthesis.rooms import Room
from libsep.training.synthesis.sample_list import load_samples
from libsep.training.synthesis.session import Session
from libsep.training.synthesis.sfz import Region, clips_of, notes_by_name, read_sfz
from libsep.training.synthesis.singing import measured_pitch, sing_syllables
from libsep.training.synthesis.styles import STYLES
from libsep.training.synthesis.voicebank import load_singer

from ...conftest import SAMPLE_RATE, tone, write_wave


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding=encoding)
    return path


def test_regions_inherit_from_their_groups(tmp_path: Path) -> None:
    sfz = write(
        tmp_path / "a.sfz",
        """// a comment <region> sample=none.wav
        <control> default_path=Samples\\
        <global> hivel=100 /* ampeg_release=1
        over lines */
        <group> lokey=40 hikey=44 pitch_keycenter=42
        <region> sample=low note.wav lovel=10
        <region>
        sample=tuned.wav
        tune=50
        <group> key=c4 hivel=60
        <region> sample=middle.wav trigger=attack
        <region> sample=noise.wav trigger=release
        <region> sample=*sine
        """,
    )
    folder = tmp_path / "Samples"
    assert read_sfz(sfz) == [
        Region(folder / "low note.wav", 42.0, (10, 100)),
        Region(folder / "tuned.wav", 41.5, (0, 100)),
        Region(folder / "middle.wav", 60.0, (0, 60)),
    ]
    assert read_sfz(sfz, tmp_path / "x")[2].path == tmp_path / "x" / "middle.wav"


def test_included_files_see_definitions(tmp_path: Path) -> None:
    write(tmp_path / "parts" / "one.txt", "key=$KEY sample=$DIR/$NOTE.wav\n")
    sfz = write(
        tmp_path / "a.sfz",
        '#define $KEY 50 #define $DIR notes\n#define $NOTE d3\n<region>\n#include "parts/one.txt"',
    )
    assert read_sfz(sfz) == [Region(tmp_path / "notes" / "d3.wav", 50.0, (0, 127))]


def test_sfz_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"missing\.sfz: SFZ file cannot be read"):
        read_sfz(tmp_path / "missing.sfz")
    with pytest.raises(ConfigError, match="no region with a sample"):
        read_sfz(write(tmp_path / "empty.sfz", "<control> set_cc7=90"))
    with pytest.raises(ConfigError, match="include each other"):
        read_sfz(write(tmp_path / "loop.sfz", '#include "loop.sfz"'))
    with pytest.raises(ConfigError, match="key 'none', expected a MIDI note"):
        read_sfz(write(tmp_path / "key.sfz", "<region> sample=a.wav key=none"))
    with pytest.raises(ConfigError, match=r"lovel\.sfz: region of a\.wav: .*'soft'"):
        read_sfz(write(tmp_path / "lovel.sfz", "<region> sample=a.wav lovel=soft"))


def test_names_of_files_tell_their_notes(tmp_path: Path, cache: AudioCache) -> None:
    for name in ("twang_gb3_f_rr1", "FF C#4", "a-1_soft", "hello", "Ds5"):
        write_wave(tmp_path / f"{name}.wav", tone(200, 0.2))
    regions = notes_by_name(tmp_path)
    assert {region.path.stem: region.pitch for region in regions} == {
        "twang_gb3_f_rr1": 54.0, "FF C#4": 61.0, "a-1_soft": 9.0, "Ds5": 75.0,
    }  # fmt: skip
    clips = clips_of(regions, cache, transpose=12, keys=(60, 80))
    assert sorted(clip.pitch or 0 for clip in clips) == [66.0, 73.0]
    with pytest.raises(ConfigError, match="no file whose name holds a note"):
        notes_by_name(write(tmp_path / "x" / "y.txt", "").parent)


def test_only_a_few_takes_of_a_note_are_kept(cache: AudioCache) -> None:
    regions = [Region(Path(f"{i}.wav"), 60.0, (0, 127)) for i in range(9)]
    assert len(clips_of(regions, cache, transpose=0, keys=(0, 127))) == 3


def test_recordings_begin_at_their_first_sound(tmp_path: Path, cache: AudioCache) -> None:
    late = np.concatenate([np.zeros((2, 10000)), tone(300, 0.2)], axis=1)
    write_wave(tmp_path / "c4.wav", late)
    (clip,) = clips_of(notes_by_name(tmp_path), cache, transpose=0, keys=(0, 127))
    assert clip.samples.shape[1] == pytest.approx(tone(300, 0.2).shape[1], abs=70)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("kick/bd0050", "kick"), ("hhopen-1", "hat_open"), ("hihat", "hat_closed"),
        ("Hihat Open", "hat_open"), ("snare-02", "snare"), ("drum_snare_soft", "snare"),
        ("hitom", "tom"), ("rimshot", "rim"), ("cymball", "crash"), ("RideLBell", "ride"),
        ("conga-mid", "perc"), ("Kdrum L", "kick"), ("piano", None),
    ],
)  # fmt: skip
def test_drums_are_told_from_their_names(name: str, expected: str | None) -> None:
    assert class_of(name) == expected


def test_a_folder_of_one_shots_is_a_kit(tmp_path: Path, cache: AudioCache) -> None:
    for name in ("kick-1", "kick-2", "snare", "drum_loop_kick"):
        write_wave(tmp_path / "kit" / f"{name}.wav", tone(100, 0.1))
    kit = one_shot_kit(tmp_path / "kit", cache)
    assert {name: len(drums) for name, drums in kit.items()} == {"kick": 2, "snare": 1}
    with pytest.raises(ConfigError, match="no recordings called like drums"):
        one_shot_kit(tmp_path / "nothing", cache)


@pytest.fixture
def live_kit(tmp_path: Path) -> Path:
    """Return a kit of two drums, from soft to hard, over several microphones."""
    folder = tmp_path / "live"
    for drum, hertz in (("KdrumL", 60), ("Snare", 400)):
        for number in (1, 2, 10):
            for microphone in ("OHL", "OHR", "AmbL", "KdrumL", "Snare_top", "Tom1"):
                sound = 0.05 * number * tone(hertz, 0.3)
                write_wave(folder / drum / f"{number}-{drum}-{microphone}.wav", sound)
    return folder


def test_a_kit_of_many_microphones_keeps_those_that_matter(
    live_kit: Path, cache: AudioCache
) -> None:
    kit = drumgizmo_kit(live_kit, cache)
    assert set(kit) == {"kick", "snare"}
    strokes = kit["snare"][0]
    assert set(strokes[0]) == {"overhead L", "overhead R", "room L", "close top"}
    peaks = [int(stroke["close top"].samples.max()) for stroke in strokes]
    assert peaks == sorted(peaks), "numbers count, not the order of names"
    with pytest.raises(ConfigError, match="no drums, expected DRUM/NUMBER"):
        drumgizmo_kit(live_kit / "Snare", cache)


def test_such_a_kit_is_played_in_stereo(live_kit: Path, cache: AudioCache) -> None:
    kit = drumgizmo_kit(live_kit, cache)
    session = empty_session(Collection(kits={"live": kit}))
    part = drum_part(session)
    assert effects.rms(part.sound) > 0.01
    assert np.abs(part.sound[0] - part.sound[1]).max() > 0.01
    assert 0.0 in part.kicks


VOICE = """\
_a.wav=- あ,0,100,-900,50,20
_a.wav=a かA3,1000,150,-900,80,30
_a.wav=a か,1000,150,-900,80,30
_a.wav=a 息,0,1,-1,1,1
missing.wav=a さ,0,100,-900,50,20
broken line
_a.wav=- あA3,0,100,-900,50,20
"""


def write_bank(folder: Path, encoding: str = "shift_jis") -> Path:
    write_wave(folder / "_a.wav", tone(220, 2.5))
    write(folder / "oto.ini", VOICE, encoding)
    return folder


def empty_session(collection: Collection) -> Session:
    harmony = Harmony(120.0, 4, 2, 0, (0, 2, 4, 5, 7, 9, 11), (0,), 0.0)
    n_samples = effects.loop_length(4 * SAMPLE_RATE)
    room = Room(np.ones((2, 4), np.float32))
    rng = np.random.default_rng(0)
    return Session(collection, STYLES["pop"], harmony, rng, room, n_samples, SAMPLE_RATE)


@pytest.mark.parametrize("encoding", ["shift_jis", "utf-8"])
def test_a_voice_bank_is_read_by_register(tmp_path: Path, cache: AudioCache, encoding: str) -> None:
    registers = load_singer([write_bank(tmp_path / "bank", encoding)], cache)
    assert [set(register.syllables) for register in registers] == [{("-", "あ"), ("a", "か")}] * 2
    assert registers[0].pitch == pytest.approx(57, abs=0.1)
    syllable = registers[0].syllables["a", "か"]
    assert syllable.vowel == "a"
    assert syllable.clip.samples.shape[1] == pytest.approx(0.9 * SAMPLE_RATE, abs=2)


def test_phrases_are_sung_at_their_pitch_and_on_their_beat(
    tmp_path: Path, cache: AudioCache
) -> None:
    registers = load_singer([write_bank(tmp_path / "bank")], cache)
    session = empty_session(Collection())
    phrase = [PlayedNote(0.0, 1.0, 60, 1.0), PlayedNote(1.0, 3.0, 60, 1.0)]
    pitch = np.full(int(2.0 * SAMPLE_RATE / 256) + 3, 60, np.float32)
    sound, early = sing_syllables(phrase, pitch, registers, session)
    assert early == pytest.approx(0.05 * SAMPLE_RATE, abs=1)
    assert len(sound) == pytest.approx(2.15 * SAMPLE_RATE + early, abs=300)
    for part in (sound[early + 3000 : early + 20000], sound[-40000:-15000]):
        assert measured_pitch(part, SAMPLE_RATE) == pytest.approx(60, abs=0.1)
        assert effects.rms(part) > 0.05, "the vowel is lengthened as long as the note"


def test_a_phrase_ends_with_its_pitch_however_long_its_notes_are(
    tmp_path: Path, cache: AudioCache
) -> None:
    registers = load_singer([write_bank(tmp_path / "bank")], cache)
    phrase = [PlayedNote(float(beat), 1.0, 60, 1.0) for beat in range(8)]
    pitch = np.full(SAMPLE_RATE // 256, 60, np.float32)
    sound, _ = sing_syllables(phrase, pitch, registers, empty_session(Collection()))
    assert len(sound) < 1.3 * SAMPLE_RATE
    assert effects.rms(sound) > 0.05


def test_a_folder_without_a_voice_is_named(tmp_path: Path, cache: AudioCache) -> None:
    with pytest.raises(ConfigError, match=r"oto\.ini: voice bank cannot be read"):
        load_singer([tmp_path], cache)
    write(tmp_path / "oto.ini", "a.wav=ka,0,1,2,3,4\n")
    with pytest.raises(ConfigError, match="no syllables such as"):
        load_singer([tmp_path], cache)


def test_noise_has_no_pitch(rng: np.random.Generator) -> None:
    assert measured_pitch(rng.normal(0, 0.1, 9000).astype(np.float32), SAMPLE_RATE) is None
    assert measured_pitch(np.zeros(100, np.float32), SAMPLE_RATE) is None
    assert measured_pitch(np.zeros(9000, np.float32), SAMPLE_RATE) is None


LIST = """\
root: libraries
instruments:
  guitar-own: {target: other, notes: guitar}
  bass-own: {target: bass, sfz: bass.sfz, transpose: -12}
kits:
  live-own: {one_shots: kit}
singers:
  own: [bank]
"""


@pytest.fixture
def sample_list(tmp_path: Path) -> Path:
    root = tmp_path / "libraries"
    write_wave(root / "guitar" / "c4.wav", tone(262, 0.5))
    write_wave(root / "e2.wav", tone(82, 0.5))
    write(root / "bass.sfz", "<region> sample=e2.wav key=e3")
    write_wave(root / "kit" / "kick.wav", tone(60, 0.1))
    write_bank(root / "bank")
    return write(tmp_path / "samples.yaml", LIST)


def test_a_list_joins_a_pack(sample_list: Path, pack_folder: Path, cache: AudioCache) -> None:
    assert is_playable(sample_list)
    assert is_playable(pack_folder)
    assert not is_playable(write(sample_list.parent / "songs.yaml", "songs: {}"))
    both = load_collection([pack_folder, sample_list], cache)
    assert set(both.notes["other"]) == {"guitar", "guitar-own"}
    assert both.notes["bass"]["bass-own"][0].pitch == 40.0
    assert set(both.kits) == {"kit", "live-own"}
    assert set(both.singers) == {"own"}
    assert both.grooves


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("notes: guitar", "notes: nowhere", "nowhere: not found"),
        ("notes: guitar", "notes: guitar, sfz: a.sfz", "expected either sfz or notes"),
        ("{one_shots: kit}", "{}", "expected either one_shots or drumgizmo"),
        ("transpose: -12", "keys: [100, 110]", "bass-own: no notes within keys"),
        ("  own: [bank]", "  own: []", "singers.own"),
        ("sfz: bass.sfz", "sfz: gone.sfz", "gone.sfz: SFZ file cannot be read"),
    ],
)
def test_mistakes_in_a_list_are_named(
    sample_list: Path, cache: AudioCache, old: str, new: str, match: str
) -> None:
    sample_list.write_text(sample_list.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=match):
        load_samples(sample_list, cache)


def test_missing_recordings_and_arrangements_are_named(
    sample_list: Path, cache: AudioCache
) -> None:
    (sample_list.parent / "libraries" / "e2.wav").unlink()
    with pytest.raises(ConfigError, match=r"bass-own: 1 recordings missing: .*e2\.wav"):
        load_samples(sample_list, cache)
    only_midi = write(sample_list.parent / "m.yaml", "arrangements: ['*.mid']")
    with pytest.raises(ConfigError, match=r"no file fits '\*\.mid'"):
        load_samples(only_midi, cache)
    write(sample_list.parent / "a.mid", "no MIDI")
    with pytest.raises(ConfigError, match=r"a\.mid: arrangement cannot be read: no MIDI file"):
        load_samples(only_midi, cache)


def test_a_file_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    missing = tmp_path / "a.sfz"
    with pytest.raises(ConfigError) as raised:
        read_sfz(missing)
    assert str(raised.value) == f"{missing}: SFZ file cannot be read: No such file or directory"
