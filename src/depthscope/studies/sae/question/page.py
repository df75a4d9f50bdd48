"""The page of our own question."""

from depthscope.report.part import Part
from depthscope.report.table import Column, TableForm
from depthscope.studies.sae.question.words import SELECTIVE_READING, WHERE_READING, WITHOUT_READING

SELECTIVITY = TableForm(
    "selectivity.csv",
    "Latents that fire more on one condition, by dictionary",
    (
        Column("layer", "{layer}"),
        Column("latents", "{latents}", narrow=False),
        Column("fire on targets", "{tested}"),
        Column("more on the first", "{selective_a}"),
        Column("more on the second", "{selective_b}"),
        Column("p of the count", "{count_p:p}"),
        Column("of random directions", "{random:.1f}"),
        Column("of the untrained model", "{untrained}"),
        Column("differ weakly", "{weak} (by chance {weak_null:.0f})", narrow=False),
        Column("energy they write", "{share_a:.1%}", narrow=False),
        Column("followed", "{followed}", narrow=False),
        Column("dz on other items [95 % interval]", "{dz:effect low high}"),
        Column("of random directions (p)", "{dz_random:+.2f} ({dz_random_p:p})"),
        Column("of the untrained model (dz)", "{untrained_dz:+.2f}", narrow=False),
    ),
)
LATENTS = TableForm(
    "selective.csv",
    "The latents that differ most",
    (
        Column("layer", "{layer}"),
        Column("latent", "{latent}"),
        Column("first condition", "{mean_a:.3g}"),
        Column("second", "{mean_b:.3g}"),
        Column("difference [95 % interval]", "{difference:+.3g} [{low:+.3g}, {high:+.3g}]"),
        Column("p, corrected", "{p:p}"),
        Column("fires on", "{rate_a:.0%}, {rate_b:.0%}"),
        Column("p of that", "{rate_p:p}"),
    ),
    folded=True,
)
DEPTH = TableForm(
    "depth.csv",
    "Where the followed latents lie in depth",
    (
        Column("dictionary at layer", "{at}"),
        Column("written most at [95 % interval]", "{update_peak} [{update_peak_low}, {update_peak_high}]"),
        Column("apart most at [95 % interval]", "{state_peak} [{state_peak_low}, {state_peak_high}]"),
        Column("layers of the cluster", "{first:to last}"),
        Column("dz inside less outside", "{excess:+.2f}"),
        Column("rank of windows", "{rank} of {windows}", narrow=False),
        Column("correlation with being inside", "{likeness:+.2f}"),
        Column("matched latents", "{matched_mean:+.2f} [{matched_low:+.2f}, {matched_high:+.2f}]"),
        Column("p", "{matched_p:p}"),
        Column("random directions", "{random_mean:+.2f} [{random_low:+.2f}, {random_high:+.2f}]"),
        Column("p ", "{random_p:p}"),
        Column("at the cluster", "{at_cluster}"),
    ),
)
EFFECTS = TableForm(
    "effects.csv",
    "CSE without the followed latents: changes on average over the layers asked about",
    (
        Column("dictionary at layer", "{at}"),
        Column("of", "{of}"),
        Column("layers", "{first:to last}", narrow=False),
        Column("intact", "{intact:+.5f}"),
        Column("change [95 % interval]", "{change:+.5f} [{low:+.5f}, {high:+.5f}]"),
        Column("p", "{p:p}"),
        Column("matched latents", "{matched_mean:+.5f} [{matched_low:+.5f}, {matched_high:+.5f}]"),
        Column("p ", "{matched_p:p}"),
        Column("along their directions", "{directions_mean:+.5f} [{directions_low:+.5f}, {directions_high:+.5f}]"),
        Column("p  ", "{directions_p:p}"),
        Column("at random", "{random_mean:+.5f} [{random_low:+.5f}, {random_high:+.5f}]"),
        Column("p   ", "{random_p:p}"),
        Column("norm taken out", "{size:.1%}", narrow=False),
    ),
)
PARTS = (
    Part(
        "selective",
        "Latents that fire more on one condition",
        {"selectivity": ("selectivity.csv",)},
        (SELECTIVITY, LATENTS),
        SELECTIVE_READING,
    ),
    Part("where", "Where they lie in depth", {"profile": ("profile.csv",)}, (DEPTH,), WHERE_READING),
    Part("without", "CSE without them", {"ablation": ("ablation.csv",)}, (EFFECTS,), WITHOUT_READING),
)
