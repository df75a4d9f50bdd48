"""The page of a scan of a corpus."""

from dataclasses import replace
from pathlib import Path

from depthscope.instrument.measures import LAYERED
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.scan.figures import tell_tokens, write_figures
from depthscope.scan.results import Summaries
from depthscope.scan.words import ABOUT_KINDS, CAUTION, measure_words, types_words
from depthscope.store.names import inside
from depthscope.store.record import RunRecord
from depthscope.store.sealed import describe
from depthscope.store.tables import write_csv

# what a scan says of an entry of the vocabulary, measure by measure
TOKEN = tuple(Column(name, f"{{{name}_mean:.4g}} ± {{{name}_sd:.2g}}") for name in (*LAYERED, "surprisal"))

PARTS = (
    Part(
        "tokens",
        "All tokens, layer by layer",
        {"tokens-*": ("layers.csv",)},
        reading="The line is the mean, the darker band holds the middle half of the tokens at each layer, the lighter one nine "
        "tenths. They say how tokens differ, not how sure the mean is.",
    ),
    Part("kinds", "By kind of token", {"kinds-*": ("layers.csv",)}, reading=ABOUT_KINDS),
    Part(
        "types",
        "Token by token",
        {},
        (
            TableForm(
                "types.csv",
                "Entries of the vocabulary, the most frequent first",
                (Column("token", "{token}"), Column("kind", "{kind}"), Column("count", "{count:,.0f}"), *TOKEN),
            ),
        ),
    ),
)

# for a terminal, of `layers.csv`
OVERVIEW = TableForm(
    "layers.csv",
    "first, middle and last layer that has a value, over all tokens",
    (
        Column("measure", "{measure}"),
        Column("layer", "{layer}"),
        Column("mean", "{mean:.4g}"),
        Column("sd", "{sd:.4g}"),
        Column("5 %", "{q05:.4g}"),
        Column("median", "{q50:.4g}"),
        Column("95 %", "{q95:.4g}"),
    ),
)


def prepare(folder: Path, record: RunRecord) -> RunRecord:
    """Write ``figures/``, ``layers.csv`` and ``types.csv`` of a finished scan; its record, with the words beside them.

    They are made when the page is asked for; a scan itself draws nothing.
    """
    found = Summaries(folder, record)
    drawings = write_figures(inside(folder, "figures"), found)
    types = found.types()
    write_csv(folder / "layers.csv", found.every)
    write_csv(folder / "types.csv", types)
    words = {
        "tokens": [*(measure_words(found, measure) for measure in found.measures), CAUTION],
        "types": [types_words(found, types)],
        "left_out": record.results["notes"],
    }
    told = [tell_tokens(found.layers(name), found.unit(name)) for name in found.drawn[:1]]
    answer = [*record.answer, *(f"{one[0].upper()}{one[1:]}" for one in told)]
    # what was written this moment, beside what the scan wrote
    names = [str(path.relative_to(folder)) for path in drawings if path.suffix == ".svg"]
    files = record.files and record.files | describe(folder, ["layers.csv", "types.csv", *names])
    return replace(record, answer=answer, words=words, files=files)


LAYOUT = Layout("every token of a corpus", PARTS, prepare=prepare)
