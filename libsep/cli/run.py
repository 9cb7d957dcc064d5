"""``libsep run``: a whole library."""

import os
from typing import Annotated

import typer

from libsep.cli.options import (
    AddressOption,
    CodecOption,
    ConfigOption,
    DeviceOption,
    DrumTransientsOption,
    GenreOption,
    InsecureOption,
    JsonOption,
    MaxHoursOption,
    ModelOption,
    PlaylistOption,
    ReconstructOption,
    RemainingOption,
    SuperResolutionOption,
    UntilOption,
    WithLibraryOption,
)
from libsep.cli.terminal import go_on_unread
from libsep.machine import rare_garbage_search

LimitOption = Annotated[int | None, typer.Option(min=1, help="Convert at most this many tracks.")]
RetryFailedOption = Annotated[
    bool, typer.Option("--retry-failed", help="Try failed tracks again, changed or not.")
]
RebuildLedgerOption = Annotated[
    bool, typer.Option("--rebuild-ledger", help="Rebuild a damaged ledger from the stem files.")
]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would be done, and how much time and disk it takes."),
]


def run(
    library: Annotated[str, typer.Argument(help="Folder of music, or its URI; only read.")],
    stems: Annotated[str, typer.Argument(help="Folder for the stem files, or its URI.")],
    playlist: PlaylistOption = None,
    with_library: WithLibraryOption = False,
    config: ConfigOption = None,
    genre: GenreOption = None,
    model: ModelOption = None,
    codec: CodecOption = None,
    device: DeviceOption = None,
    reconstruct: ReconstructOption = None,
    super_resolution: SuperResolutionOption = None,
    drum_transients: DrumTransientsOption = None,
    until: UntilOption = None,
    max_hours: MaxHoursOption = None,
    exit_code_if_remaining: RemainingOption = None,
    address: AddressOption = None,
    insecure: InsecureOption = False,
    limit: LimitOption = None,
    retry_failed: RetryFailedOption = False,
    rebuild_ledger: RebuildLedgerOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert every track of LIBRARY that STEMS does not hold yet; a second run does the rest."""
    if address:
        os.environ["RAY_ADDRESS"] = address  # Ray, and libsep.batch, read it when they are imported
    with rare_garbage_search():  # a tenth of the time that these take
        from libsep.batch.schedule.window import Window
        from libsep.cli.configuration import read_config
        from libsep.cli.preview import preview
        from libsep.cli.session import RunOptions, start
        from libsep.storage.ends import Ends

    settings = read_config(
        config, genre=genre, model=model, codec=codec, device=device, reconstruct=reconstruct
    )
    settings = settings.replaced(
        restoration={"super_resolution": super_resolution},
        transients={"drum_transients": drum_transients},
        night={"until": until, "max_hours": max_hours},
    )
    options = RunOptions(
        ends=Ends.of(library, stems, settings.storage),
        config=settings,
        window=Window(until=settings.night.until, max_hours=settings.night.max_hours),
        limit=limit,
        retry_failed=retry_failed,
        rebuild_ledger=rebuild_ledger,
        as_json=as_json,
        is_insecure=insecure,
        playlists=tuple(playlist or ()),
        with_library=with_library,
    )
    if dry_run:
        preview(options)
        return
    go_on_unread()
    raise typer.Exit(start(options).exit_code(if_remaining=exit_code_if_remaining))
