"""What a training shows and writes down: curves, pictures, sounds, a display."""
