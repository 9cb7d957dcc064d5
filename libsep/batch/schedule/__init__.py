"""When each track runs, and on which separators: no Ray and no files."""
