"""What became of a training: tables, and every decision on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

# share of the curve, at its end, that counts as where a training arrived
END = 0.1
# what is called much: latents that never learn, and a loss that still falls, over the last third, by this share of it
DEAD, FALLING = 0.1, 0.02


@dataclass(frozen=True, eq=False)
class Training:
    """One training of several dictionaries.

    Attributes
    ----------
    dictionaries : DataFrame
        One row each: ``dictionary`` (its folder), ``site``, ``layer``, ``latents``, ``k`` (missing where the activation has
        none), ``activation``, ``tokens`` seen, ``readings`` (how often the corpus was read; 0: not to its end), ``rate``.
    curve : DataFrame
        ``dictionary``, ``step``, ``tokens``, ``loss``, ``normalized_mse``, ``explained`` (share of the variance of a batch),
        ``l0``, ``dead`` (share of latents), ``gradient``: of single steps, at most 200 for each dictionary.
    norms : DataFrame
        What was left out of the states: see :func:`depthscope.studies.sae.first_tokens.first_tokens`.
    """

    dictionaries: pd.DataFrame
    curve: pd.DataFrame
    norms: pd.DataFrame

    @cached_property
    def arrived(self) -> pd.DataFrame:
        """The dictionaries with where they arrived: ``explained``, ``l0``, ``dead``, and ``falling``, the share by which the
        normalised loss fell from the second third of the training to the last.
        """
        if "explained" in self.dictionaries:  # as it was written
            return self.dictionaries
        rows = [self._arrived(str(name), part) for name, part in self.curve.groupby("dictionary", sort=False)]
        return self.dictionaries.merge(pd.DataFrame(rows), on="dictionary")

    @staticmethod
    def _arrived(name: str, part: pd.DataFrame) -> dict[str, object]:
        last = part.tail(max(1, round(END * len(part))))
        third = len(part) // 3
        before, after = part["normalized_mse"].iloc[third : 2 * third], part["normalized_mse"].iloc[2 * third :]
        falling = 1 - float(after.mean() / before.mean()) if third else np.nan
        means = {column: float(last[column].mean()) for column in ("explained", "l0", "dead")}
        return {"dictionary": name, **means, "falling": falling}

    @property
    def readings(self) -> float:
        """How often the corpus was read."""
        return float(self.dictionaries["readings"].max())

    @property
    def still_learning(self) -> list[str]:
        """Dictionaries that more tokens would have made better."""
        found = self.arrived
        return list(found["dictionary"][found["falling"] > FALLING])

    @property
    def much_dead(self) -> list[str]:
        """Dictionaries of which more than a tenth of the latents do not fire any more."""
        found = self.arrived
        return list(found["dictionary"][found["dead"] > DEAD])


def curve_of(
    points: Sequence[tuple[int, Mapping[str, Mapping[str, float]]]], names: Mapping[str, str], batch: int
) -> pd.DataFrame:
    """What the trainer told at some steps, tidy; ``names``: folders by the names of plans."""
    rows = [
        {
            "dictionary": names[plan],
            "step": step,
            "tokens": step * batch,
            "loss": told["loss"],
            "normalized_mse": told["normalised MSE"],
            "explained": told["explained variance"],
            "l0": told["L0"],
            "dead": told["dead share"],
            "gradient": told["gradient norm"],
        }
        for step, metrics in points
        for plan, told in metrics.items()
    ]
    return pd.DataFrame(rows)


# scores that are drawn along depth, and how they are called
DEPTHS = {"explained_variance": "explained variance", "loss_recovered_mean": "loss recovered (against the mean state)"}
# what is told of a dictionary in one line
OVERVIEW = (
    "explained_variance",
    "loss_recovered_mean",
    "ce_increase",
    "l0",
    "dead",
    "dense",
    "relative_bias",
    "comes_back",
)

# shares of latents of which a control has none for its own reasons
SHARES = ("dead", "dense")
# behind the name of a dictionary that is there to be compared with
AGAIN = " (again)"


def overview(scores: pd.DataFrame) -> pd.DataFrame:
    """One row for each dictionary: ``dictionary``, and value, low, high and control of what matters most.

    Columns are ``explained_variance``, ``explained_variance_low``, ``_high``, ``_control`` and so on.
    """
    rows = []
    for name, part in scores[scores["kind"] == "dictionary"].groupby("dictionary", sort=False):
        row: dict[str, object] = {"dictionary": name}
        for score, one in part.drop_duplicates("score").set_index("score").iterrows():
            if score in OVERVIEW:
                row |= {str(score): one["value"], f"{score}_low": one["low"], f"{score}_high": one["high"]}
                row[f"{score}_control"] = one["control_value"]
        rows.append(row)
    return pd.DataFrame(rows)


def not_better(scores: pd.DataFrame) -> pd.DataFrame:
    """The numbers of dictionaries that are no better than their control, where that can be asked."""
    # random directions fire evenly, so that none of them is dead or dense: that is no merit of theirs
    asked = scores[(scores["kind"] == "dictionary") & scores["beats_control"].notna() & ~scores["score"].isin(SHARES)]
    return asked[~asked["beats_control"].astype(str).str.lower().eq("true")]
