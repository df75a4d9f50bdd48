"""What a column holds, and what the columns of many tables have in common."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What a column holds, in which unit, and within which limits; empty where there is neither."""

    meaning: str
    unit: str = ""
    range: str = ""


# no cell begins with a sign: spreadsheets take that for a formula
WITHIN, BOTH, COUNT, ANY = "0 to 1", "from -1 to 1", "whole, 0 or more", "any"
DZ = "standard deviations of the paired differences"
CSE = Meaning(
    "conditional scale entropy: how evenly the energy of the updates is spread over scales at this layer",
    "share of the largest entropy",
    "0 to 1 (entropy in nats, 0 or more, with normalize = False)",
)
CONTRAST = Meaning("contrast, as asked: left side - right side")
CONDITION = Meaning("condition of the stimuli")
LAYER = Meaning("number of the block, counted from 1", "layers", "1 to the number of blocks")
DEPTH = Meaning("layer / number of layers", "", "above 0, up to 1")
VALID = Meaning("scales at this layer that no edge effect reaches", "scales", COUNT)
N = Meaning("items tested", "items", COUNT)


def share(what: str) -> Meaning:
    return Meaning(what, "", WITHIN)


def of_cse(what: str) -> Meaning:
    return Meaning(what, "CSE", ANY)


def effect(of: str = "of the difference") -> dict[str, Meaning]:
    return {
        "dz": Meaning(f"effect size {of}: mean of the paired differences / their standard deviation", DZ, ANY),
        "dz_low": Meaning("lower end of the 95 % interval of dz", DZ, ANY),
        "dz_high": Meaning("upper end of the 95 % interval of dz", DZ, ANY),
    }


def own_effect(of: str) -> dict[str, Meaning]:
    """The same in tables whose only interval it is."""
    return {name.replace("dz_", ""): meaning for name, meaning in effect(of).items()}


def p_of(what: str) -> Meaning:
    return Meaning(what, "", WITHIN)


CLUSTER = {
    "first": Meaning("first layer of the cluster", "layers", LAYER.range),
    "last": Meaning("last layer of the cluster", "layers", LAYER.range),
    "mass": Meaning("sum of t over the cluster; its sign is that of the difference", "t", ANY),
    "p": p_of("family-wise p of the cluster, by sign flips or resamples: corrected for all layers"),
}


def contrast_lines(of: str, unit: str) -> Mapping[str, Meaning]:
    """The columns of a contrast by layer, of a quantity in its ``unit``."""
    return {
        "contrast": CONTRAST,
        "n": N,
        "layer": LAYER,
        "mean_a": Meaning(f"mean {of} of the left side", unit, ANY),
        "mean_b": Meaning(f"mean {of} of the right side", unit, ANY),
        "difference": Meaning("mean difference, left - right", unit, ANY),
        "low": Meaning("lower end of the 95 % interval of the difference (Student)", unit, ANY),
        "high": Meaning("upper end of the 95 % interval of the difference (Student)", unit, ANY),
        "t": Meaning("t of the paired differences at this layer", "", ANY),
        "p": p_of("p at this layer alone, not corrected for the other layers"),
        "p_holm": p_of("p corrected for all layers after Holm"),
        "p_bh": p_of("p corrected for all layers after Benjamini and Hochberg (false discovery rate)"),
        **effect(),
        "p_equivalence": p_of("p that |dz| lies below the bound (two one-sided tests)"),
        "cluster": Meaning("number of the cluster to which the layer belongs, in order of depth; 0: none", "", COUNT),
        "cluster_p": p_of("family-wise p of that cluster; empty outside clusters"),
        "relative_depth": DEPTH,
    }


def cluster_lines() -> Mapping[str, Meaning]:
    """The columns of a table of clusters."""
    return {
        "contrast": CONTRAST,
        "n": N,
        **CLUSTER,
        "p_low": p_of("lower end of the 95 % Monte-Carlo interval of p; p itself if all flips were counted"),
        "p_high": p_of("upper end of the 95 % Monte-Carlo interval of p"),
        "peak_layer": Meaning("layer of the largest |t| in the cluster", "layers", LAYER.range),
        **effect("at the peak, the largest of many"),
        "cells": Meaning("cells of the cluster: its layers, or scales and layers", "cells", "whole, 1 or more"),
        "periods": Meaning("Fourier periods that it spans, in a contrast over scales; else empty", "layers", "above 0"),
    }


def window_lines(of: str, unit: str) -> Mapping[str, Meaning]:
    """The fields of an effect on the mean over a window."""
    return {
        "n": N,
        **own_effect(f"of {of}"),
        "p": p_of("p of that mean, by sign flips or resamples"),
        "p_equivalence": p_of("p that |dz| of that mean lies below the bound"),
        "difference": Meaning(f"difference of {of}", unit, ANY),
        "difference_low": Meaning("lower end of the 95 % interval of this difference (Student)", unit, ANY),
        "difference_high": Meaning("upper end of the 95 % interval of this difference (Student)", unit, ANY),
    }


# what runs are compared by
MECHANISM: Mapping[str, Meaning] = {
    "key": Meaning("quantity, by a name that is the same in all runs"),
    "label": Meaning("quantity, in words"),
    "n": N,
    "value": Meaning(
        "mean of the quantity over items, at the layers of the cluster",
        "CSE; ln energy / ln period for slopes; 1 for the cosine; bits where label says so",
        ANY,
    ),
    "low": Meaning("lower end of the 95 % interval of value (Student)", "as value", ANY),
    "high": Meaning("upper end of this interval", "as value", ANY),
    "p": p_of("p of value, by sign flips or resamples"),
    **effect("of value"),
}
