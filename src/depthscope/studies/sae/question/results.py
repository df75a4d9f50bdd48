"""What was found of our own question: decisions, and tidy tables."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from depthscope.arrays import Float
from depthscope.statistics.effects import holm
from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.sae.question.ablation import INSTEAD, OF, Ablation, Instead
from depthscope.studies.sae.question.depth import AGAINST, Against, Place, Signal
from depthscope.studies.sae.question.pairs import Mask, Pairs
from depthscope.studies.sae.question.rank import rank_p
from depthscope.studies.sae.question.selective import Controls, Selectivity, latents_table
from depthscope.words import ALPHA

SIGNALS: tuple[Signal, ...] = ("update", "state")
TAILS = [0.025, 0.975]


@dataclass(frozen=True, eq=False)
class Asked:
    """What was asked of one dictionary, and what came of it."""

    selectivity: Selectivity
    controls: Controls
    place: Place
    ablation: Ablation

    @property
    def name(self) -> str:
        return self.selectivity.name

    @property
    def layer(self) -> int:
        return self.selectivity.layer

    @property
    def selective(self) -> bool:
        """Latents fire more on the first condition than flips of signs let any."""
        one = self.selectivity
        return len(one.selective) > 0 and one.by_activation.count_p <= ALPHA

    @property
    def strength_p(self) -> float:
        """How often random directions separate the conditions as well, where as many are chosen and measured alike."""
        others = [one.strength.dz for one in self.controls.random]
        return (1 + sum(dz >= self.selectivity.strength.dz for dz in others)) / (1 + len(others))


@dataclass(frozen=True, eq=False)
class Question:
    """Do latents that fire on metaphorical targets sit where CSE differs, and does CSE change without them?

    Attributes
    ----------
    main : Contrast
        Of CSE, undisturbed.
    pairs : Pairs
    asked : sequence of Asked
        One for each dictionary, in order of depth.
    """

    main: Contrast
    pairs: Pairs
    asked: Sequence[Asked]

    @property
    def cluster(self) -> Cluster | None:
        """The strongest cluster of layers at which CSE differs; None if there is none with p <= .05."""
        return self.main.strongest(ALPHA)

    @property
    def found(self) -> bool:
        """Whether any dictionary has latents that fire more on the first condition."""
        return any(one.selective for one in self.asked)

    @property
    def at_cluster(self) -> bool | None:
        """Whether, in any dictionary, the layers that write them are those of the cluster, more than the layers that write
        latents like them, and directions at random, are; None without a cluster.
        """
        return None if self.cluster is None else bool(self.placed.any())

    @property
    def changes_cse(self) -> bool:
        """Whether, in any dictionary, the contrast of CSE changes without them, and more than by what is taken out instead."""
        return bool(self.changed.any())

    @cached_property
    def place_p(self) -> Mapping[Against, Float]:
        """p of each dictionary's likeness to the cluster, among sets of other directions; corrected for the dictionaries."""
        observed = np.array([one.place.likeness for one in self.asked])
        return {
            name: rank_p(observed, np.stack([one.place.drawn[name] for one in self.asked]), greater=True)
            for name in AGAINST
        }

    @cached_property
    def placed(self) -> Mask:
        """Of each dictionary, whether its latents sit at the cluster."""
        found: Mask = np.all([self.place_p[name] <= ALPHA for name in AGAINST], axis=0)
        return found

    @cached_property
    def change_p(self) -> Mapping[Instead, Float]:
        """p of each dictionary's change of the contrast, among changes by what is taken out instead; corrected likewise."""
        changes = [one.ablation.of["contrast"] for one in self.asked]
        observed = np.array([one.window.difference for one in changes])
        return {name: rank_p(observed, np.stack([one.drawn[name] for one in changes])) for name in INSTEAD}

    @cached_property
    def items_p(self) -> Float:
        """p of each dictionary's change of the contrast over items, after Holm."""
        return holm(np.array([one.ablation.of["contrast"].window.p for one in self.asked]))

    @cached_property
    def changed(self) -> Mask:
        """Of each dictionary, whether the contrast of CSE changes without its latents."""
        found: Mask = np.all([self.items_p <= ALPHA, *(self.change_p[name] <= ALPHA for name in INSTEAD)], axis=0)
        return found

    def tables(self) -> dict[str, pd.DataFrame]:
        """By the names of their files."""
        return {
            "selectivity.csv": pd.DataFrame(map(self._selectivity, self.asked)),
            "selective.csv": pd.concat(
                [latents_table(one.selectivity, self.pairs) for one in self.asked], ignore_index=True
            ),
            "depth.csv": pd.DataFrame([self._place(i, one) for i, one in enumerate(self.asked)]),
            "profile.csv": pd.DataFrame([row for one in self.asked for row in _profiles(one.place)]),
            "effects.csv": pd.DataFrame([row for i, one in enumerate(self.asked) for row in self._effects(i, one)]),
            "ablation.csv": pd.DataFrame([row for one in self.asked for row in self._changes(one.ablation)]),
        }

    def _selectivity(self, one: Asked) -> dict[str, Any]:
        found, random = one.selectivity, one.controls.random
        activation = found.by_activation
        counts = [len(other.selective) + len(other.opposite) for other in random]
        row = {
            "dictionary": found.name,
            "layer": found.layer,
            "latents": found.latents,
            "tested": found.tested,
            "selective_a": len(found.selective),
            "selective_b": len(found.opposite),
            "count_p": activation.count_p,
            "by_rate": found.by_rate.count,
            "weak": activation.weak,
            "weak_null": float(activation.weak_null.mean()),
            "weak_null_high": float(np.quantile(activation.weak_null, 0.95)),
            "weak_p": activation.weak_p,
            "random": float(np.mean(counts)) if counts else np.nan,
            "random_high": float(max(counts)) if counts else np.nan,
            "followed": len(found.chosen[0]),
            "share_a": found.share_a.difference,
            "share_a_low": found.share_a.difference_low,
            "share_a_high": found.share_a.difference_high,
            "share_b": found.share_b.difference,
            "share_b_low": found.share_b.difference_low,
            "share_b_high": found.share_b.difference_high,
            "dz": found.strength.dz,
            "low": found.strength.low,
            "high": found.strength.high,
            "p": found.strength.p,
            "dz_random": float(np.mean([other.strength.dz for other in random])) if random else np.nan,
            "dz_random_high": max((other.strength.dz for other in random), default=np.nan),
            "dz_random_p": one.strength_p if random else np.nan,
        }
        if (control := one.controls.untrained) is not None:
            row |= {
                "untrained": len(control.selective) + len(control.opposite),
                "untrained_dz": control.strength.dz,
                "untrained_low": control.strength.low,
                "untrained_high": control.strength.high,
            }
        return row

    def _place(self, number: int, one: Asked) -> dict[str, Any]:
        where = one.place
        row: dict[str, Any] = {"dictionary": where.name, "at": where.layer}
        for name, profile in (("update", where.update), ("state", where.state)):
            row |= {
                f"{name}_peak": profile.peak,
                f"{name}_peak_low": profile.peak_low,
                f"{name}_peak_high": profile.peak_high,
            }
        row |= {"first": where.inside[0], "last": where.inside[1], "excess": where.excess, "likeness": where.likeness}
        row |= {"rank": where.rank, "windows": where.windows}
        for against in AGAINST:
            drawn = where.drawn[against]
            low, high = np.quantile(drawn, TAILS)
            row |= {f"{against}_mean": drawn.mean(), f"{against}_low": low, f"{against}_high": high}
            row[f"{against}_p"] = self.place_p[against][number]
        return {**row, "at_cluster": "yes" if self.placed[number] and self.cluster is not None else "not shown"}

    def _side(self, of: str) -> str:
        return {"contrast": self.main.name, "a": self.main.a, "b": self.main.b}[of]

    def _effects(self, number: int, one: Asked) -> Iterator[dict[str, Any]]:
        found = one.ablation
        for of in OF:
            change = found.of[of]
            effect = change.window
            row = {
                "dictionary": found.name,
                "at": found.layer,
                "of": self._side(of),
                "first": found.inside[0],
                "last": found.inside[1],
                "intact": found.intact if of == "contrast" else np.nan,
                "change": effect.difference,
                "low": effect.difference_low,
                "high": effect.difference_high,
                "dz": effect.dz,
                "p": self.items_p[number] if of == "contrast" else effect.p,
                "size": {"contrast": np.nan, "a": found.size_a, "b": found.size_b}[of],
            }
            for name in INSTEAD:
                low, high = np.quantile(change.drawn[name], TAILS)
                row |= {f"{name}_mean": change.drawn[name].mean(), f"{name}_low": low, f"{name}_high": high}
                row[f"{name}_p"] = self.change_p[name][number] if of == "contrast" else np.nan
            yield row

    def _changes(self, found: Ablation) -> Iterator[dict[str, Any]]:
        for of in OF:
            change = found.of[of]
            for i, value in enumerate(change.values):
                if not np.isfinite(value):
                    continue
                layer = i + 1
                p = next((p for first, last, p in change.clusters if first <= layer <= last), np.nan)
                row = {
                    "dictionary": found.name,
                    "at": found.layer,
                    "of": self._side(of),
                    "layer": layer,
                    "change": value,
                    "low": change.low[i],
                    "high": change.high[i],
                    "cluster_p": p,
                }
                for name in INSTEAD:
                    low, high = np.quantile(change.nulls[name][:, i], TAILS)
                    row |= {f"{name}_mean": change.nulls[name][:, i].mean(), f"{name}_low": low, f"{name}_high": high}
                yield row


def _profiles(where: Place) -> Iterator[dict[str, Any]]:
    """Tidy: one row per signal, set of directions and layer."""
    for signal, profile in zip(SIGNALS, (where.update, where.state), strict=True):
        curves = {"followed": (profile.values, profile.low, profile.high)}
        for against in AGAINST:
            null = profile.nulls[against]
            curves[against] = (null.mean(0), *np.quantile(null, TAILS, axis=0))
        first = 1 if signal == "update" else 0
        for directions, (values, low, high) in curves.items():
            for i, value in enumerate(values):
                yield {
                    "dictionary": where.name,
                    "at": where.layer,
                    "signal": signal,
                    "directions": directions,
                    "layer": first + i,
                    "dz": value,
                    "low": low[i],
                    "high": high[i],
                }
