"""The page of the norms."""

from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm

LAYERS = TableForm("layers.csv", "Norms by layer", (Column("layer", "{layer}"), Column("norm", "{norm:.3g}")))
PARTS = (Part("norms", "Norm by layer", {"norms": ("layers.csv",)}, (LAYERS,), "Means over the tokens of the text."),)
LAYOUT = Layout("how long updates are", PARTS)
