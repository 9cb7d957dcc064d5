"""What networks learn from: sources from anywhere, varied and mixed into examples."""
