"""The page of finished runs compared."""

from depthscope.report.columns import DZ, N, P
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.compare.words import INFERENCES
from depthscope.studies.contrast.verdicts.replication import CAUTION
from depthscope.studies.contrast.words import QUANTITIES

LAYERS = Column("layers", "{first:to last}")

MODELS = TableForm(
    "models.csv",
    "Models, each over its layers in the range",
    (
        Column("model", "{label}"),
        LAYERS,
        Column("of", "{layers}", narrow=False),
        N,
        Column(
            "mean difference [95 % interval]",
            "{difference:+.2g} [{difference_low:+.2g}, {difference_high:+.2g}]",
            narrow=False,
        ),
        DZ,
        P,
        Column("g", "{g:+.2f}"),
    ),
)
POOLED = TableForm(
    "meta.csv",
    "Pooled over the models",
    (
        Column("quantity", "{quantity}"),
        Column("models", "{k}"),
        Column("g [95 % interval]", "{estimate:effect low high}"),
        P,
        Column("I²", "{i2:.0%}", narrow=False),
        Column("tau²", "{tau2:.3f}", narrow=False),
        Column("a new model", "{prediction_low:+.2f} to {prediction_high:+.2f}"),
        Column(
            "g of the mean of these models, new items",
            "{these_models_mean:effect these_models_low these_models_high}",
            narrow=False,
        ),
    ),
)
BESIDE = TableForm(
    "relative-models.csv",
    "Quantities that depend on no weight, model by model",
    (Column("model", "{model}"), Column("quantity", "{label}"), LAYERS, N, DZ, P),
    grouped=True,
)
MECHANISMS = TableForm(
    "mechanism.csv",
    "Where the difference comes from, model by model, at the layers of its own strongest cluster",
    (
        Column("model", "{model}"),
        Column("quantity", "{key}"),
        Column("in words", "{label}", narrow=False),
        N,
        Column("value [95 % interval]", "{value:+.3g} [{low:+.3g}, {high:+.3g}]"),
        Column("dz [95 % interval]", "{dz:effect dz_low dz_high}"),
        P,
    ),
    grouped=True,
)
HEADS = TableForm(
    "heads.csv",
    "Heads that carry the difference",
    (
        Column("model", "{label}"),
        Column("heads", "{heads}"),
        Column("that contribute", "{found}"),
        Column("make half of it", "{half}"),
        Column("centre, relative depth", "{centre:.2f}"),
        Column("the largest", "layer {largest_layer}, head {largest_head}"),
        Column("its share", "{largest_share:.0%}"),
    ),
)

PARTS = (
    Part("short", "In short", {"compare": ("depths.csv", "meta.csv")}, (POOLED,), INFERENCES),
    Part("models", "Model by model", {}, (MODELS,), CAUTION),
    Part("beside", "Does it depend on the weights of the scales?", {}, (BESIDE,), QUANTITIES),
    Part("mechanism", "Where does it come from?", {}, (MECHANISMS, HEADS)),
    Part("compare", "What limits the answer"),
)

LAYOUT = Layout("finished runs compared", PARTS)
