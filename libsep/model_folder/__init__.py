"""A folder that holds a model: its description, which needs no torch, and its tensors."""
