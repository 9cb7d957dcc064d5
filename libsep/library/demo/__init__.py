"""A small library to try libsep on: synthesised songs in many formats, and one real excerpt."""

from libsep.library.demo.files import make_demo_library

__all__ = ["make_demo_library"]
