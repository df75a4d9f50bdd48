"""The page of one contrast in several models."""

from depthscope.report.columns import N
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.contrast.verdicts.replication import CAUTION

MODELS = TableForm(
    "models.csv",
    "Models",
    (
        Column("model", "{label}"),
        Column("class", "{class}", narrow=False),
        Column("layers (measured)", "{layers} ({measured_first:to measured_last})"),
        Column("features", "{features}", narrow=False),
        Column("quantisation", "{quantization}", narrow=False),
        N,
        Column("strongest cluster, chosen by the same data", "{strongest_first:to strongest_last}", narrow=False),
        Column("its relative depth", "{strongest_relative_first:.2f} to {strongest_relative_last:.2f}", narrow=False),
        Column("dz at its peak", "{strongest_dz:effect strongest_low strongest_high}", narrow=False),
        Column("p", "{strongest_p:p}", narrow=False),
        Column("layers at the fixed depth", "{fixed_first:to fixed_last}"),
        Column("dz there [95 % interval]", "{fixed_dz:effect fixed_low fixed_high}"),
        Column("p there", "{fixed_p:p}"),
        Column("items above / below 0", "{fixed_items_higher} / {fixed_items_lower}", narrow=False),
        Column(
            "dz there, covariates held equal",
            "{fixed_adjusted_dz:effect fixed_adjusted_low fixed_adjusted_high}",
            narrow=False,
        ),
        Column("weights", "{about}", narrow=False),
        Column("not measured", "{reason}", narrow=False),
    ),
)

PARTS = (
    Part("short", "In short"),
    Part("models", "Model by model", {"depths": ("depths.csv",), "forest": ("models.csv",)}, (MODELS,), CAUTION),
)

LAYOUT = Layout("one contrast in several models", PARTS)
