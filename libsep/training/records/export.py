"""The curve of a training, as it goes into the folder of the model that came of it."""

from pathlib import Path

from libsep.training.records import plot
from libsep.training.records.curve import CURVE, TABLE, read_curve, write_table


def export_curve(run: Path, folder: Path) -> None:
    """Write the curve of a run, if it has one, as ``curve.csv`` and ``curve.png``.

    The picture is written where matplotlib is installed.

    Parameters
    ----------
    run
        Folder of the training.
    folder
        Model folder.
    """
    if rows := read_curve(run / CURVE):
        write_table(rows, folder / TABLE)
        if plot.IS_INSTALLED:
            plot.plot_curve(rows, folder / plot.PICTURE)
