"""``libsep listen``: a page to hear and remix stem files."""

import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from libsep.cli.lines import markup
from libsep.cli.options import refuse_uris
from libsep.errors import ConfigError
from libsep.units import counted


def listen(
    place: Annotated[Path, typer.Argument(metavar="FILE|STEMS", help="Stem file, or a folder.")],
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port of the page; by default any free.")
    ] = 0,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open no browser.")
    ] = False,
) -> None:
    """Play stem files in a browser: mute, solo, volume, loop, compare with the original, download.

    The page is served by this command, to this machine only; Ctrl-C ends it.
    """
    from libsep.listen.server import HOST, ListenServer
    from libsep.listen.shelf import Shelf
    from libsep.media.ffmpeg import find_ffmpeg

    refuse_uris("listen", place)
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    shelf = Shelf(place)
    try:
        server = ListenServer(shelf, ffmpeg=find_ffmpeg(), port=port)
    except OSError as exc:
        raise ConfigError(f"port {port} of {HOST}: {exc.strerror}; choose another one") from exc
    with server:
        what = (
            f"{counted(len(shelf.names), 'stem file')} of {place}"
            if shelf.is_folder
            else place.name
        )
        console.print(f"{markup(what)}; Ctrl-C ends it")
        print(server.url, flush=True)
        if not no_browser:
            # Browsers in a terminal (w3m) are waited for, and wait for the server themselves.
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            console.print("ended")
