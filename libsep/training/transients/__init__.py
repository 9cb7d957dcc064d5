"""How networks learn to hear, and to make, the hits of drums."""
