"""The pages of all that ``depthscope sae`` writes: parts of which a folder holds nothing are left out."""

from depthscope.report.part import Layout, Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.sae.question.page import PARTS as QUESTION
from depthscope.studies.sae.words import FEATURES_READING, LAW_READING, NORMS_READING, READING, SCORES_READING

DICTIONARIES = TableForm(
    "dictionaries.csv",
    "The dictionaries, and where their training arrived",
    (
        Column("dictionary", "{dictionary}"),
        Column("latents", "{latents}"),
        Column("activation", "{activation}"),
        Column("k", "{k}"),
        Column("tokens", "{tokens:,}"),
        Column("explained variance", "{explained:.3f}"),
        Column("L0", "{l0:.3g}"),
        Column("dead", "{dead:.1%}"),
        Column("rate", "{rate:.3g}", narrow=False),
        Column("loss fell in the last third", "{falling:.1%}", narrow=False),
    ),
)
NORMS = TableForm(
    "norms.csv",
    "Norms of the states, and of those that are left out",
    (
        Column("site", "{site}"),
        Column("median", "{median:.3g}"),
        Column("largest", "{largest:.3g}"),
        Column("first and special tokens", "{left_out:.3g}"),
        Column("their share of the tokens", "{tokens:.1%}"),
        Column("of the loss", "{share:.1%}"),
    ),
)
SCORES = TableForm(
    "overview.csv",
    "The dictionaries on text that they have not seen, each number with its 95 % interval",
    (
        Column("dictionary", "{dictionary}"),
        Column(
            "explained variance",
            "{explained_variance:.3f} [{explained_variance_low:.3f}, {explained_variance_high:.3f}]",
        ),
        Column("by random directions", "{explained_variance_control:.3f}"),
        Column(
            "loss recovered",
            "{loss_recovered_mean:.3f} [{loss_recovered_mean_low:.3f}, {loss_recovered_mean_high:.3f}]",
        ),
        Column("nats lost a token", "{ce_increase:.3f}"),
        Column("L0", "{l0:.3g}"),
        Column("dead", "{dead:.1%}"),
        Column("dense", "{dense:.2%}"),
        Column("comes back", "{comes_back:.1%}"),
        Column("by its null", "{comes_back_control:.1%}"),
        Column("relative bias", "{relative_bias:.3f}", narrow=False),
    ),
)
EVERY = TableForm(
    "scores.csv",
    "Every number, beside its control",
    (
        Column("dictionary", "{dictionary}"),
        Column("score", "{score}"),
        Column("value", "{value:.4g} [{low:.4g}, {high:.4g}]"),
        Column("better", "{better}"),
        Column("control", "{control}"),
        Column("there", "{control_value:.4g}"),
        Column("unit", "{unit}", narrow=False),
    ),
    folded=True,
)
PROBES = TableForm(
    "probes.csv",
    "Probes: the best single latent for each task",
    (
        Column("dictionary", "{dictionary}"),
        Column("task", "{task}"),
        Column("latent", "{latent}"),
        Column("loss", "{loss:.3f}"),
        Column("majority", "{majority:.3f}"),
        Column("all of the state", "{full:.3f}"),
    ),
    folded=True,
)
LAW = TableForm(
    "law.csv",
    "Parameters of the scaling law, with 95 % intervals",
    (
        Column("parameter", "{parameter}"),
        Column("estimate", "{estimate:+.4g}"),
        Column("interval", "{low:+.4g} to {high:+.4g}"),
        Column("identified", "{identified}"),
    ),
)
SWEPT = TableForm(
    "sweep.csv",
    "What is left over, and what the law says",
    (
        Column("latents", "{latents}"),
        Column("k", "{k}"),
        Column("normalised MSE", "{loss:.4f}"),
        Column("of the law", "{fitted:.4f}"),
    ),
)
PARTS: tuple[Part, ...] = (
    Part("law", "Scaling law", {"law": ("sweep.csv", "law.csv")}, (LAW, SWEPT), LAW_READING),
    Part("training", "Training", {"training": ("training.csv",)}, (DICTIONARIES,), READING),
    Part("norms", "What is left out", {}, (NORMS,), NORMS_READING),
    Part("scores", "On text that was held out", {"scores-*": ("scores.csv",)}, (SCORES, EVERY, PROBES), SCORES_READING),
    Part("features", "Features", {}, (), FEATURES_READING),
    *QUESTION,
)
LAYOUT = Layout("sparse autoencoders", PARTS)
