"""A distillation on Ray: tracks of a genre, labels by a teacher, and the student after them."""
