"""Arguments that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from libsep.errors import ConfigError

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="YAML file with what differs from the defaults."),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", help="Name or folder of the model for every track; without routing."),
]
GenreOption = Annotated[
    str | None,
    typer.Option("--genre", help="Genre of every track, whatever the tags say; gives the model."),
]
CodecOption = Annotated[
    str | None,
    typer.Option(
        "--codec", help="aac (plays everywhere) or alac (lossless; not in Traktor on Windows)."
    ),
]
DeviceOption = Annotated[str | None, typer.Option("--device", help="auto, cpu or cuda.")]
ReconstructOption = Annotated[
    str | None,
    typer.Option(
        "--reconstruct",
        help="mixture-phase or griffin-lim: where the phase comes from, for models that estimate "
        "magnitudes (nmf, svsgan, two_encoder).",
    ),
]
SuperResolutionOption = Annotated[
    str | None,
    typer.Option(
        "--super-resolution",
        help="Restore the treble of tracks that were cut off: auto (those that end below 17 kHz), "
        "on (all of them) or off.",
    ),
]
DrumTransientsOption = Annotated[
    str | None,
    typer.Option(
        "--drum-transients",
        help="own (give attacks of drums the clean sound that the track itself has of them), "
        "generated (the most similar one that a generative network can make) or off.",
    ),
]
PlaylistOption = Annotated[
    list[str] | None,
    typer.Option(
        "--playlist",
        metavar="FILE[#NAME]",
        help="Only the tracks of this list instead of all of LIBRARY; may be given again. "
        "M3U, Traktor, Rekordbox, Serato, Mixxx or iTunes; NAME is a playlist in it.",
    ),
]
WithLibraryOption = Annotated[
    bool,
    typer.Option(
        "--with-library",
        help="All of LIBRARY, and the tracks of each --playlist that lie elsewhere.",
    ),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="HH:MM", help="Start no track that would not end by this time of day."
    ),
]
MaxHoursOption = Annotated[
    float | None,
    typer.Option("--max-hours", help="Start no track that would not end within so many hours."),
]
RemainingOption = Annotated[
    int | None,
    typer.Option(
        "--exit-code-if-remaining",
        min=3,
        max=125,
        help="Exit code instead of 0 when tracks are left for another run.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        envvar="RAY_ADDRESS",
        help="Ray cluster to work on: auto, or HOST:PORT; without it, this machine.",
    ),
]
InsecureOption = Annotated[
    bool, typer.Option("--insecure", help="Use the cluster even if it asks for no token.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def within(output: str, name: str) -> Path:
    """Return the file to write: ``output``, or ``name`` in it.

    It is a folder if there is one, or if a slash says so: that one is made if it is missing.

    Raises
    ------
    ConfigError
        A slash says that it is a folder, and it is a file.
    """
    from libsep.media.atomic import expect_folder

    path = Path(output)
    if path.is_dir():
        return path / name
    if not output.endswith("/"):
        return path
    expect_folder(path)
    return path / name


def refuse_uris(command: str, *paths: Path | None) -> None:
    """Do nothing if all ``paths`` may be local ones.

    Raises
    ------
    ConfigError
        One is the URI of an object store, which this command does not read.
    """
    for path in filter(None, paths):
        if path.parts and path.parts[0] in ("s3:", "gs:", "file:"):
            uri = str(path).replace(":/", "://", 1)
            raise ConfigError(
                f"{uri}: libsep {command} takes paths of local files: copy what you want here first"
                " (aws s3 sync, gcloud storage rsync). URIs are for libsep run, status, report,"
                " verify and extract"
            )
