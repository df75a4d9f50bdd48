"""The tables of ``run corpora``."""

from collections.abc import Mapping

from depthscope.report.codebook.meaning import Meaning, p_of, window_lines

TABLES: Mapping[str, Mapping[str, Meaning]] = {
    "sets.csv": {
        "group": Meaning(
            "kind of analysis: the first set's layers, with covariates held equal, each at its own layers"
        ),
        "label": Meaning("set of stimuli"),
        **window_lines("mean CSE over the layers of the group", "CSE"),
        "p": p_of("p of that mean, by sign flips or resamples; at a set's own peak the family-wise p of the cluster"),
        "found": Meaning("whether p <= .05", "", "True, False"),
        "said": Meaning("the same in words: p and equivalence; at a set's own peak the layers of the cluster"),
    }
}
