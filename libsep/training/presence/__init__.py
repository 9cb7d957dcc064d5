"""A network that hears which targets are silent, and the passages of mixes that it finds."""
