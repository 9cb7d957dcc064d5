"""Files: decode and encode with ffmpeg, stem containers, tags, whole-or-nothing writing."""
