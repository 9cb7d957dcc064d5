"""The separators of a run: actors, what each has loaded, and the machines that come and go."""
