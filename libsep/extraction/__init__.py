"""Stem files as plain audio files, for programs that do not read stems."""
