"""Weights: checkpoints, growth of a small network, export to a model folder."""
