"""Training: material, augmentation, steps, loop, checkpoints, validation, export."""
