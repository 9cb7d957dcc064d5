"""Output for terminals and files that cannot show every character, and for who reads no more."""

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

HANDLER = "libsep.terminal"
"""Name of the handler of errors that `make_streams_safe` sets."""

EXIT_UNREAD = 141
"""What a shell says of a program that SIGPIPE ended; 1 would mean that a track failed."""

_PLAIN = {
    "×": "x", "→": "->", "←": "<-", "·": "-", "–": "-", "—": "-", "…": "...", "±": "+/-",
    "≤": "<=", "≥": ">=", "≈": "~", "∞": "inf", "−": "-", "•": "*", "✓": "ok", "✗": "x",
    "’": "'", "“": '"', "”": '"', "━": "-", "╸": "-", "╺": "-", "─": "-", "│": "|", "█": "#",
    "�": "?", "©": "(c)", "°": " deg", "µ": "u", "²": "2", "½": "1/2",
}  # fmt: skip
_SPINNER = range(0x2800, 0x2900)


def make_streams_safe() -> None:
    r"""Let standard output and error write what their encoding has no characters for.

    Signs of our own become plain ones (``×`` an ``x``); letters of names become their numbers
    (``\xe4``), so that a name can still be told from others. A terminal that is ASCII only, an
    output in a Windows code page, or a file name that is no Unicode then ends no command.
    """
    codecs.register_error(HANDLER, _in_plain_letters)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a caller may have put something else in its place
            reconfigure(errors=HANDLER)


@contextlib.contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """End the process without a word when nobody reads its output any more, as with ``| head``.

    Signals are left as they are, because pipes to ffmpeg may break, too. rich and typer turn a
    broken pipe into an exit code of their own, whose cause is seen here.
    """
    try:
        try:
            yield
        except SystemExit as exc:
            if isinstance(exc.__context__, BrokenPipeError):
                raise exc.__context__ from None
            print(end="", flush=True)
            raise
        print(end="", flush=True)
    except BrokenPipeError:
        unread = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.__stdout__, sys.__stderr__):  # which Python flushes at the end
            if stream is not None and not _takes_more(stream):
                os.dup2(unread, stream.fileno())
        sys.exit(EXIT_UNREAD)


def _takes_more(stream: TextIO) -> bool:
    try:
        stream.flush()
    except BrokenPipeError:
        return False
    return True


def _in_plain_letters(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for the characters that cannot be written, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_plain(char) for char in text), error.end


def _plain(char: str) -> str:
    if ord(char) in _SPINNER:
        return "*"
    known = _PLAIN.get(char)
    return known if known is not None else char.encode("ascii", "backslashreplace").decode("ascii")
