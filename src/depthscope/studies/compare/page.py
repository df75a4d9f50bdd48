"""The page of finished runs compared."""

from depthscope.report.columns import DZ, N, P
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.compare.words import INFERENCES
from depthscope.studies.contrast.across import CAUTION
from depthscope.studies.contrast.words import QUANTITIES

OWN_DZ = Column("dz [95 % interval]", "{dz:+.2f} [{dz_low:+.2f}, {dz_high:+.2f}]")

PARTS = (
    Part(
        "short",
        "In short",
        {},
        (
            TableForm(
                "mechanism.csv",
                "All quantities at the layers of the cluster",
                (
                    Column("quantity", "{label}"),
                    N,
                    Column("value [95 % interval]", "{value:+.4g} [{low:+.4g}, {high:+.4g}]"),
                    OWN_DZ,
                    P,
                ),
            ),
        ),
    ),
    Part(
        "beside",
        "Does it hang on the weights of the scales?",
        {},
        (
            TableForm(
                "relative-models.csv",
                "What hangs on no weight, model by model",
                (
                    Column("model", "{model}"),
                    Column("quantity", "{label}"),
                    Column("layers", "{first:to last}"),
                    N,
                    DZ,
                    P,
                ),
            ),
        ),
        QUANTITIES,
    ),
    Part(
        "models",
        "Model by model",
        {},
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
    Part(
        "compare",
        "Along relative depth, and pooled",
        {"compare": ("depths.csv", "meta.csv")},
        (
            TableForm(
                "meta.csv",
                "Pooled quantities",
                (
                    Column("quantity", "{quantity}"),
                    Column("models", "{k}"),
                    Column("g [95 % interval]", "{estimate:+.2f} [{low:+.2f}, {high:+.2f}]"),
                    P,
                    Column("I²", "{i2:.0%}"),
                    Column("tau²", "{tau2:.3f}"),
                    Column("a new model", "{prediction_low:+.2f} to {prediction_high:+.2f}"),
                ),
            ),
        ),
        INFERENCES,
    ),
)

LAYOUT = Layout("finished runs compared", PARTS)
