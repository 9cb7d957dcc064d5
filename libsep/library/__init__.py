"""Folders of music: which files are tracks, where their stems go, and what is left to do."""
