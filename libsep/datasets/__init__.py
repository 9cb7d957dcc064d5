"""Songs with known sources: their layouts on disk, and their samples in memory."""
