"""The card of a pulled model: what its catalogue entry says, as a page for people."""

from collections.abc import Sequence

from libsep.model_folder.description import DESCRIPTION_FILE, pulled_folder
from libsep.separation.catalogue import CatalogueEntry, read_catalogue
from libsep.separation.model import Score
from libsep.track import TARGETS

SPEED_CLASSES = ((3.0, "light"), (12.0, "heavy"), (float("inf"), "for a GPU"))
"""Up to which CPU time, as a multiple of the one of ``small``, a model is called what."""


def model_card(entry: CatalogueEntry) -> str:
    """Return the model card in Markdown."""
    files = "".join(f"- {file.url}\n" for file in entry.files)
    data = "".join(f"- {line}\n" for line in entry.data)
    return f"""# {entry.name}

{entry.description}

| | |
| --- | --- |
| network | `{entry.architecture}` {entry.arguments} |
| licence of the weights | {entry.licence} |
| CPU time | {format_cost(entry.cost)} |

{entry.notice}

Pulled by `libsep models pull {entry.name}` from the files below and converted to safetensors;
{_change(entry)}. libsep adds to the estimates what they lack of the mixture, in equal shares, so
that the stems add up to it.

{files}
## Quality

SDR in dB as published by others; libsep has not measured it.

{scores_table(entry.published)}

## Trained on

{data}"""


MAX_SUGGESTED_COST = 12.0
"""CPU time, as a multiple of the one of ``small``, up to which a model is suggested to anybody."""


def better_model_hint() -> str:
    """Return one line on a public model that is not here yet; empty if the best one is.

    The best is the one with the highest published SDR whose licence allows all use, which has the
    targets of a stem file and does not need a GPU.
    """
    found = [
        (entry.published[0].values["mean"], entry)
        for entry in read_catalogue()
        if entry.targets == TARGETS
        and not entry.is_restricted
        and (entry.cost or MAX_SUGGESTED_COST) <= MAX_SUGGESTED_COST
        and entry.published
    ]
    if not found:
        return ""
    mean_db, best = max(found, key=lambda pair: pair[0])
    if (pulled_folder() / best.name / DESCRIPTION_FILE).is_file():
        return ""
    return (
        f"better and slower: libsep models pull {best.name} ({mean_db:.1f} dB published on "
        f"{best.published[0].test_set}, {format_cost(best.cost)})"
    )


def _change(entry: CatalogueEntry) -> str:
    return (
        "kernels were rounded to half precision"
        if entry.spleeter_sources
        else "no number was changed"
    )


def format_cost(cost: float | None) -> str:
    """Return CPU time as a multiple of the one of ``small``, with a word for it."""
    if cost is None:
        return "not known"
    word = next(word for limit, word in SPEED_CLASSES if cost <= limit)
    return f"{cost:g} × small ({word})"


def scores_table(scores: Sequence[Score]) -> str:
    """Return scores as a table in Markdown: each with what it was measured on."""
    if not scores:
        return "None is published for this checkpoint."
    targets = list(dict.fromkeys(target for score in scores for target in score.values))
    rows = [["test set", "measure", "source", *targets], ["---"] * (len(targets) + 3)]
    for score in scores:
        numbers = (f"{score.values[t]:.2f}" if t in score.values else "" for t in targets)
        rows.append([score.test_set, score.measure, score.source or "libsep", *numbers])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
