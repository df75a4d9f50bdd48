"""The page of a scan of a corpus."""

from depthscope.instrument.measures import LAYERED
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.scan.summaries import ABOUT_KINDS, write_scan

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

LAYOUT = Layout("every token of a corpus", PARTS, prepare=write_scan)
