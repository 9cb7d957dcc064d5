"""Decode, separate, encode: the stages of a conversion that run interleaved, block by block."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from libsep.config import Config
from libsep.errors import SeparationError
from libsep.media.decode import Decoder
from libsep.media.encode import StemEncoder
from libsep.media.loudness import StemMeter
from libsep.pipeline.settings import segment_grid
from libsep.pipeline.stopwatch import Stopwatch
from libsep.separation.registry import Model
from libsep.separation.stream import SegmentSeparator, separate_blocks
from libsep.track import TARGETS
from libsep.units import db_to_amplitude, samples_to_seconds

MAX_NULL_DB = -90.0
"""Largest RMS level, in dB, of the mixture minus the sum of the stems before they are encoded."""


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

    ``watch`` is told how long each stage takes.
    """

    path: Path
    model: Model
    separator: SegmentSeparator
    config: Config
    ffmpeg: Path
    watch: Stopwatch

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
        grid = segment_grid(self.config.separation, self.model)
        gain = np.float32(db_to_amplitude(self.config.encode.gain_db))
        meter = StemMeter(TARGETS, self.model.sample_rate)
        beginning: Float32[np.ndarray, "5 2 T"] | None = None
        with self._decoder(grid.hop_samples) as decoder, self._encoder(encoded) as encoder:
            blocks = self.watch.timed(decoder, "decode")
            stretches = separate_blocks(blocks, self.separator, grid, path=self.path)
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
        self._check_null(meter.null_db())
        assert beginning is not None, "a decoder without samples is an error"
        return Made(
            n_samples=decoder.n_samples,
            beginning=beginning,
            columns={
                "duration_s": samples_to_seconds(decoder.n_samples, self.model.sample_rate),
                "null_db": meter.null_db(),
                "peak_db": meter.peak_db(),
                "loudness_lufs": meter.loudness_lufs(),
                "warnings": (*decoder.warnings, *encoder.warnings),
            },
        )

    def _check_null(self, null_db: float) -> None:
        if null_db > MAX_NULL_DB:
            message = f"stems miss the mixture by {null_db:.1f} dB (limit {MAX_NULL_DB} dB)"
            raise SeparationError(self.path, message)

    def _decoder(self, block_samples: int) -> Decoder:
        config = self.config.decode
        return Decoder(
            self.path,
            ffmpeg=self.ffmpeg,
            block_samples=block_samples,
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
