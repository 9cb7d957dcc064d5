"""Signal processing: tensor in, tensor out, no files."""
