"""The adversarial stage: a trained generator against discriminators."""
