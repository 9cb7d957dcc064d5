"""Convert a whole music library into Native Instruments Stems."""

__version__ = "0.2.0"
