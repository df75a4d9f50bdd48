"""The pages of all that ``depthscope sae`` writes: parts of which a folder holds nothing are left out."""

from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.sae.words import NORMS_READING, READING

DICTIONARIES = TableForm(
    "dictionaries.csv",
    "The dictionaries, and where their training arrived",
    (
        Column("dictionary", "{dictionary}"),
        Column("latents", "{latents}"),
        Column("activation", "{activation}"),
        Column("k", "{k}"),
        Column("tokens", "{tokens:,}"),
        Column("explained variance", "{explained:.3f}"),
        Column("L0", "{l0:.3g}"),
        Column("dead", "{dead:.1%}"),
        Column("rate", "{rate:.3g}", narrow=False),
        Column("loss fell in the last third", "{falling:.1%}", narrow=False),
    ),
)
NORMS = TableForm(
    "norms.csv",
    "Norms of the states, and of those that are left out",
    (
        Column("site", "{site}"),
        Column("median", "{median:.3g}"),
        Column("largest", "{largest:.3g}"),
        Column("first and special tokens", "{left_out:.3g}"),
        Column("their share of the tokens", "{tokens:.1%}"),
        Column("of the loss", "{share:.1%}"),
    ),
)
PARTS: tuple[Part, ...] = (
    Part("training", "Training", {"training": ("training.csv",)}, (DICTIONARIES,), READING),
    Part("norms", "What is left out", {}, (NORMS,), NORMS_READING),
)
LAYOUT = Layout("sparse autoencoders", PARTS)
