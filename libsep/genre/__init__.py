"""Which genre a track belongs to, and why: tags first, then its sound."""
