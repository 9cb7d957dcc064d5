"""One stem file as a sheet that people read, and as a picture."""
