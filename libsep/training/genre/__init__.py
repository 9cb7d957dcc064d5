"""Training of the genre classifier on the tags of a library."""
