"""The page of one contrast in several sets."""

from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.contrast.across import CAUTION
from depthscope.studies.contrast.page import ANALYSIS

PARTS = (
    Part("controls", "Is it specific? The evidence at the same layers"),
    Part(
        "models",
        "Set by set",
        {"forest": ("sets.csv",)},
        (TableForm("sets.csv", "Sets", (*ANALYSIS, Column("", "{said}")), grouped=True),),
        CAUTION,
    ),
)

LAYOUT = Layout("one contrast, set by set", PARTS)
