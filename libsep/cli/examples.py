"""One or two examples for each command, shown below its help and in the reference."""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "run": (
        "libsep run ~/Music ~/Stems --until 06:00",
        "libsep run ~/Music ~/Stems --dry-run",
    ),
    "convert": ("libsep convert track.flac -o ~/Stems",),
    "listen": ("libsep listen ~/Stems", "libsep listen track.stem.mp4 --no-browser"),
    "status": ("libsep status ~/Stems",),
    "inspect": ("libsep inspect track.stem.mp4 --plot track.png",),
    "extract": (
        "libsep extract ~/Stems -o ~/Acapellas --only vocals --format flac",
        "libsep extract track.stem.mp4 -o . --without drums --layout files",
    ),
    "report": ("libsep report ~/Stems -o report.html",),
    "audit": ("libsep audit ~/Music ~/Stems --quick",),
    "verify": ("libsep verify ~/Stems",),
    "distil": (
        "libsep distil ~/Music -o runs/rock --genre rock --teacher scnet --validation ~/held-out",
        "libsep distil ~/Music -o runs/mine --teacher scnet --dry-run",
    ),
    "train": (
        "libsep train configs/train/stems.yaml --data ~/stems --validation ~/held-out -o runs/a",
    ),
    "evaluate": ("libsep evaluate generic ~/held-out --against fast",),
    "export": (
        "libsep export ~/Stems --to rekordbox",
        "libsep export ~/Stems --to traktor --collection ~/collection.nml",
    ),
    "demo": ("libsep demo demo/music",),
    "doctor": ("libsep doctor",),
    "models list": ("libsep models list",),
    "models show": ("libsep models show generic",),
    "models pull": ("libsep models pull scnet",),
    "models average": (
        "libsep models average models/mine runs/a/best.pt small --about about.yaml",
    ),
    "models exchange": (
        "libsep models exchange ~/models/accompaniment-rock accompaniment-blend ~/models/mine",
    ),
    "models part": ("libsep models part ~/models/quick accompaniment-blend --place 1",),
    "models blend": (
        "libsep models blend ~/models/both accompaniment ~/models/mine --weight 2 --weight 1",
    ),
    "models chain": ("libsep models chain ~/models/mine vocals scnet",),
}
"""Commands by their name, and what one types."""


def epilog(command: str) -> str:
    """Return the examples of a command as the last lines of its help."""
    return "\n\n".join(f"Example: {example}" for example in EXAMPLES[command])
