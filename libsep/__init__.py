"""Convert a whole music library into Native Instruments Stems."""

import sys

if sys.platform == "win32":
    raise ImportError("libsep runs on Linux and macOS; on Windows install it inside WSL 2")

__version__ = "0.3.0"
