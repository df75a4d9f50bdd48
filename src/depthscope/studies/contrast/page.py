"""The page of a contrast of conditions."""

from dataclasses import replace

from depthscope.report.columns import DZ, N, P
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.contrast.items import explorer
from depthscope.studies.contrast.words import MIXED, QUANTITIES, READING

ANALYSIS = (Column("", "{group}"), Column("analysis", "{label}"), N, DZ, P)
EVIDENCE_FORM = TableForm(
    "evidence.csv",
    "Every analysis at the same layers",
    (*ANALYSIS, Column("cluster there", "{cluster}")),
    grouped=True,
)
CLUSTERS = (
    Column("contrast", "{contrast}", narrow=False),
    Column("layers", "{first:to last}"),
    Column("mass", "{mass:.1f}"),
    Column("p", "{p:.4f} [{p_low:.4f}, {p_high:.4f}]"),
    Column("p (Holm)", "{p_holm:.4f}", narrow=False),
    Column("p, skewness allowed for", "{p_other:.4f}", narrow=False),
    Column("dz at the peak", "{dz:effect dz_low dz_high}"),
    Column("dz at the peak, other half", "{dz_half:+.2f}"),
    Column("dz over its layers", "{window_dz:+.2f}", narrow=False),
    Column("dz over its layers, other half", "{window_dz_half:+.2f}", narrow=False),
    Column("peak layer", "{peak_layer}"),
    Column("scheme", "{scheme}"),
)
CLUSTERS_FORM = TableForm("clusters.csv", "All clusters, whatever their p", CLUSTERS, folded=True)

QUANTITIES_PART = Part(
    "beside",
    "Does it depend on the weights of the scales?",
    {"relative": ("relative-layers.csv",)},
    (
        TableForm(
            "relative.csv",
            "The same contrast of six quantities",
            (
                Column("quantity", "{label}"),
                N,
                Column("strongest cluster", "{first:to last}"),
                P,
                Column("dz at its peak", "{dz:effect dz_low dz_high}"),
                Column(
                    "dz over the layers of CSE's cluster",
                    "{window_dz:effect window_low window_high}",
                ),
            ),
        ),
    ),
    QUANTITIES,
)

PARTS = (
    Part("depth", "CSE by depth and condition", {"cse-by-condition": ("layers.csv",)}),
    Part(
        "difference",
        "The difference, with clusters",
        {"difference-*": ("contrasts.csv",), "items-*": ("items.csv",)},
        (CLUSTERS_FORM,),
        READING,
    ),
    QUANTITIES_PART,
    Part(
        "controls",
        "Is it specific? The evidence at the same layers",
        {"evidence": ("evidence.csv",)},
        (
            replace(
                EVIDENCE_FORM,
                caption="The contrast and its controls at the same layers",
                groups=("the contrast", "controls"),
            ),
        ),
    ),
    Part("specifications", "Does it depend on a choice?", {"specifications": ("specifications.csv",)}),
    Part("scalograms", "Scalograms", {"scalograms-*": ("scalograms.csv",)}),
    Part(
        "nulls",
        "Would it be there without organisation in depth?",
        {"nulls": ("nulls.csv",)},
        (
            TableForm(
                "null-effects.csv",
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
                    Column("dz beyond it [95 % interval]", "{dz:effect dz_low dz_high}"),
                    P,
                    Column("cluster beyond it", "{cluster}"),
                    Column("explains", "{explains}"),
                ),
            ),
            replace(
                EVIDENCE_FORM,
                caption="The same contrast in networks with random weights",
                groups=("*, untrained network",),
            ),
        ),
    ),
    Part(
        "confounds",
        "All else equal?",
        {"reliability": ("attenuation.csv",), "covariates": ("covariates.csv",)},
        (
            TableForm(
                "attenuation.csv",
                "How much of each effect is left",
                (
                    Column("contrast", "{contrast}"),
                    Column("layers", "{first:to last}"),
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
                groups=("*, all else equal",),
            ),
            replace(
                EVIDENCE_FORM,
                caption="The same contrasts with covariates held equal",
                groups=("*, all else equal",),
            ),
            TableForm(
                "balance.csv",
                "How far the conditions differ in each covariate",
                (
                    Column("contrast", "{contrast}"),
                    Column("covariate", "{covariate}"),
                    Column("mean difference [95 % interval]", "{difference:+.3g} [{low:+.3g}, {high:+.3g}]"),
                    Column("standardised", "{smd:+.2f}"),
                    Column("not adjusted for", "{not_adjusted}"),
                ),
                groups=("*, all else equal",),
                folded=True,
            ),
        ),
    ),
    Part("power", "How many items does it take?", {"power": ("power.csv",)}),
    Part(
        "mixed",
        "Is it there with what texts share held random?",
        {},
        (
            TableForm(
                "mixed.csv",
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
                folded=True,
            ),
            TableForm(
                "mixed-variances.csv",
                "What each factor adds",
                (
                    Column("held random", "{model}"),
                    Column("factor", "{factor}"),
                    Column("levels", "{levels}"),
                    Column("standard deviation", "{sd:.3g}"),
                ),
                folded=True,
            ),
        ),
        MIXED,
    ),
    Part("items", "Item by item", make=explorer),
)

LAYOUT = Layout("a contrast of conditions", PARTS)
