"""Every number of some dictionaries in one table, with what it is without a dictionary."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import pandas as pd

from depthscope.capture.sites import Site
from depthscope.studies.sae.evaluation.score import Score

DICTIONARY, CONTROL = "dictionary", "control"


@dataclass(frozen=True)
class Scored:
    """A score, and of what.

    Attributes
    ----------
    dictionary : str
        Its name, or that of what stands in its place.
    kind : {"dictionary", "control"}
    site : Site
        Where states are given back.
    score : Score
    over : str
        What was drawn again for the interval: documents, windows, examples; of pairs of seeds, the smallest and the largest.
    """

    dictionary: str
    kind: str
    site: Site
    score: Score
    over: str

    @property
    def row(self) -> dict[str, object]:
        """It as a row of :attr:`Evaluation.scores`."""
        score = self.score
        return {
            "dictionary": self.dictionary,
            "kind": self.kind,
            "site": str(self.site),
            "score": score.name,
            "value": score.value.value,
            "low": score.value.low,
            "high": score.value.high,
            "over": self.over,
            "better": score.better,
            "control": score.control,
            "control_value": score.beside.value,
            "control_low": score.beside.low,
            "control_high": score.beside.high,
            "beats_control": score.beats_control,
            "unit": score.unit,
        }


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What some dictionaries are worth.

    Attributes
    ----------
    scored : tuple of Scored
    latents : DataFrame
        One row for each latent: ``dictionary``, ``site``, ``latent``, ``density`` (share of the tokens it fires on),
        ``mean_activation`` (where it fires), ``max_activation``, ``nearest`` (largest cosine with another decoder direction;
        missing where it was not worked out), ``nearest_latent``, ``dead`` (fired on no token), ``dense`` (on more than a
        tenth of them).
    probes : DataFrame
        One row for each dictionary and task (:func:`depthscope.studies.sae.evaluation.asking.ask`); empty without tasks.
    patterns : DataFrame
        One row for each latent whose patterns of tokens were judged, with ``dictionary`` and ``site``: see
        :attr:`depthscope.studies.sae.evaluation.patterns.Patterns.latents`; empty unless thorough, as the next.
    letters : DataFrame
        One row for each first letter: see :attr:`depthscope.studies.sae.evaluation.absorption.Absorption.letters`.
    left_out : dict of str to str
        By measure, why it was not made although it was asked for.
    tokens, predictions : int
        Over how many tokens states were given back; and how many predictions were compared.
    """

    scored: tuple[Scored, ...]
    latents: pd.DataFrame
    probes: pd.DataFrame = field(default_factory=pd.DataFrame)
    patterns: pd.DataFrame = field(default_factory=pd.DataFrame)
    letters: pd.DataFrame = field(default_factory=pd.DataFrame)
    left_out: Mapping[str, str] = field(default_factory=dict)
    tokens: int = 0
    predictions: int = 0

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row for each number.

        ``dictionary``, ``kind`` (``"dictionary"``, or ``"control"`` in rows of what stands in its place: the mean, principal
        components), ``site``, ``score``, ``value``, ``low``, ``high`` (95 %; missing where there is no interval), ``over``
        (what was drawn again for it), ``better`` (``"higher"``, ``"lower"``, ``"neither"``), ``control`` (what the number was
        taken of as well), ``control_value``, ``control_low``, ``control_high``, ``beats_control`` (the whole interval lies on
        the better side of the control's value; missing where that cannot be asked), ``unit``.
        """
        return pd.DataFrame([one.row for one in self.scored])

    @property
    def dictionaries(self) -> list[str]:
        """Their names, in order."""
        return list(dict.fromkeys(one.dictionary for one in self.scored if one.kind == DICTIONARY))

    def of(self, dictionary: str) -> dict[str, Score]:
        """The scores of one dictionary, or control, by their names."""
        return {one.score.name: one.score for one in self.scored if one.dictionary == dictionary}

    def by_depth(self, score: str) -> pd.DataFrame:
        """One score of all dictionaries and controls by layer: the columns of ``scores``, ``layer``, ``place``."""
        rows = [
            {"layer": one.site.layer, "place": one.site.place, **one.row}
            for one in self.scored
            if one.score.name == score
        ]
        rows.sort(key=lambda row: (row["layer"], row["place"]))
        return pd.DataFrame(rows)

    @property
    def beaten(self) -> pd.DataFrame:
        """Of each dictionary, in how many scores its whole interval is on the better side of the control, and of how many that
        could be asked: ``dictionary``, ``beaten``, ``asked``.
        """
        rows = []
        for name in self.dictionaries:
            asked = [score.beats_control for score in self.of(name).values() if score.beats_control is not None]
            rows.append({"dictionary": name, "beaten": sum(asked), "asked": len(asked)})
        return pd.DataFrame(rows)

    def against(self, other: "Evaluation", control: str) -> "Evaluation":
        """The same beside dictionaries of the same names that were evaluated elsewhere: on a model with random weights, say.

        Scores that the other lacks keep the control that they have.
        """
        there = {(one.dictionary, one.score.name): one.score for one in other.scored if one.kind == DICTIONARY}

        def beside(one: Scored) -> Scored:
            found = there.get((one.dictionary, one.score.name)) if one.kind == DICTIONARY else None
            return one if found is None else replace(one, score=one.score.against(control, found))

        return replace(self, scored=tuple(beside(one) for one in self.scored))


def joined(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Those of several sites, or models, as one."""

    def table(name: str) -> pd.DataFrame:
        tables: list[pd.DataFrame] = [getattr(one, name) for one in evaluations]
        return pd.concat(tables, ignore_index=True)

    return Evaluation(
        tuple(scored for one in evaluations for scored in one.scored),
        table("latents"),
        table("probes"),
        table("patterns"),
        table("letters"),
        left_out={name: why for one in evaluations for name, why in one.left_out.items()},
        tokens=max(one.tokens for one in evaluations),
        predictions=max(one.predictions for one in evaluations),
    )
