"""The command line: one file per command, each parses, calls one part of libsep, and prints."""
