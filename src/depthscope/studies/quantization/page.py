"""The page of a study of quantisation."""

from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.contrast.page import CLUSTERS
from depthscope.studies.contrast.words import READING
from depthscope.studies.quantization.words import COSTS, MEASURED

SCHEME = Column("scheme", "{scheme}")
COSTS_TABLE = TableForm(
    "schemes.csv",
    "Costs by scheme",
    (
        SCHEME,
        Column("weights", "{weights}", narrow=False),
        Column("bytes of weights", "{weight_bytes:size}"),
        Column("peak memory", "{peak_bytes:size}", narrow=False),
        Column("load", "{load_seconds:.1f} s", narrow=False),
        Column("reading, tokens/s", "{prefill:,.0f}", narrow=False),
        Column("writing, tokens/s", "{decode:,.1f}", narrow=False),
        Column("perplexity", "{perplexity:,.1f}"),
        Column("next token agrees", "{agreement:.1%}"),
        Column("not measured", "{failed}", narrow=False),
    ),
)
MEASURED_TABLE = TableForm(
    "schemes.csv",
    "Change by scheme",
    (
        SCHEME,
        Column("error of the states", "{state_error:.3f}"),
        Column("cosine", "{state_cosine:.4f}", narrow=False),
        Column("drift of CSE / spread", "{cse_drift:.2f}"),
        Column("dz", "{effect:effect effect_low effect_high}", narrow=False),
        Column("moved", "{moved:+.0%} [{moved_low:+.0%}, {moved_high:+.0%}]", narrow=False),
        Column("moved by at most (95 %)", "{share:.0%}"),
        Column("its cluster", "{cluster} ({p:p})"),
        Column("all clusters", "{clusters}"),
    ),
)

PARTS = (
    Part("recommended", "Which scheme can be recommended?"),
    Part("limits", "Limits"),
    Part("costs", "What it costs and saves", tables=(COSTS_TABLE,), reading=COSTS),
    Part(
        "schemes",
        "What it does to the measurement",
        {"schemes": ("layers.csv",)},
        (MEASURED_TABLE,),
        MEASURED,
    ),
    Part(
        "difference",
        "The difference, with clusters",
        tables=(TableForm("clusters.csv", "All clusters, whatever their p", CLUSTERS, folded=True),),
        reading=READING,
    ),
)

LAYOUT = Layout("what quantisation does", PARTS)
