"""Decode, separate, encode: the stages of a conversion that run interleaved, block by block."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float32

from libsep.config import Config
from libsep.errors import SeparationError
from libsep.media.decode import Decoder
from libsep.media.encode import StemEncoder
from libsep.media.loudness import StemMeter
from libsep.pipeline.stopwatch import Stopwatch
from libsep.restoration.cutoff import Cutoff, CutoffMeter, find_cutoff
from libsep.restoration.low_band import LowBandMeter
from libsep.separation.grid import segment_grid
from libsep.separation.registry import Model
from libsep.separation.stream import RestoringSeparator, SegmentSeparator, separate_blocks
from libsep.track import TARGETS
from libsep.transients.model import DrumModels, located_hit_model, located_sound_model
from libsep.units import db_to_amplitude, samples_to_seconds

if TYPE_CHECKING:
    from libsep.transients.replacer import DrumReplacer

MAX_NULL_DB = -90.0
"""Largest RMS level, in dB, of the mixture minus the sum of the stems before they are encoded."""

RESTORATION_MARGIN_HZ = 500.0
"""How far below its cut-off the stems of a restored track must add up to the mixture: 200 Hz of
cross-fade, and what a window of the transform blurs."""

Stretch = tuple[Float32[np.ndarray, "C block"], Float32[np.ndarray, "S C block"]]
"""A block of the mixture, and its stems."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """What a conversion wrote: its length, its first block, and what it measured and noticed.

    ``columns`` are the columns of the ledger that only a conversion knows, by name.
    """

    n_samples: int
    beginning: Float32[np.ndarray, "5 2 T"]
    columns: dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Conversion:
    """One track on its way from its file to five encoded streams, in the memory of some blocks.

    ``drums`` is what attacks of drums are to be replaced with, if they are.
    ``cutoff_hz`` is where the track ends if its stems are to be restored above; the mixture that is
    encoded is then their sum. ``spectrum`` hears all that is decoded, if it is given. ``watch`` is
    told how long each stage takes.
    """

    path: Path
    model: Model
    separator: SegmentSeparator
    config: Config
    ffmpeg: Path
    watch: Stopwatch
    cutoff_hz: float | None = None
    spectrum: CutoffMeter | None = None
    drums: DrumModels | None = None

    def look_for_cutoff(self) -> Cutoff | None:
        """Decode the whole track, only to find where it was cut off.

        Raises
        ------
        ProbeError, DecodeError
            The track cannot be read.
        """
        with self.watch("decode"), self._decoder() as decoder:
            return find_cutoff(decoder, self.model.sample_rate)

    def write(self, encoded: Path) -> Made:
        """Write the five streams to ``encoded``, which is no stem file yet.

        Raises
        ------
        ProbeError, DecodeError
            The track cannot be read.
        SeparationError
            The network failed, or the stems do not add up to the mixture.
        StemsError
            ffmpeg cannot encode them.
        """
        gain = np.float32(db_to_amplitude(self.config.encode.gain_db))
        meter = StemMeter(TARGETS, self.model.sample_rate, float(gain))
        low = self._low_band_meter()
        beginning: Float32[np.ndarray, "5 2 T"] | None = None
        with self._decoder() as decoder, self._encoder(encoded) as encoder:
            blocks = decoder if self.spectrum is None else self.spectrum.watching(decoder)
            stretches = self._separated(self.watch.timed(blocks, "decode"), low)
            replacer = self._replacer()
            if replacer is not None:
                stretches = replacer.through(stretches)
            for mixture, stems in self.watch.timed(stretches, "separate"):
                with self.watch("encode"):
                    # One gain for all five streams: the stems keep adding up to the mixture.
                    streams = np.concatenate([mixture[None], stems]) * gain
                    if beginning is None:
                        beginning = streams
                    meter.add(streams[0], streams[1:])
                    encoder.write(streams[0], streams[1:])
            with self.watch("encode"):
                encoder.close()
        assert beginning is not None, "a decoder without samples is an error"
        mode = self.config.transients.drum_transients
        return Made(
            n_samples=decoder.n_samples,
            beginning=beginning,
            columns={
                "duration_s": samples_to_seconds(decoder.n_samples, self.model.sample_rate),
                "null_db": self._checked(meter.null_db() if low is None else low.level_db()),
                "peak_db": meter.peak_db(),
                "clipped_samples": meter.clipped_samples(),
                "loudness_lufs": meter.loudness_lufs(),
                "drum_transients": mode if replacer else "",
                "n_hits_replaced": replacer.n_replaced if replacer else None,
                "warnings": (*decoder.warnings, *encoder.warnings),
            },
        )

    def _separated(
        self, blocks: Iterable[Float32[np.ndarray, "2 _"]], low: LowBandMeter | None
    ) -> Iterator[Stretch]:
        """Yield the track in blocks: what is to be encoded as its mixture, and the stems.

        Restored stems add up to the mixture below the cut-off only, which ``low`` measures. Their
        sum takes its place, so that the stems of the file add up to what it plays.
        """
        grid = segment_grid(self.config.separation, self.model)
        stretches = separate_blocks(blocks, self._separator(), grid, path=self.path)
        for mixture, stems in stretches:
            if low is None:
                yield mixture, stems
                continue
            restored = stems.sum(axis=0)
            low.add(restored - mixture)
            yield restored, stems

    def _replacer(self) -> "DrumReplacer | None":
        """Return what replaces attacks of the drums; it has to hear them, so it loads networks.

        Raises
        ------
        ModelError
            A network cannot be loaded, or is for another sample rate.
        """
        if self.drums is None:
            return None
        # PyTorch takes seconds to import, and tracks whose drums stay as they are need none of it.
        from libsep.separation.cpu import use_one_thread
        from libsep.transients.generated import DrumSounds
        from libsep.transients.listener import HitListener
        from libsep.transients.replacer import DrumReplacer

        use_one_thread()
        sample_rate, sounds = self.model.sample_rate, None
        listener = HitListener(located_hit_model(self.drums.hits), sample_rate)
        if self.drums.sounds is not None:
            sounds = DrumSounds(located_sound_model(self.drums.sounds), sample_rate)
        return DrumReplacer(listener, sample_rate, sounds)

    def _separator(self) -> SegmentSeparator:
        if self.cutoff_hz is None:
            return self.separator
        if not isinstance(self.separator, RestoringSeparator):
            raise TypeError(f"{self.path}: to be restored, by a separator that cannot")
        return self.separator.restoring(self.cutoff_hz)

    def _low_band_meter(self) -> LowBandMeter | None:
        if self.cutoff_hz is None:
            return None
        return LowBandMeter(self.cutoff_hz - RESTORATION_MARGIN_HZ, self.model.sample_rate)

    def _checked(self, null_db: float) -> float:
        if null_db > MAX_NULL_DB:
            message = f"stems miss the mixture by {null_db:.1f} dB (limit {MAX_NULL_DB} dB)"
            raise SeparationError(self.path, message)
        return null_db

    def _decoder(self) -> Decoder:
        config = self.config.decode
        return Decoder(
            self.path,
            ffmpeg=self.ffmpeg,
            block_samples=segment_grid(self.config.separation, self.model).hop_samples,
            sample_rate=self.model.sample_rate,
            stall_timeout_s=config.stall_timeout_s,
            max_duration_s=config.max_duration_h * 3600,
        )

    def _encoder(self, encoded: Path) -> StemEncoder:
        config = self.config.encode
        return StemEncoder(
            encoded,
            ffmpeg=self.ffmpeg,
            codec=config.codec,
            bitrate_kbps=config.bitrate_kbps,
            aac_coder=config.aac_coder,
            sample_rate=self.model.sample_rate,
            stall_timeout_s=self.config.decode.stall_timeout_s,
        )
