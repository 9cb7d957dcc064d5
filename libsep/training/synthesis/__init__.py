"""The sampler: random songs with known sources, from recorded sounds, synthesisers and chance."""
