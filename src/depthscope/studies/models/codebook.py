"""The tables of ``run models``."""

from collections.abc import Mapping

from depthscope.report.codebook.meaning import (
    COUNT,
    DEPTH,
    LAYER,
    VALID,
    Meaning,
    N,
    contrast_lines,
    own_effect,
    p_of,
    window_lines,
)

FOLDER = Meaning("folder of the model's own run, by which it is called")


def _placed(prefix: str, fields: Mapping[str, Meaning]) -> dict[str, Meaning]:
    return {f"{prefix}_{name}": said for name, said in fields.items()}


TABLES: Mapping[str, Mapping[str, Meaning]] = {
    "models.csv": {
        "label": FOLDER,
        "model": Meaning("model, as it was asked for"),
        "status": Meaning("whether it could be measured", "", "measured, failed"),
        "reason": Meaning("why it failed; then all cells after this one are empty"),
        "about": Meaning("what the registry of models says of its weights; empty: not listed there"),
        "class": Meaning("class of the network"),
        "layers": Meaning("number of blocks", "layers", "whole, 1 or more"),
        "measured_first": Meaning("first layer at which CSE is defined", "layers", LAYER.range),
        "measured_last": Meaning("last layer at which CSE is defined", "layers", LAYER.range),
        "features": Meaning("width of the residual stream", "features", "whole, 1 or more"),
        "quantization": Meaning("how the weights were held; none: as they are"),
        "n": N,
        **_placed(
            "strongest",
            {
                "first": Meaning(
                    "first layer of the strongest cluster, whatever its p",
                    "layers",
                    LAYER.range,
                ),
                "last": Meaning("last layer of this cluster", "layers", LAYER.range),
                "relative_first": Meaning("relative depth of its first layer", "", DEPTH.range),
                "relative_last": Meaning("relative depth of its last layer", "", DEPTH.range),
                "peak_layer": Meaning("layer of its peak", "layers", LAYER.range),
                **own_effect("at this peak, the largest of many"),
                "p": p_of("family-wise p of this cluster"),
            },
        ),
        "fixed_chosen_here": Meaning("whether this model chose the fixed relative depth", "", "True, False"),
        "fixed_first": Meaning(
            "first layer at the fixed relative depth; empty: none lies there", "layers", LAYER.range
        ),
        "fixed_last": Meaning("last layer there", "layers", LAYER.range),
        **_placed("fixed", {k: v for k, v in window_lines("mean CSE at the fixed depth", "CSE").items() if k != "n"}),
        "fixed_items_higher": Meaning("items whose mean difference there is above 0", "items", COUNT),
        "fixed_items_lower": Meaning("items whose mean difference there is below 0", "items", COUNT),
        **_placed(
            "fixed_adjusted",
            {
                **own_effect("there with covariates held equal, in units of what they leave"),
                "p": p_of("p of the same"),
            },
        ),
        "positive_clusters": Meaning("positive clusters of p <= .05", "clusters", COUNT),
        "early_positive_clusters": Meaning("those whose centre lies below relative depth .6", "clusters", COUNT),
        "negative_clusters": Meaning("negative clusters of p <= .05", "clusters", COUNT),
    },
    "depths.csv": {**contrast_lines("CSE", "CSE"), "valid_scales": VALID, "model": FOLDER},
}
