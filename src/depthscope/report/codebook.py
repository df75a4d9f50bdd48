"""``codebook.csv``: what stands in every column of every table of a run folder, said at one place."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

NAME = "codebook.csv"
# a table in which the stimuli bring columns of their own
OPEN = "texts.csv"


@dataclass(frozen=True)
class Meaning:
    """What a column holds, in which unit, and within which limits; empty where there is neither."""

    meaning: str
    unit: str = ""
    range: str = ""


WITHIN, COUNT, ANY = "0 to 1", "whole, 0 or more", "any"
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

MODEL = Meaning("mixed model of the first contrast, by what it holds random")


def _share(what: str) -> Meaning:
    return Meaning(what, "", WITHIN)


def _cse(what: str) -> Meaning:
    return Meaning(what, "CSE", ANY)


def _effect(of: str = "of the difference") -> dict[str, Meaning]:
    return {
        "dz": Meaning(f"effect size {of}: mean of the paired differences / their standard deviation", DZ, ANY),
        "dz_low": Meaning("lower end of the 95 % interval of dz", DZ, ANY),
        "dz_high": Meaning("upper end of the 95 % interval of dz", DZ, ANY),
    }


def _own(of: str) -> dict[str, Meaning]:
    """The same in tables whose only interval it is."""
    return {name.replace("dz_", ""): meaning for name, meaning in _effect(of).items()}


def _p(what: str) -> Meaning:
    return Meaning(what, "", WITHIN)


CLUSTER = {
    "first": Meaning("first layer of the cluster", "layers", LAYER.range),
    "last": Meaning("last layer of the cluster", "layers", LAYER.range),
    "mass": Meaning("sum of t over the cluster; its sign is that of the difference", "t", ANY),
    "p": _p("family-wise p of the cluster, by sign flips: corrected for all layers"),
}

TABLES: Mapping[str, Mapping[str, Meaning]] = {
    "layers.csv": {
        "condition": CONDITION,
        "layer": LAYER,
        "mean": _cse("mean CSE over items"),
        "sd": _cse("standard deviation of CSE over items"),
        "low": _cse("lower end of the 95 % interval of the mean (Student)"),
        "high": _cse("upper end of the 95 % interval of the mean (Student)"),
        "n": Meaning("items with a value in this condition", "items", COUNT),
        "relative_depth": DEPTH,
        "valid_scales": VALID,
    },
    "contrasts.csv": {
        "contrast": CONTRAST,
        "n": N,
        "layer": LAYER,
        "mean_a": _cse("mean CSE of the left side"),
        "mean_b": _cse("mean CSE of the right side"),
        "difference": _cse("mean difference, left - right"),
        "low": _cse("lower end of the 95 % interval of the difference (Student)"),
        "high": _cse("upper end of the 95 % interval of the difference (Student)"),
        "t": Meaning("t of the paired differences at this layer", "", ANY),
        "p": _p("p at this layer alone, not corrected for the other layers"),
        "p_holm": _p("p corrected for all layers after Holm"),
        "p_bh": _p("p corrected for all layers after Benjamini and Hochberg (false discovery rate)"),
        **_effect(),
        "p_equivalence": _p("p that |dz| lies below the bound (two one-sided tests)"),
        "cluster": Meaning("number of the cluster to which the layer belongs, in order of depth; 0: none", "", COUNT),
        "cluster_p": _p("family-wise p of that cluster; empty outside clusters"),
        "relative_depth": DEPTH,
        "valid_scales": VALID,
    },
    "clusters.csv": {
        "contrast": CONTRAST,
        "n": N,
        **CLUSTER,
        "p_low": _p("lower end of the 95 % Monte-Carlo interval of p; p itself if all flips were counted"),
        "p_high": _p("upper end of the 95 % Monte-Carlo interval of p"),
        "peak_layer": Meaning("layer of the largest |t| in the cluster", "layers", LAYER.range),
        **_effect("at the peak, the largest of many"),
        "cells": Meaning("cells of the cluster: its layers", "layers", "whole, 1 or more"),
        "periods": Meaning("Fourier periods that it spans, in a contrast over scales; else empty", "layers", "above 0"),
    },
    "items.csv": {
        "contrast": CONTRAST,
        "item": Meaning("item; several pairs of one item are averaged"),
        "layer": LAYER,
        "difference": _cse("difference of this item, left - right: what is tested"),
    },
    "scalograms.csv": {
        "condition": CONDITION,
        "scale": Meaning("scale of the wavelet", "layers", "above 0"),
        "period": Meaning("Fourier period that the scale responds to most", "layers", "above 0"),
        "layer": LAYER,
        "valid": Meaning("whether no edge effect reaches this scale and layer", "", "True, False"),
        "share": _share("share of the wavelet energy of this layer at this scale, mean over items"),
    },
    OPEN: {
        "item": Meaning("item of the stimuli: the random factor of a mixed model"),
        "pair": Meaning("pair within the item, if it has several"),
        "condition": CONDITION,
        "target": Meaning("target: the word that is measured"),
        "layer": LAYER,
        "relative_depth": DEPTH,
        "cse": CSE,
        "in_contrast": Meaning("whether the first contrast tests this text", "", "True, False"),
        "token_index": Meaning("position of the token that stands for the target, counted from 0", "tokens", COUNT),
        "n_tokens": Meaning("length of the text, with what the tokenizer adds", "tokens", "whole, 1 or more"),
        "n_subtokens": Meaning("tokens that overlap the target", "tokens", "whole, 1 or more"),
        "at_start": Meaning("whether the target stands at position 0, an attention sink", "", "True, False"),
        "token_exceeds": Meaning("whether surprisal counts more than the target: a token is shared", "", "True, False"),
        "state_exceeds": Meaning("whether the measured token covers more than the target", "", "True, False"),
        "surprisal": Meaning(
            "surprisal of the target after the text before it, in the same model", "bits", "0 or more"
        ),
        "log_frequency": Meaning(
            "Zipf frequency of the target: log10 of uses in 10^9 words (wordfreq)", "Zipf", "0 to 8"
        ),
        "target_length": Meaning("length of the target", "characters", "whole, 1 or more"),
    },
    "evidence.csv": {
        "group": Meaning("kind of analysis"),
        "label": Meaning("analysis"),
        "n": N,
        **_own("of mean CSE over the window, in units of what the covariates leave where they are adjusted for"),
        "p": _p("p of that mean, by sign flips"),
        "p_equivalence": _p("p that |dz| of that mean lies below the bound"),
        "difference": _cse("difference of mean CSE over the window"),
        "difference_low": _cse("lower end of the 95 % interval of this difference (Student)"),
        "difference_high": _cse("upper end of the 95 % interval of this difference (Student)"),
        "significant": Meaning("whether p <= .05", "", "True, False"),
        "cluster": Meaning("significant cluster of the analysis that overlaps the window, in words; no: none"),
    },
    "covariates.csv": {
        "covariate": Meaning("covariate, a column of texts.csv"),
        "condition": CONDITION,
        "n": Meaning("texts for which it is known", "texts", COUNT),
        **{
            name: Meaning(f"{words} over these texts", "that of the covariate", ANY)
            for name, words in {
                **{"mean": "mean", "sd": "standard deviation", "min": "smallest value", "q25": "first quartile"},
                **{"median": "median", "q75": "third quartile", "max": "largest value"},
            }.items()
        },
    },
    "balance.csv": {
        "contrast": CONTRAST,
        "covariate": Meaning("covariate, a column of texts.csv"),
        "n": Meaning("items for which it is known", "items", COUNT),
        "difference": Meaning("mean of the paired differences of the covariate", "that of the covariate", ANY),
        "low": Meaning("lower end of the 95 % interval of this mean (Student)", "that of the covariate", ANY),
        "high": Meaning("upper end of the 95 % interval of this mean (Student)", "that of the covariate", ANY),
        "smd": Meaning(
            "the same difference, standardised", "standard deviations of the covariate over items and conditions", ANY
        ),
        "overlap": _share("items on the rarer side of no difference: near 0, adjusting extrapolates"),
        "not_adjusted": Meaning("why it was not adjusted for; empty: it was"),
    },
    "nulls.csv": {
        "null": Meaning("what was drawn: a kind of trajectory without organisation in depth"),
        "draws": Meaning("draws", "", COUNT),
        "condition": CONDITION,
        "layer": LAYER,
        "mean": _cse("CSE expected under the null: mean over items and draws"),
        "low": _cse("lower end of the band that holds 95 % of the draws"),
        "high": _cse("upper end of that band"),
        "difference": _cse("difference of the first contrast expected under the null"),
        "difference_low": _cse("lower end of the band of the difference that holds 95 % of the draws"),
        "difference_high": _cse("upper end of that band"),
        "relative_depth": DEPTH,
        "valid_scales": VALID,
    },
    "null-effects.csv": {
        "null": Meaning("what was drawn"),
        "words": Meaning("the same in words"),
        "draws": Meaning("draws", "", COUNT),
        "anywhere": _share("share of the draws in which the first contrast is found at any layer"),
        "there": _share("share of the draws in which it is found in the window, in the observed direction"),
        "there_low": _share("lower end of the 95 % interval of this share (Clopper and Pearson)"),
        "there_high": _share("upper end of this interval"),
        "size": Meaning("mean size of the difference in the window", "shares of the observed difference", ANY),
        "size_low": Meaning("lower end of the range of 95 % of the draws", "shares of the observed difference", ANY),
        "size_high": Meaning("upper end of this range", "shares of the observed difference", ANY),
        "reached": _share("share of the draws that reach the observed difference"),
        **_effect("in the window of what is measured less what the null gives"),
        "p": _p("p of that mean, by sign flips"),
        "cluster": Meaning("significant cluster beyond the null that overlaps the window, in words; no: none"),
        "explains": Meaning(
            "how much of the effect the null explains", "", "nothing, part, enough, undecided; empty without effect"
        ),
    },
    "specifications.csv": {
        **{
            name: Meaning(f"choice: {words}")
            for name, words in {
                "wavelet": "wavelet",
                "periods": "shortest and longest period in layers, L being their number",
                "padding": "what stands beyond the first and last layer",
                "signal": "what of the updates is transformed",
                "norm": "norm of the wavelet, by which scales are weighed",
                "edges": "whether cells that an edge effect reaches are left out",
                "target token": "token that stands for a target of several",
            }.items()
        },
        **_own("at the peak of the strongest cluster"),
        "layer": Meaning("layer of that peak", "layers", LAYER.range),
        **CLUSTER,
    },
    "specifications-joint.csv": {
        "question": Meaning("what is asked of the whole curve: median dz, shares of the specifications"),
        "observed": Meaning("the answer", "dz for the median, else a share", ANY),
        "null_low": Meaning("lower end of what 95 % of the swapped labels give", "as observed", ANY),
        "null_median": Meaning("median of what swapped labels give", "as observed", ANY),
        "null_high": Meaning("upper end of what 95 % of the swapped labels give", "as observed", ANY),
        "p": _p("joint p: how often swapped labels give as much"),
    },
    "power.csv": {
        "share": Meaning("size of the effect, in multiples of the observed one", "", "0 or more"),
        "n": Meaning("items of a drawn study", "items", COUNT),
        "rate": _share("share of drawn studies that detect it"),
        "low": _share("lower end of the 95 % interval of this share"),
        "high": _share("upper end of this interval"),
        "dz": Meaning("effect at its peak", DZ, ANY),
        "smallest_dz": Meaning("smallest peak effect that n items detect in 80 % of the studies", DZ, "0 or more"),
    },
    "mixed.csv": {
        "model": MODEL,
        "first": Meaning("first layer of the window over which CSE is averaged", "layers", LAYER.range),
        "last": Meaning("last layer of the window", "layers", LAYER.range),
        "n": Meaning("texts", "texts", COUNT),
        "difference": _cse("difference of mean CSE over the window, left - right"),
        "error": Meaning("standard error of the difference", "CSE", "0 or more"),
        "low": _cse("lower end of the 95 % interval of the difference (Student, with df)"),
        "high": _cse("upper end of this interval"),
        "t": Meaning("difference / error", "", ANY),
        "df": Meaning("degrees of freedom: those of the random factor that leaves fewest", "", "whole, 1 or more"),
        "p": _p("p of the difference; not corrected for the choice of the window"),
        "converged": Meaning("whether the search for the variances ended: if not, read none of it", "", "True, False"),
        "singular": Meaning("random factors whose variance is estimated as 0; empty: none"),
        "cluster_test": Meaning(
            "whether the model says what the cluster test says", "", "agrees, undecided, disagrees, failed"
        ),
    },
    "mixed-variances.csv": {
        "model": MODEL,
        "factor": Meaning("random factor; frame:condition: each frame in each condition; residual: what is left"),
        "levels": Meaning("levels of the factor; of the residual: texts", "", "whole, 1 or more"),
        "sd": Meaning("standard deviation of its random intercepts", "CSE", "0 or more"),
        "at_zero": Meaning("whether the variance is estimated as 0", "", "True, False"),
    },
}
OWN_LINES = {
    "file": Meaning("table of the run folder"),
    "column": Meaning("its column"),
    "meaning": Meaning("what stands in it"),
    "unit": Meaning("its unit; empty: none, or words"),
    "range": Meaning("values that are possible"),
    "observed": Meaning("values that occur: smallest to largest, or how many different ones"),
    "missing": Meaning("empty cells", "cells", COUNT),
}
GIVEN = Meaning("a column of the stimuli", "as given", "as given")
UNTOLD = Meaning("")  # a test sees to it that there is none


def codebook(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per file and column: its meaning, unit and possible range, what occurs in it, and how many cells are empty.

    Columns that the stimuli brought, in ``texts.csv``, are named as such. Its own columns stand at its end.
    """
    return pd.DataFrame([*_rows(tables), *_self()], columns=list(OWN_LINES))


def _rows(tables: Mapping[str, pd.DataFrame]) -> Iterator[dict[str, object]]:
    for file, frame in tables.items():
        for column in map(str, frame.columns):
            said = TABLES[file].get(column, GIVEN if file == OPEN else UNTOLD)
            values = frame[column]
            yield {
                **{"file": file, "column": column, **vars(said)},
                **{"observed": _observed(values), "missing": int(_missing(values).sum())},
            }


def _self() -> Iterator[dict[str, object]]:
    for column, said in OWN_LINES.items():
        yield {"file": NAME, "column": column, **vars(said), "observed": "", "missing": ""}


def _missing(values: "pd.Series[Any]") -> "pd.Series[bool]":
    return values.isna() | (values.astype(object) == "")


def _observed(values: "pd.Series[Any]") -> str:
    there = values[~_missing(values)]
    if there.empty:
        return ""
    if pd.api.types.is_numeric_dtype(there) and not pd.api.types.is_bool_dtype(there):
        low, high = there.min(), there.max()
        return f"{low:.6g} to {high:.6g}"
    different = list(dict.fromkeys(map(str, there)))
    return (
        ", ".join(different)
        if len(different) <= 6 and sum(map(len, different)) <= 80
        else f"{len(different)} different"
    )
