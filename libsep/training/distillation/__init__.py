"""A student that learns from what a teacher says of the user's own music."""
