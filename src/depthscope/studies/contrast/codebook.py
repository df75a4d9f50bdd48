"""The tables of ``run contrast`` and ``run metaphor``."""

from collections.abc import Mapping

from depthscope.report.codebook import OPEN
from depthscope.report.codebook.meaning import (
    ANY,
    CLUSTER,
    CONDITION,
    CONTRAST,
    COUNT,
    CSE,
    DEPTH,
    DZ,
    LAYER,
    VALID,
    Meaning,
    N,
    cluster_lines,
    contrast_lines,
    effect,
    of_cse,
    own_effect,
    p_of,
    share,
)

# a table in which the stimuli bring columns of their own
MODEL = Meaning("mixed model of the first contrast, by what it holds random")

QUANTITY = {
    "quantity": Meaning(
        "cse; relative: CSE relative to norms; slope of ln energy over ln period: total, what norms give, what directions give"
        "; autocorrelation: mean cosine of updates"
    )
}

MAIN: Mapping[str, Mapping[str, Meaning]] = {
    "layers.csv": {
        "condition": CONDITION,
        "layer": LAYER,
        "mean": of_cse("mean CSE over items"),
        "sd": of_cse("standard deviation of CSE over items"),
        "low": of_cse("lower end of the 95 % interval of the mean (Student)"),
        "high": of_cse("upper end of the 95 % interval of the mean (Student)"),
        "n": Meaning("items with a value in this condition", "items", COUNT),
        "relative_depth": DEPTH,
        "valid_scales": VALID,
    },
    "contrasts.csv": {**contrast_lines("CSE", "CSE"), "valid_scales": VALID},
    "clusters.csv": {
        **cluster_lines(),
        "p_holm": p_of("the same p, corrected for the contrasts of this table after Holm"),
        "p_other": p_of("p by a studentised bootstrap, or by flips if p is of a bootstrap; only of skewed differences"),
        "dz_half": Meaning(
            "dz at the peak that one half of the items chose, in the other half, mean over splits", DZ, ANY
        ),
        "window_dz": Meaning(
            "dz of the mean over the layers of the strongest cluster, which its own items chose", DZ, ANY
        ),
        "window_dz_half": Meaning("the same where one half of the items chose the layers, in the other half", DZ, ANY),
    },
    "items.csv": {
        "contrast": CONTRAST,
        "item": Meaning("item; several pairs of one item are averaged"),
        "layer": LAYER,
        "difference": of_cse("difference of this item, left - right: what is tested"),
    },
    "scalograms.csv": {
        "condition": CONDITION,
        "scale": Meaning("scale of the wavelet", "layers", "above 0"),
        "period": Meaning("Fourier period that the scale responds to most", "layers", "above 0"),
        "layer": LAYER,
        "valid": Meaning("whether no edge effect reaches this scale and layer", "", "True, False"),
        "share": share("share of the wavelet energy of this layer at this scale, mean over items"),
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
    "relative.csv": {
        **QUANTITY,
        "label": Meaning("the same in words"),
        "n": N,
        **CLUSTER,
        "peak_layer": Meaning("layer of the largest |t| in the cluster", "layers", LAYER.range),
        **effect("at the peak, the largest of many"),
        "window_first": Meaning("first layer of the strongest cluster of CSE", "layers", LAYER.range),
        "window_last": Meaning("last layer of it", "layers", LAYER.range),
        "window_dz": Meaning("effect size of the mean over these layers", DZ, ANY),
        "window_low": Meaning("lower end of the 95 % interval of this dz", DZ, ANY),
        "window_high": Meaning("upper end of it", DZ, ANY),
        "window_p": p_of("p of that mean, by sign flips or resamples"),
    },
    "relative-layers.csv": {
        **QUANTITY,
        **contrast_lines("of the quantity", "CSE; ln energy / ln period for slopes; 1 for the cosine"),
        "valid_scales": VALID,
    },
    "evidence.csv": {
        "group": Meaning("kind of analysis"),
        "label": Meaning("analysis"),
        "n": N,
        **own_effect("of mean CSE over the window, in units of what the covariates leave where they are adjusted for"),
        "p": p_of("p of that mean, by sign flips or resamples"),
        "p_equivalence": p_of("p that |dz| of that mean lies below the bound"),
        "difference": of_cse("difference of mean CSE over the window"),
        "difference_low": of_cse("lower end of the 95 % interval of this difference (Student)"),
        "difference_high": of_cse("upper end of the 95 % interval of this difference (Student)"),
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
        "overlap": share("items on the rarer side of no difference: near 0, adjusting extrapolates"),
        "not_adjusted": Meaning("why it was not adjusted for; empty: it was"),
    },
    "attenuation.csv": {
        "contrast": CONTRAST,
        "first": Meaning("first layer of the contrast's own strongest cluster", "layers", LAYER.range),
        "last": Meaning("last layer of it", "layers", LAYER.range),
        "held": Meaning("how covariates are held equal", "", "adjusted, matched"),
        "covariates": Meaning("covariate that is held equal; all: all that can be; word: those of the word itself"),
        "reliability": Meaning(
            "assumed share of the variance of the differences of covariates that is not error; empty: 1, all of it"
        ),
        "n": N,
        "share": Meaning("share of the mean difference over the layers of the cluster that is left", "", ANY),
        "share_low": Meaning("lower end of its 95 % interval (bootstrap over items)", "", ANY),
        "share_high": Meaning("upper end of it", "", ANY),
        "difference": of_cse("what is left of the difference; empty where items are matched"),
        "difference_low": of_cse("lower end of its 95 % interval (bootstrap over items)"),
        "difference_high": of_cse("upper end of it"),
        "left": Meaning("what that means", "", "Yes, At least in part, In part, At most in part, Undecided, No"),
    },
    "nulls.csv": {
        "null": Meaning("what was drawn: a kind of trajectory without organisation in depth"),
        "draws": Meaning("draws", "", COUNT),
        "condition": CONDITION,
        "layer": LAYER,
        "mean": of_cse("CSE expected under the null: mean over items and draws"),
        "low": of_cse("lower end of the band that holds 95 % of the draws"),
        "high": of_cse("upper end of that band"),
        "difference": of_cse("difference of the first contrast expected under the null"),
        "difference_low": of_cse("lower end of the band of the difference that holds 95 % of the draws"),
        "difference_high": of_cse("upper end of that band"),
        "relative_depth": DEPTH,
        "valid_scales": VALID,
    },
    "null-effects.csv": {
        "null": Meaning("what was drawn"),
        "words": Meaning("the same in words"),
        "draws": Meaning("draws", "", COUNT),
        "anywhere": share("share of the draws in which the first contrast is found at any layer"),
        "there": share("share of the draws in which it is found in the window, in the observed direction"),
        "there_low": share("lower end of the 95 % interval of this share (Clopper and Pearson)"),
        "there_high": share("upper end of this interval"),
        "share": Meaning("share of the observed difference that the null gives on average", "", ANY),
        "share_low": Meaning("lower end of its 95 % interval (bootstrap over items and draws)", "", ANY),
        "share_high": Meaning("upper end of it", "", ANY),
        "size": Meaning("mean size of the difference in the window", "shares of the observed difference", ANY),
        "size_low": Meaning("lower end of the range of 95 % of the draws", "shares of the observed difference", ANY),
        "size_high": Meaning("upper end of this range", "shares of the observed difference", ANY),
        "reached": share("share of the draws that reach the observed difference"),
        **effect("in the window of what is measured less what the null gives"),
        "p": p_of("p of that mean, by sign flips or resamples"),
        "cluster": Meaning("significant cluster beyond the null that overlaps the window, in words; no: none"),
        "explains": Meaning(
            "how much of the effect the null explains",
            "",
            "too little, a part, enough, undecided; empty without effect",
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
        **own_effect("at the peak of the strongest cluster"),
        "layer": Meaning("layer of that peak", "layers", LAYER.range),
        **CLUSTER,
        "window_dz": Meaning("effect size of the mean over the layers of the contrast's strongest cluster", DZ, ANY),
    },
    "specifications-joint.csv": {
        "question": Meaning("what is asked of the whole curve: median dz, shares of the specifications"),
        "observed": Meaning("the answer", "dz for the median, else a share", ANY),
        "null_low": Meaning("lower end of what 95 % of the swapped labels give", "as observed", ANY),
        "null_median": Meaning("median of what swapped labels give", "as observed", ANY),
        "null_high": Meaning("upper end of what 95 % of the swapped labels give", "as observed", ANY),
        "p": p_of("joint p: how often swapped labels give as much"),
    },
    "power.csv": {
        "share": Meaning("size of the effect, in multiples of the observed one", "", "0 or more"),
        "n": Meaning("items of a drawn study", "items", COUNT),
        "rate": share("share of drawn studies that detect it"),
        "low": share("lower end of the 95 % interval of this share"),
        "high": share("upper end of this interval"),
        "dz": Meaning("effect at its peak", DZ, ANY),
        **{
            f"shrunken_{name}": share(
                f"{words} of studies that detect the effect less what its choice adds; one value for each n"
            )
            for name, words in {
                **{"rate": "share", "low": "lower end of the 95 % interval of the share"},
                **{"high": "upper end of the 95 % interval of the share"},
            }.items()
        },
        "smallest_dz": Meaning("smallest peak effect that n items detect in 80 % of the studies", DZ, "0 or more"),
    },
    "mixed.csv": {
        "model": MODEL,
        "first": Meaning("first layer of the window over which CSE is averaged", "layers", LAYER.range),
        "last": Meaning("last layer of the window", "layers", LAYER.range),
        "n": Meaning("texts", "texts", COUNT),
        "difference": of_cse("difference of mean CSE over the window, left - right"),
        "error": Meaning("standard error of the difference", "CSE", "0 or more"),
        "low": of_cse("lower end of the 95 % interval of the difference (Student, with df)"),
        "high": of_cse("upper end of this interval"),
        "t": Meaning("difference / error", "", ANY),
        "df": Meaning("degrees of freedom: those of the random factor that leaves fewest", "", "whole, 1 or more"),
        "p": p_of("p of the difference; not corrected for the choice of the window"),
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

# of what depends on no weight of the scales, over the settings in which these cancel
SETTINGS = {name: said for name, said in MAIN["specifications.csv"].items() if name != "norm"}
TABLES: Mapping[str, Mapping[str, Meaning]] = {
    **MAIN,
    "specifications-relative.csv": {**SETTINGS, **QUANTITY},
    "specifications-relative-joint.csv": {**MAIN["specifications-joint.csv"], **QUANTITY},
}
