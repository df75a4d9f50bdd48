"""Which files of a run folder make which part of its page, in reading order: one list for every study.

A part of which the folder holds nothing is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from depthscope.instrument.measures import LAYERED
from depthscope.report.compare import INFERENCES
from depthscope.report.mechanism_words import READING as MECHANISM
from depthscope.report.page.tables import Column
from depthscope.report.recurrence import CAUTION
from depthscope.report.scan import ABOUT_KINDS
from depthscope.report.summary import BESIDE, MIXED, READING


@dataclass(frozen=True)
class Part:
    """One part of a page.

    Attributes
    ----------
    key, title : str
        ``key`` is also that of the words in ``run.json``.
    figures : mapping
        Pattern of the stem of drawings in ``figures/``: the tables behind them.
    tables : mapping
        File: caption and columns of a table that is shown.
    reading : str
        How to read it.
    groups : tuple of str
        Patterns of what is shown of tables whose rows have a ``group``.
    folded : tuple of str
        Tables that open when they are asked for.
    """

    key: str
    title: str
    figures: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tables: Mapping[str, tuple[str, tuple[Column, ...]]] = field(default_factory=dict)
    reading: str = ""
    groups: tuple[str, ...] = ("*",)
    folded: tuple[str, ...] = ()


DZ = Column("dz [95 % interval]", "{dz:+.2f} [{low:+.2f}, {high:+.2f}]")
OWN_DZ = Column("dz [95 % interval]", "{dz:+.2f} [{dz_low:+.2f}, {dz_high:+.2f}]")
P, N = Column("p", "{p:p}"), Column("n", "{n}")
ANALYSIS = (Column("", "{group}"), Column("analysis", "{label}"), N, DZ, P)
WINDOWED = (*ANALYSIS, Column("cluster there", "{cluster}"))
CLUSTERS = (
    Column("contrast", "{contrast}"),
    Column("layers", "{first} to {last}"),
    Column("mass", "{mass:.1f}"),
    Column("p", "{p:.4f} [{p_low:.4f}, {p_high:.4f}]"),
    Column("p (Holm)", "{p_holm:.4f}"),
    Column("p, skewness allowed for", "{p_other:.4f}"),
    Column("dz at the peak", "{dz:+.2f} [{dz_low:+.2f}, {dz_high:+.2f}]"),
    Column("the same in the other half", "{dz_half:+.2f}"),
    Column("dz over its layers", "{window_dz:+.2f}"),
    Column("the same in the other half of items", "{window_dz_half:+.2f}"),
    Column("peak layer", "{peak_layer}"),
    Column("scheme", "{scheme}"),
)

# what a scan says of an entry of the vocabulary, measure by measure
TOKEN = tuple(Column(name, f"{{{name}_mean:.4g}} ± {{{name}_sd:.2g}}") for name in (*LAYERED, "surprisal"))

PARTS = (
    Part(
        "short",
        "In short",
        {},
        {
            "mechanism.csv": (
                "All quantities at the layers of the cluster",
                (
                    Column("quantity", "{label}"),
                    N,
                    Column("value [95 % interval]", "{value:+.4g} [{low:+.4g}, {high:+.4g}]"),
                    OWN_DZ,
                    P,
                ),
            )
        },
    ),
    Part("depth", "CSE by depth and condition", {"cse-by-condition": ("layers.csv",)}),
    Part(
        "difference",
        "The difference, with clusters",
        {"difference-*": ("contrasts.csv",), "items-*": ("items.csv",)},
        {"clusters.csv": ("All clusters, whatever their p", CLUSTERS)},
        READING,
        folded=("clusters.csv",),
    ),
    Part(
        "beside",
        "Does it hang on the weights of the scales?",
        {"relative": ("relative-layers.csv",)},
        {
            "relative.csv": (
                "The same contrast of six quantities",
                (
                    Column("quantity", "{label}"),
                    N,
                    Column("strongest cluster", "{first} to {last}"),
                    P,
                    Column("dz at its peak", "{dz:+.2f} [{dz_low:+.2f}, {dz_high:+.2f}]"),
                    Column(
                        "dz over the layers of CSE's cluster",
                        "{window_dz:+.2f} [{window_low:+.2f}, {window_high:+.2f}]",
                    ),
                ),
            ),
            "relative-models.csv": (
                "What hangs on no weight, model by model",
                (
                    Column("model", "{model}"),
                    Column("quantity", "{label}"),
                    Column("layers", "{first} to {last}"),
                    N,
                    DZ,
                    P,
                ),
            ),
        },
        BESIDE,
    ),
    Part(
        "controls",
        "Is it specific? The evidence at the same layers",
        {"evidence": ("evidence.csv",)},
        {"evidence.csv": ("The contrast and its controls at the same layers", WINDOWED)},
        groups=("the contrast", "controls"),
    ),
    Part("specifications", "Does it depend on a choice?", {"specifications": ("specifications.csv",)}),
    Part(
        "scalograms",
        "Scalograms",
        {"scalograms-*": ("scalograms.csv",), "scales": ("scales.csv",), "energy-map": ("energy-map.csv",)},
    ),
    Part(
        "nulls",
        "Would it be there without organisation in depth?",
        {"nulls": ("nulls.csv",)},
        {
            "null-effects.csv": (
                "What each null shows, and what lies beyond it",
                (
                    Column("null", "{null}"),
                    Column("draws", "{draws}"),
                    Column(
                        "draws that show the effect [95 % interval]", "{there:.0%} [{there_low:.0%}, {there_high:.0%}]"
                    ),
                    Column(
                        "share of the size observed [95 % interval]", "{share:.0%} [{share_low:.0%}, {share_high:.0%}]"
                    ),
                    Column("95 % of draws", "{size_low:.0%} to {size_high:.0%}"),
                    Column("draws that reach it", "{reached:.0%}"),
                    Column("dz beyond it [95 % interval]", "{dz:+.2f} [{dz_low:+.2f}, {dz_high:+.2f}]"),
                    P,
                    Column("cluster beyond it", "{cluster}"),
                    Column("explains", "{explains}"),
                ),
            )
        },
    ),
    Part(
        "confounds",
        "All else equal?",
        {"reliability": ("attenuation.csv",), "covariates": ("covariates.csv",)},
        {
            "attenuation.csv": (
                "How much of each effect is left",
                (
                    Column("contrast", "{contrast}"),
                    Column("layers", "{first} to {last}"),
                    Column("held equal", "{held} ({covariates})"),
                    Column("reliability", "{reliability}"),
                    N,
                    Column("left [95 % interval]", "{share:.0%} [{share_low:.0%}, {share_high:.0%}]"),
                    Column(
                        "difference left [95 % interval]",
                        "{difference:+.4g} [{difference_low:+.4g}, {difference_high:+.4g}]",
                    ),
                    Column("left?", "{left}"),
                ),
            ),
            "evidence.csv": ("The same contrasts with covariates held equal", WINDOWED),
            "balance.csv": (
                "How far the conditions differ in each covariate",
                (
                    Column("contrast", "{contrast}"),
                    Column("covariate", "{covariate}"),
                    Column("mean difference [95 % interval]", "{difference:+.3g} [{low:+.3g}, {high:+.3g}]"),
                    Column("standardised", "{smd:+.2f}"),
                    Column("not adjusted for", "{not_adjusted}"),
                ),
            ),
        },
        groups=("*, all else equal",),
        folded=("balance.csv",),
    ),
    Part("parts", "Attention and MLP", {"parts": ("parts.csv",)}),
    Part("heads", "Heads of attention", {"heads": ("heads.csv",)}),
    Part(
        "measures",
        "Beside simpler measures",
        {"baselines": ("measures.csv", "correlations.csv", "classifier.csv")},
    ),
    Part(
        "causal",
        "Causal tests: exchange of states",
        {"patching": ("patching.csv",)},
        reading=MECHANISM,
    ),
    Part("power", "How many items does it take?", {"power": ("power.csv",)}),
    Part(
        "mixed",
        "Is it there with what texts share held random?",
        {},
        {
            "mixed.csv": (
                "Mixed models of mean CSE over the layers of the strongest cluster",
                (
                    Column("held random", "{model}"),
                    Column("texts", "{n}"),
                    Column("difference [95 % interval]", "{difference:+.4g} [{low:+.4g}, {high:+.4g}]"),
                    Column("t", "{t:.2f}"),
                    Column("df", "{df}"),
                    P,
                    Column("variance of 0", "{singular}"),
                    Column("the cluster test", "{cluster_test}"),
                ),
            ),
            "mixed-variances.csv": (
                "What each factor adds",
                (
                    Column("held random", "{model}"),
                    Column("factor", "{factor}"),
                    Column("levels", "{levels}"),
                    Column("standard deviation", "{sd:.3g}"),
                ),
            ),
        },
        MIXED,
        folded=("mixed.csv", "mixed-variances.csv"),
    ),
    Part(
        "models",
        "Model by model",
        {"depths": ("depths.csv",), "forest": ("models.csv", "sets.csv")},
        {
            "models.csv": (
                "Models",
                (
                    Column("model", "{label}"),
                    Column("class", "{class}"),
                    Column("layers", "{layers}"),
                    N,
                    Column("strongest cluster, chosen by the same data", "{strongest_first} to {strongest_last}"),
                    Column("dz at its peak", "{strongest_dz:+.2f} [{strongest_low:+.2f}, {strongest_high:+.2f}]"),
                    Column("dz at the fixed depth", "{fixed_dz:+.2f} [{fixed_low:+.2f}, {fixed_high:+.2f}]"),
                    DZ,
                    Column("p there", "{fixed_p:p}"),
                    P,
                    Column("not measured", "{reason}"),
                ),
            ),
            "sets.csv": ("Sets", (*ANALYSIS, Column("", "{said}"))),
        },
        CAUTION,
    ),
    Part(
        "compare",
        "Along relative depth, and pooled",
        {"compare": ("depths.csv", "meta.csv")},
        {
            "meta.csv": (
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
            )
        },
        INFERENCES,
    ),
    Part(
        "schemes",
        "Scheme by scheme",
        {"schemes": ("layers.csv",)},
        {
            "schemes.csv": (
                "Schemes",
                (
                    Column("scheme", "{scheme}"),
                    Column("bytes of weights", "{weight_bytes:,.0f}"),
                    Column("perplexity", "{perplexity:,.1f}"),
                    Column("next token agrees", "{agreement:.1%}"),
                    Column("error of states", "{state_error:.3f}"),
                    Column("CSE drift / spread", "{cse_drift:.2f}"),
                    Column("dz", "{effect:+.2f} [{effect_low:+.2f}, {effect_high:+.2f}]"),
                    Column("effect moved", "{moved:+.0%} [{moved_low:+.0%}, {moved_high:+.0%}]"),
                    Column("its cluster", "{cluster}"),
                    Column("not measured", "{failed}"),
                ),
            )
        },
    ),
    Part(
        "tokens",
        "All tokens, layer by layer",
        {"tokens-*": ("layers.csv",)},
        reading="The line is the mean, the darker band holds the middle half of the tokens at each layer, the lighter one nine "
        "tenths. They say how tokens differ, not how sure the mean is.",
    ),
    Part("kinds", "By kind of token", {"kinds-*": ("layers.csv",)}, reading=ABOUT_KINDS),
    Part(
        "types",
        "Token by token",
        {},
        {
            "types.csv": (
                "Entries of the vocabulary, the most frequent first",
                (Column("token", "{token}"), Column("kind", "{kind}"), Column("count", "{count:,.0f}"), *TOKEN),
            )
        },
    ),
)
