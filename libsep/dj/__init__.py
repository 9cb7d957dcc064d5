"""What DJ programs know of tracks: their collections, read, and lists of stem files, written."""
