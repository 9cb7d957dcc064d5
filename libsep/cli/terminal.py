"""Output for terminals and files that cannot show every character, and for who reads no more."""

import codecs
import contextlib
import errno
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO, cast

from libsep.errors import reason_of

HANDLER = "libsep.terminal"
"""Name of the handler of errors that `make_streams_safe` sets."""

EXIT_UNREAD = 141
"""What a shell says of a program that SIGPIPE ended; 1 would mean that a track failed."""

EXIT_UNWRITTEN = 2
"""The place for the output is wrong, for instance a full disk."""

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


def hide_python_warnings() -> None:
    """Keep what Python and its libraries tell programmers off the terminal, if nobody asked for it.

    ``PYTHONWARNINGS`` asks; where it is not set, it is for the processes that the command starts.
    """
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        os.environ.setdefault("PYTHONWARNINGS", "ignore")


class _Output:
    """Standard output or error, whose reader may go and whose disk may be full.

    Only what it raises itself is known to come from here: a pipe to a child may break, too. So
    signals are left as they are, and what cannot be written is kept as `error`.

    Parameters
    ----------
    stream
        The text stream that it stands for.
    ends_command
        Whether the command ends when it cannot be written: it holds what the command is for.
    """

    def __init__(self, stream: Any, *, ends_command: bool) -> None:
        self._stream = stream
        self.ends_command = ends_command
        self.error: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write ``text``, if that can be done; the first that cannot may end the command."""
        self._try(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Write what is held back, like `write`."""
        self._try(self._stream.flush)

    def close_quietly(self) -> None:
        """Flush; throw away what cannot be written, at which Python would fail at its end."""
        self.ends_command = False
        self.flush()
        if self.error is not None:
            with contextlib.suppress(OSError, ValueError):  # it is no file
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    @property
    def is_unread(self) -> bool:
        """Whether nobody reads it any more."""
        invalid = sys.platform == "win32" and self.error and self.error.errno == errno.EINVAL
        return isinstance(self.error, BrokenPipeError) or bool(invalid)

    def _try(self, act: Callable[..., object], *arguments: object) -> None:
        is_first = self.error is None
        try:
            act(*arguments)
        except OSError as exc:
            self.error = self.error or exc
        if self.error and is_first and self.ends_command:
            sys.exit()  # with the code that `ending_with_the_reader` finds


@contextlib.contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """End the command without a word when nobody reads its output any more, as with ``| head``.

    Output that cannot be written for another reason is an error. Messages that nobody reads end
    nothing. A code that the command ends with is kept.
    """
    if sys.stdout is None or sys.stderr is None:  # a program of windows has none
        yield
        return
    streams = sys.stdout, sys.stderr
    output = _Output(sys.stdout, ends_command=True)
    messages = _Output(sys.stderr, ends_command=False)
    sys.stdout, sys.stderr = cast(TextIO, output), cast(TextIO, messages)
    code: Any = None
    try:
        yield
    except SystemExit as exc:
        if isinstance(exc.__context__, BrokenPipeError):  # a child's, which typer takes for ours
            raise exc.__context__ from None
        code = exc.code
    finally:
        is_needed = output.ends_command
        output.close_quietly()
        if output.error and not output.is_unread:
            reason = reason_of(output.error)
            print(f"libsep: standard output cannot be written: {reason}", file=messages)
        messages.close_quietly()
        sys.stdout, sys.stderr = streams
    if not code and output.error and (is_needed or not output.is_unread):
        code = EXIT_UNREAD if output.is_unread else EXIT_UNWRITTEN
    sys.exit(code)


def go_on_unread() -> None:
    """Let the command go on when nobody reads its output: it does work that should not be lost."""
    if isinstance(sys.stdout, _Output):
        sys.stdout.ends_command = False


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
