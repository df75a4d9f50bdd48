"""The page of a study of quantisation."""

from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.contrast.page import CLUSTERS
from depthscope.studies.contrast.words import READING

PARTS = (
    Part(
        "difference",
        "The difference, with clusters",
        {"difference-*": ("contrasts.csv",), "items-*": ("items.csv",)},
        (TableForm("clusters.csv", "All clusters, whatever their p", CLUSTERS, folded=True),),
        READING,
    ),
    Part(
        "schemes",
        "Scheme by scheme",
        {"schemes": ("layers.csv",)},
        (
            TableForm(
                "schemes.csv",
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
            ),
        ),
    ),
)

LAYOUT = Layout("what quantisation does", PARTS)
