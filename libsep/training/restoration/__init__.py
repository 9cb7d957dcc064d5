"""Training of the super-resolution network on any full-band music."""
