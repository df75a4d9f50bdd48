"""The page of the mechanism of a contrast."""

from depthscope.report.columns import DZ, N, P
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.contrast.items import explorer
from depthscope.studies.contrast.page import CLUSTERS, QUANTITIES_PART
from depthscope.studies.contrast.words import READING
from depthscope.studies.mechanism.words import EXCHANGE, SPLIT

MECHANISM = TableForm(
    "mechanism.csv",
    "All quantities at the layers of the cluster",
    (
        Column("quantity", "{label}"),
        N,
        Column("value [95 % interval]", "{value:+.4g} [{low:+.4g}, {high:+.4g}]"),
        Column("dz [95 % interval]", "{dz:effect dz_low dz_high}"),
        P,
    ),
)
HEADS = TableForm(
    "heads.csv",
    "Contributions of all heads, the largest first",
    (
        Column("layer", "{layer}"),
        Column("head", "{head}"),
        N,
        Column("contribution [95 % interval]", "{difference:+.4g} [{low:+.4g}, {high:+.4g}]"),
        Column("dz [95 % interval]", "{dz:effect dz_low dz_high}"),
        Column("p (Holm)", "{p_holm:p}"),
        Column("difference without it", "{without:+.4g}"),
    ),
    folded=True,
)
MEASURES = TableForm(
    "measures.csv",
    "The same contrast by measure",
    (
        Column("measure", "{label}"),
        Column("name", "{measure}"),
        Column("layers", "{first:to last}"),
        N,
        DZ,
        P,
        Column("own strongest cluster", "{cluster_first:to cluster_last} ({cluster_p:p})"),
        Column("dz at equal others [95 % interval]", "{given_dz:effect given_low given_high}"),
        Column("p there", "{given_p:p}"),
    ),
)
CORRELATIONS = TableForm(
    "correlations.csv",
    "Rank correlations of the measures, mean over the same layers",
    (
        Column("measure", "{a}"),
        Column("with", "{b}"),
        Column("over", "{over}"),
        Column("rho [95 % interval]", "{rho:effect low high}"),
        N,
    ),
    folded=True,
)
CLASSIFIER = TableForm(
    "classifier.csv",
    "Sets of measures that separate the conditions, and what one set gains beyond another",
    (
        Column("sees", "{feed}"),
        Column("set", "{set}"),
        Column("gain beyond", "{beyond}"),
        Column("features", "{features}"),
        Column("AUC, or gain in it [95 % interval]", "{auc:.3f} [{auc_low:.3f}, {auc_high:.3f}]"),
        Column("accuracy", "{accuracy:.2f}"),
        Column("bits, or bits saved", "{bits:.3f}"),
        P,
    ),
    folded=True,
)

PARTS = (
    Part("short", "In short", tables=(MECHANISM,)),
    Part(
        "difference",
        "The difference, with clusters",
        tables=(TableForm("clusters.csv", "All clusters, whatever their p", CLUSTERS, folded=True),),
        reading=READING,
    ),
    QUANTITIES_PART,
    Part("scalograms", "Scalograms", {"scales": ("scales.csv",), "energy-map": ("energy-map.csv",)}),
    Part("parts", "Attention and MLP", {"parts": ("parts.csv",)}, reading=SPLIT),
    Part("heads", "Heads of attention", {"heads": ("heads.csv",)}, (HEADS,)),
    Part(
        "measures",
        "Beside simpler measures",
        {"baselines": ("measures.csv", "correlations.csv", "classifier.csv")},
        (MEASURES, CORRELATIONS, CLASSIFIER),
    ),
    Part("causal", "Causal tests: exchange of states", {"patching": ("patching.csv",)}, reading=EXCHANGE),
    Part("items", "Item by item", make=explorer),
)

LAYOUT = Layout("from signature to mechanism", PARTS)
