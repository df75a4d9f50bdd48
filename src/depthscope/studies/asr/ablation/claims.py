"""What is claimed of LEAF-X, each claim as a difference of two methods on the same words, and whether it holds."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

import pandas as pd

from depthscope.studies.asr.ablation.measuring import BASELINES, CEILING, CHANCE, METRICS, RANDOM
from depthscope.studies.asr.methods import METHODS
from depthscope.studies.asr.metrics.table import mean_of, normalised

Decision = Literal["holds", "does not hold", "not settled", "not measured"]
HOLDS: Decision = "holds"
FAILS: Decision = "does not hold"
OPEN: Decision = "not settled"
UNKNOWN: Decision = "not measured"
LEAFX = "leaf-x"
# words below which an interval is no interval
FEWEST = 6
# the two that are told: where the mass is, and whether the word needs what is there; the others stand in the table
MAIN = ("tloc", "d_aopc_silence")
# sharper, and whether more faithful too
SHARP, FAITHFUL = "sharpness", "d_aopc_silence"


@dataclass(frozen=True)
class Claim:
    """That the ``first`` method is better than the ``second``; ``says``: in words, to be followed by the metric."""

    key: str
    says: str
    first: str
    second: str


CLAIMS = (
    Claim("entropy", "entropy weights help LEAF-X", LEAFX, "leaf-x-without-entropy"),
    Claim("gradient", "the gradient helps LEAF-X", LEAFX, "leaf-x-without-gradient"),
    Claim("rollout", "rollout helps LEAF-X", LEAFX, "leaf-x-without-rollout"),
    Claim("causal", "causal weights help LEAF-X", LEAFX, "leaf-x-without-causal"),
    Claim("raw", "LEAF-X is better than the plain mean of all attention", LEAFX, "raw"),
    Claim("chance", "LEAF-X is better than a place drawn at random", LEAFX, CHANCE),
    Claim("occlusion", "LEAF-X is better than occlusion", LEAFX, "occlusion"),
    Claim("lime", "LEAF-X is better than LIME", LEAFX, "lime"),
    Claim("shap", "LEAF-X is better than KernelSHAP", LEAFX, "kernel-shap"),
    Claim("gradients", "LEAF-X is better than integrated gradients", LEAFX, "integrated-gradients"),
    Claim("heads", "calibrated heads are better than LEAF-X", "calibrated", LEAFX),
    Claim("layer", "the plain mean of the last layer is better than LEAF-X", "last-layer", LEAFX),
    Claim("plain", "plain rollout is better than LEAF-X", "rollout", LEAFX),
    Claim("late", "the plain mean of the last layer is better than calibrated heads", "last-layer", "calibrated"),
    Claim("published", "the published alignment heads are better than LEAF-X", "alignment-heads", LEAFX),
)


@dataclass(frozen=True)
class Tested:
    """One claim in one model by one metric.

    Attributes
    ----------
    difference, low, high : float
        First minus second, mean over words and its 95 % interval; the other way about where the smaller is the better, so that
        above 0 the first is better. NaN if it was not measured.
    words, clips : int
        Those that both methods were measured on.
    over : str
        What was resampled: ``clips`` or ``words``.
    """

    claim: Claim
    model: str
    metric: str
    difference: float
    low: float
    high: float
    words: int
    clips: int
    over: str

    @property
    def decision(self) -> Decision:
        """Holds if the whole interval is above 0, does not hold if it is below; not settled otherwise, and by too few words."""
        if not (self.words and isfinite(self.low)):
            return UNKNOWN
        if self.words < FEWEST:
            return OPEN
        if self.low > 0:
            return HOLDS
        return FAILS if self.high < 0 else OPEN


@dataclass(frozen=True)
class Findings:
    """All claims in all models.

    Attributes
    ----------
    models : tuple of str
    tested : tuple of Tested
        Only what was measured.
    """

    models: tuple[str, ...]
    tested: tuple[Tested, ...]

    def of(self, claim: str, metric: str) -> tuple[Tested, ...]:
        """A claim by one metric, model by model."""
        return tuple(one for one in self.tested if one.claim.key == claim and one.metric == metric)

    def sharp_or_faithful(self, model: str) -> tuple[Decision, Decision]:
        """Whether LEAF-X is sharper than the plain mean of attention, and whether its frames are more needed."""
        found = {one.metric: one.decision for one in self.tested if one.claim.key == "raw" and one.model == model}
        return found.get(SHARP, UNKNOWN), found.get(FAITHFUL, UNKNOWN)

    def everywhere(self, metric: str, decision: Decision = HOLDS) -> tuple[Claim, ...]:
        """Claims of which the same is decided in every model they were tested in."""
        return tuple(
            claim
            for claim in CLAIMS
            if (found := self.of(claim.key, metric)) and all(one.decision == decision for one in found)
        )

    def to_dataframe(self) -> pd.DataFrame:
        """One row per claim, model and metric; ``group``: ``main`` for the metrics that are told."""
        rows = [
            {
                "group": "main" if one.metric in MAIN else "more",
                "model": one.model,
                "claim": one.claim.says,
                "first": one.claim.first,
                "second": one.claim.second,
                "metric": one.metric,
                "measure": METRICS[one.metric].label,
                "difference": one.difference,
                "low": one.low,
                "high": one.high,
                "words": one.words,
                "clips": one.clips,
                "resampled": one.over,
                "decision": one.decision,
            }
            for one in self.tested
        ]
        return pd.DataFrame(rows, columns=COLUMNS)


COLUMNS = ["group", "model", "claim", "first", "second", "metric", "measure", "difference", "low", "high", "words", "clips",
           "resampled", "decision"]  # fmt: skip


def findings(values: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> Findings:
    """Test every claim that the values allow.

    Parameters
    ----------
    values : DataFrame
        One row per ``model``, ``clip``, ``word`` and ``method``, and a column for each metric.
    """
    metrics = [name for name in METRICS if name in values]
    models = tuple(dict.fromkeys(values["model"]))
    tested = []
    for model in models:
        own = values[values["model"] == model]
        by_method = {name: rows.set_index(["clip", "word"]) for name, rows in own.groupby("method", sort=False)}
        for claim in CLAIMS:
            if claim.first not in by_method or claim.second not in by_method:
                continue
            for metric in metrics:
                tested.append(
                    _tested(claim, model, metric, by_method[claim.first], by_method[claim.second], resamples, seed)
                )
    return Findings(models, tuple(one for one in tested if one.words))


def _tested(
    claim: Claim, model: str, metric: str, first: pd.DataFrame, second: pd.DataFrame, resamples: int, seed: int
) -> Tested:
    differences = (first[metric] - second[metric]).dropna() * (1 if METRICS[metric].larger else -1)
    clips = [str(clip) for clip, _ in differences.index]
    mean = mean_of(differences.to_numpy(float), clips, resamples=resamples, seed=seed)
    return Tested(claim, model, metric, mean.value, mean.low, mean.high, mean.words, len(set(clips)), mean.over)


def rivals_table(values: pd.DataFrame, *, resamples: int = 2000, seed: int = 0) -> pd.DataFrame:
    """One row per model and method: means over its words with 95 % intervals; ``sampled``: words that were silenced."""
    metrics = [name for name in METRICS if name in values]
    order = {name: k for k, name in enumerate((*METHODS, RANDOM, CHANCE, CEILING))}
    rows = []
    for (model, method), own in values.groupby(["model", "method"], sort=False):
        clips = [str(clip) for clip in own["clip"]]
        row = {
            "model": model,
            "method": method,
            "words": len(own),
            "clips": len(set(clips)),
            "sampled": int(own["sampled"].sum()),
        }
        for metric in metrics:
            mean = mean_of(own[metric].to_numpy(float), clips, resamples=resamples, seed=seed)
            row |= {metric: mean.value, f"{metric}_low": mean.low, f"{metric}_high": mean.high}
        rows.append({**row, "passes": own["passes"].mean()})
    found = pd.DataFrame(rows)
    places = {model: k for k, model in enumerate(dict.fromkeys(found["model"]))}
    keys = pd.DataFrame({"model": found["model"].map(places), "method": found["method"].map(order)})
    return found.loc[keys.sort_values(["model", "method"], kind="stable").index].reset_index(drop=True)


def normalised_table(rivals: pd.DataFrame) -> pd.DataFrame:
    """The paper's scale, model by model: the worst method is 0 and the best 1, whatever lies between them."""
    metrics: Sequence[str] = [name for name in METRICS if name in rivals]
    smaller = [name for name in metrics if not METRICS[name].larger]
    parts = []
    for model, own in rivals[~rivals["method"].isin(BASELINES)].groupby("model", sort=False):
        scaled = normalised(own.set_index("method")[metrics], smaller).reset_index()
        scaled.insert(0, "model", model)
        parts.append(scaled)
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["model", "method", *metrics])
