"""What is done to the attacks of drums after the separation."""
