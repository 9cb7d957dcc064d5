"""Networks: one architecture per file, tensor in, tensor out."""
