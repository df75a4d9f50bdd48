"""The tables of ``run mechanism``."""

from collections.abc import Mapping

from depthscope.report.codebook.meaning import (
    ANY,
    BOTH,
    CONTRAST,
    COUNT,
    DZ,
    LAYER,
    MECHANISM,
    VALID,
    WITHIN,
    Meaning,
    N,
    cluster_lines,
    contrast_lines,
    effect,
    of_cse,
    p_of,
    share,
    window_lines,
)
from depthscope.studies.contrast import codebook as contrast

SHARE = "share of the energy of the layer"
SCALE = Meaning("scale of the wavelet", "layers", "above 0")
PERIOD = Meaning("Fourier period that the scale responds to most", "layers", "above 0")
COI = Meaning(
    "longest Fourier period at this layer that no edge effect reaches: the cone of influence", "layers", "0 or more"
)
BITS = "bits"
MEASURE = "that of units"


def _estimate(name: str, what: str, unit: str, span: str) -> dict[str, Meaning]:
    return {
        name: Meaning(what, unit, span),
        f"{name}_low": Meaning(f"lower end of the 95 % interval of {name}", unit, span),
        f"{name}_high": Meaning(f"upper end of the 95 % interval of {name}", unit, span),
    }


def _held(prefix: str, of: str) -> dict[str, Meaning]:
    return {
        f"{prefix}_dz": Meaning(f"dz of {of}", DZ, ANY),
        f"{prefix}_low": Meaning(f"lower end of the 95 % interval of {prefix}_dz", DZ, ANY),
        f"{prefix}_high": Meaning(f"upper end of the 95 % interval of {prefix}_dz", DZ, ANY),
        f"{prefix}_p": p_of(f"p of {of}"),
        f"{prefix}_p_equivalence": p_of(f"p that |dz| of {of} lies below the bound"),
    }


TABLES: Mapping[str, Mapping[str, Meaning]] = {
    "mechanism.csv": MECHANISM,
    "contrasts.csv": {**contrast_lines("CSE", "CSE"), "valid_scales": VALID},
    "clusters.csv": cluster_lines(),
    "scales.csv": {
        **contrast_lines("share of the energy", SHARE),
        **{"scale": SCALE, "period": PERIOD, "coi": COI},
        "valid": Meaning("whether no edge effect reaches this scale and layer", "", "True, False"),
    },
    "scale-clusters.csv": cluster_lines(),
    "energy-map.csv": {
        **contrast_lines(
            "centred log-ratio of the energy, ln E less its mean over the scales of the layer", "ln energy"
        ),
        **{"scale": SCALE, "period": PERIOD, "coi": COI},
        "valid": Meaning("whether no edge effect reaches this scale and layer", "", "True, False"),
    },
    "energy-map-clusters.csv": cluster_lines(),
    "relative.csv": contrast.TABLES["relative.csv"],
    "relative-layers.csv": contrast.TABLES["relative-layers.csv"],
    "scale-contributions.csv": {
        **{"scale": SCALE, "period": PERIOD},
        "layers": Meaning("layers of the window at which the scale enters CSE", "layers", COUNT),
        **window_lines("what the scale adds to CSE over the window", "CSE"),
    },
    "parts.csv": {
        **contrast_lines("contribution to CSE, or CSE of one part alone", "CSE"),
        "part": Meaning(
            "attention, mlp or cross, what they have in common: they add up; relative to norms; or the CSE of one of them alone"
        ),
        "coi": COI,
        "valid_scales": Meaning("of CSE of a part alone: scales that no edge effect reaches", "scales", COUNT),
    },
    "heads.csv": {
        "layer": Meaning("block of the head, counted from 1", "layers", LAYER.range),
        "head": Meaning("head of that block, counted from 1", "heads", "whole, 1 or more"),
        "n": N,
        "difference": of_cse("contribution of the head to the difference in CSE, mean over the window"),
        "low": of_cse("lower end of the 95 % interval of difference (Student)"),
        "high": of_cse("upper end of this interval"),
        "t": Meaning("t of the contribution", "", ANY),
        "p": p_of("p of this head alone"),
        "p_holm": p_of("p corrected for all heads after Holm"),
        "p_bh": p_of("p corrected for all heads after Benjamini and Hochberg (false discovery rate)"),
        **effect("of the contribution"),
        "without": of_cse("difference in CSE over the window if what the head writes is subtracted"),
        "relative": of_cse("contribution of the head to the difference in CSE relative to norms, mean over the window"),
    },
    "measures.csv": {
        "contrast": CONTRAST,
        "measure": Meaning("measure, by name"),
        "label": Meaning("measure, in words"),
        "units": Meaning("unit of the measure"),
        "first": Meaning("first layer of the window", "layers", LAYER.range),
        "last": Meaning("last layer of the window", "layers", LAYER.range),
        **window_lines("the measure, mean over the window", MEASURE),
        "cluster_first": Meaning("first layer of the measure's own strongest cluster", "layers", LAYER.range),
        "cluster_last": Meaning("last layer of this cluster", "layers", LAYER.range),
        "cluster_p": p_of("family-wise p of this cluster"),
        "cluster_dz": Meaning("dz at its peak, the largest of many", DZ, ANY),
        "cluster_dz_low": Meaning("lower end of the 95 % interval of cluster_dz", DZ, ANY),
        "cluster_dz_high": Meaning("upper end of this interval", DZ, ANY),
        "cluster_peak_layer": Meaning("layer of that peak", "layers", LAYER.range),
        "given": Meaning("what is held equal in the columns given_*: of CSE all other measures, of these CSE"),
        **_held("given", "the same mean with that held equal"),
        **_held("cse_given", "CSE with the window mean of this measure held equal"),
        "overlap": share("items on the rarer side of no difference in the measure: near 0, holding equal extrapolates"),
    },
    "correlations.csv": {
        "a": Meaning("one measure"),
        "b": Meaning("the other measure"),
        "over": Meaning("of paired differences of items, or of texts within conditions", "", "differences, texts"),
        "rho": Meaning("Spearman's rank correlation of their window means", "", BOTH),
        "low": Meaning("lower end of the 95 % interval of rho (bootstrap over items)", "", BOTH),
        "high": Meaning("upper end of this interval", "", BOTH),
        "n": Meaning("values: differences, or texts", "", COUNT),
        "items": Meaning("items", "items", COUNT),
    },
    "classifier.csv": {
        "contrast": CONTRAST,
        "feed": Meaning("what is seen of a measure: every layer, or its mean over the window", "", "layers, window"),
        "items": Meaning("items", "items", COUNT),
        "texts": Meaning("texts that are classified", "texts", COUNT),
        "kind": Meaning("score of a set of measures, or gain of one set beyond another", "", "score, gain"),
        "set": Meaning("set of measures; of a gain the larger one"),
        "features": Meaning("numbers that the classifier sees of a text; of scores", "", COUNT),
        **_estimate(
            "auc", "area under the curve, .5 by chance; of a gain: how much more", "", "0 to 1; of a gain from -1"
        ),
        **_estimate("accuracy", "share of texts on the right side of one half; of scores", "", WITHIN),
        **_estimate("bits", "log loss, 1 for no knowledge; of a gain: how much less", BITS, "0 or more; of a gain any"),
        "beyond": Meaning("of a gain: the smaller set"),
        **_estimate("copy", "of a gain: gain in AUC of copies of what is added that know nothing more", "", BOTH),
        "p": p_of("of a gain: p of none in AUC, from resampled items"),
        "p_bits": p_of("of a gain: p of none in log loss"),
        "p_copy": p_of("of a gain: how often such a copy gains as much; empty: not asked"),
    },
    "patching.csv": contrast_lines("effect of exchanging the state after this layer (left) and 0 (right)", BITS),
    "patching-clusters.csv": cluster_lines(),
}
