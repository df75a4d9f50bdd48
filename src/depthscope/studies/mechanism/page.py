"""The page of the mechanism of a contrast."""

from depthscope.report.columns import N, P
from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.contrast.items import explorer
from depthscope.studies.contrast.page import CLUSTERS, QUANTITIES_PART
from depthscope.studies.contrast.words import READING
from depthscope.studies.mechanism.words import READING as MECHANISM

OWN_DZ = Column("dz [95 % interval]", "{dz:+.2f} [{dz_low:+.2f}, {dz_high:+.2f}]")

PARTS = (
    Part(
        "short",
        "In short",
        {},
        (
            TableForm(
                "mechanism.csv",
                "All quantities at the layers of the cluster",
                (
                    Column("quantity", "{label}"),
                    N,
                    Column("value [95 % interval]", "{value:+.4g} [{low:+.4g}, {high:+.4g}]"),
                    OWN_DZ,
                    P,
                ),
            ),
        ),
    ),
    Part(
        "difference",
        "The difference, with clusters",
        {"difference-*": ("contrasts.csv",), "items-*": ("items.csv",)},
        (TableForm("clusters.csv", "All clusters, whatever their p", CLUSTERS, folded=True),),
        READING,
    ),
    QUANTITIES_PART,
    Part("scalograms", "Scalograms", {"scales": ("scales.csv",), "energy-map": ("energy-map.csv",)}),
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
    Part("items", "Item by item", make=explorer),
)

LAYOUT = Layout("from signature to mechanism", PARTS)
