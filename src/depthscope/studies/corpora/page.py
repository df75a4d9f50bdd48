"""The page of one contrast in several sets."""

from depthscope.report.columns import DZ, N
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.contrast.verdicts.replication import CAUTION

ANALYSES = TableForm(
    "sets.csv",
    "Sets",
    (Column("", "{group}"), Column("set", "{label}"), N, DZ, Column("layers, p", "{said}")),
    grouped=True,
)

PARTS = (
    Part("models", "Set by set", {"forest": ("sets.csv",)}, (ANALYSES,), CAUTION),
    Part("controls", "Is it specific? The controls of each set"),
)

LAYOUT = Layout("one contrast, set by set", PARTS)
