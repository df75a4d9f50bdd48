"""The page of one contrast in several models."""

from depthscope.report.columns import DZ, N, P
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.contrast.across import CAUTION

PARTS = (
    Part("short", "In short"),
    Part(
        "models",
        "Model by model",
        {"depths": ("depths.csv",), "forest": ("models.csv",)},
        (
            TableForm(
                "models.csv",
                "Models",
                (
                    Column("model", "{label}"),
                    Column("class", "{class}"),
                    Column("layers", "{layers}"),
                    N,
                    Column("strongest cluster, chosen by the same data", "{strongest_first:to strongest_last}"),
                    Column("dz at its peak", "{strongest_dz:+.2f} [{strongest_low:+.2f}, {strongest_high:+.2f}]"),
                    Column("dz at the fixed depth", "{fixed_dz:+.2f} [{fixed_low:+.2f}, {fixed_high:+.2f}]"),
                    DZ,
                    Column("p there", "{fixed_p:p}"),
                    P,
                    Column("not measured", "{reason}"),
                ),
            ),
        ),
        CAUTION,
    ),
)

LAYOUT = Layout("one contrast in several models", PARTS)
