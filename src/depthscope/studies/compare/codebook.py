"""The tables of ``compare --out``."""

from collections.abc import Mapping

from depthscope.report.codebook.meaning import (
    ANY,
    COUNT,
    DEPTH,
    LAYER,
    MECHANISM,
    Meaning,
    N,
    effect,
    p_of,
    share,
    window_lines,
)
from depthscope.studies.contrast.codebook import QUANTITY

LABEL = Meaning("name of the run's folder, by which the model is called")
G, SQUARED = "standard deviations, corrected for few items", "squares of g"

HEDGES: Mapping[str, Meaning] = {
    "g": Meaning("dz corrected for its bias in small samples (Hedges)", G, ANY),
    "variance": Meaning("sampling variance of g", SQUARED, "0 or more"),
}
POOLED: Mapping[str, Meaning] = {
    "k": Meaning("models that are pooled", "models", COUNT),
    "estimate": Meaning("mean g over models like these (random effects)", G, ANY),
    "low": Meaning("lower end of the 95 % interval of the mean", G, ANY),
    "high": Meaning("upper end of the 95 % interval of the mean", G, ANY),
    "p": p_of("p of estimate"),
    "tau2": Meaning("variance of the true effects between models", SQUARED, "0 or more"),
    "i2": share("part of the observed variance that tau2 makes up"),
    "q": Meaning("Cochran's Q", "", "0 or more"),
    "q_p": p_of("p of all models having the same effect"),
    "prediction_low": Meaning("lower end of the 95 % interval for the effect in a new model", G, ANY),
    "prediction_high": Meaning("upper end of this interval", G, ANY),
}

TABLES: Mapping[str, Mapping[str, Meaning]] = {
    "models.csv": {
        "label": LABEL,
        "model": Meaning("model, as its run was asked for it"),
        "folder": Meaning("where its run is"),
        "layers": Meaning("number of blocks", "layers", "whole, 1 or more"),
        "first": Meaning("first measured layer in the range of relative depth", "layers", LAYER.range),
        "last": Meaning("last measured layer in this range", "layers", LAYER.range),
        **window_lines("mean CSE over these layers", "CSE"),
        **HEDGES,
    },
    "depths.csv": {
        "kind": Meaning("what the row is of", "", "model, pooled, mean of these models"),
        "label": Meaning("the model; or the kind again"),
        "relative_depth": DEPTH,
        **effect("at this depth, of a model"),
        **HEDGES,
        "n": N,
        **POOLED,
        "mean": Meaning("mean difference over these models, with low and high over items", "CSE", ANY),
        "t": Meaning("t of that mean", "", ANY),
        "cluster": Meaning("number of the cluster of that mean; 0: none", "", COUNT),
        "cluster_p": p_of("family-wise p of this cluster; empty outside clusters"),
    },
    "meta.csv": {
        "quantity": Meaning(
            "what is pooled: CSE over the range of depth, what hangs on no weight there, then keys of mechanism.csv"
        ),
        **POOLED,
        "these_models_mean": Meaning("mean difference over these models, for new items", "CSE", ANY),
        "these_models_low": Meaning("lower end of the 95 % interval of that mean", "CSE", ANY),
        "these_models_high": Meaning("upper end of this interval", "CSE", ANY),
    },
    "relative-models.csv": {
        "model": LABEL,
        **QUANTITY,
        "label": Meaning("the same in words"),
        "first": Meaning("first measured layer in the range of relative depth", "layers", LAYER.range),
        "last": Meaning("last measured layer in this range", "layers", LAYER.range),
        **window_lines("the mean of the quantity over these layers", "that of the quantity"),
        **HEDGES,
    },
    "mechanism.csv": {"model": LABEL, **MECHANISM},
    "heads.csv": {
        "label": LABEL,
        "heads": Meaning("heads of the model", "heads", "whole, 1 or more"),
        "found": Meaning("heads that contribute to the difference in CSE: p <= .05 after Holm", "heads", COUNT),
        "half": Meaning(
            "fewest heads that make half of all contributions, signs left out", "heads", "whole, 1 or more"
        ),
        "centre": Meaning(
            "mean relative depth of the heads, weighted by their contributions, signs left out", "", DEPTH.range
        ),
        "largest_layer": Meaning("block of the head with the largest contribution", "layers", LAYER.range),
        "largest_head": Meaning("its number in that block, counted from 1", "heads", "whole, 1 or more"),
        "largest_depth": Meaning("its relative depth", "", DEPTH.range),
        "largest_difference": Meaning("its contribution to the difference in CSE", "CSE", ANY),
        "largest_share": share("its share of all contributions, signs left out"),
    },
}
