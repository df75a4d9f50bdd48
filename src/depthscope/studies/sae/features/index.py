"""All features of some dictionaries: what is known of each, as a page that can be searched, a table, and one by one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.capture.sites import Site
from depthscope.drawing.card import card
from depthscope.drawing.reading import short
from depthscope.errors import DepthscopeError, listed
from depthscope.studies.sae.features.collected import Collected
from depthscope.studies.sae.features.depth import Depths
from depthscope.studies.sae.features.effect import Effect
from depthscope.studies.sae.features.feature import FeatureCard, FiresOn, Moved, Near, Partner, occurrences
from depthscope.studies.sae.features.neighbours import Neighbours
from depthscope.telling import Sheet
from depthscope.words import names_text

# tokens of a latent that a table names
NAMED = 5
# rows of a table that a terminal shows
ROWS = 20


class Features(NamedTuple):
    """What is known of one dictionary's latents; m of them are shown.

    Attributes
    ----------
    site : Site
        What it reads.
    collected : Collected
        Of all n.
    shown : int array (m,)
        Which of them, in ascending order.
    near : Neighbours
        Of those shown, (m, count).
    across : mapping of str to Neighbours
        The nearest in each of the other dictionaries, (m, 1).
    effect : Effect or None
        Of those shown; None where it was not asked for, or cannot be measured.
    depths : Depths or None
        Of those shown.
    """

    site: Site
    collected: Collected
    shown: NDArray[np.int64]
    near: Neighbours
    across: Mapping[str, Neighbours]
    effect: Effect | None
    depths: Depths | None

    def row(self, latent: int) -> int:
        """Which of those shown a latent is.

        Raises
        ------
        DepthscopeError
            There is no such latent, or it is not among those shown.
        """
        place = int(np.searchsorted(self.shown, latent))
        if place < len(self.shown) and self.shown[place] == latent:
            return place
        count = self.collected.latents
        if 0 <= latent < count:
            raise DepthscopeError(
                f"latent {latent} is not among the {len(self.shown):,} that are shown: ask for it by number"
            )
        raise DepthscopeError(f"latent {latent}: the dictionary has {count:,}; choose from 0 to {count - 1:,}")


@dataclass(frozen=True)
class FeatureIndex:
    """What :func:`show_features` returns for many latents; a notebook shows it as a table.

    Attributes
    ----------
    model : str
    features : mapping of str to Features
        By the name of the dictionary.
    words : mapping of int to str
        Texts of all tokens that are shown.
    settings : mapping
    command : str
        By which it can be repeated, if it was one.
    about : mapping of str to mapping
        What each dictionary is of, for exports: :mod:`depthscope.studies.sae.features.export.about`.
    """

    model: str
    features: Mapping[str, Features]
    words: Mapping[int, str] = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)
    command: str = ""
    about: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)

    def card(self, latent: int, name: str | None = None) -> FeatureCard:
        """One latent, with all that is known of it.

        Parameters
        ----------
        latent : int
        name : str, optional
            Of the dictionary; needed where there are several.

        Raises
        ------
        DepthscopeError
            No such dictionary, or no such latent in it.
        """
        names = list(self.features)
        if name is None and len(names) > 1:
            raise DepthscopeError(f"latent {latent} of which dictionary? there are {listed(names)}")
        name = names[0] if name is None else name
        if name not in self.features:
            raise DepthscopeError(f"there is no dictionary {name!r}; there are {listed(names)}")
        one = self.features[name]
        row, kept = one.row(latent), one.collected
        before, depths, effect = kept.settings.before, one.depths, one.effect
        return FeatureCard(
            model=self.model,
            name=name,
            site=one.site,
            latent=latent,
            latents=kept.latents,
            total=kept.total,
            count=int(kept.count[latent]),
            mean=float(kept.mean[latent]),
            maximum=float(kept.maximum[latent]),
            reach=float(kept.reach[latent]),
            histogram=kept.histogram[latent],
            top=occurrences(kept.top.at(latent), before),
            random=occurrences(kept.random.at(latent), before),
            tokens=_rows(FiresOn, kept.token[latent], kept.token_share[latent], kept.token_rate[latent]),
            partners=_rows(Partner, kept.partner[latent], kept.partner_jaccard[latent], kept.partner_pmi[latent]),
            near=_near(name, one.near, row),
            across=[near for other, found in one.across.items() for near in _near(other, found, row)],
            up=_rows(Moved, effect.up[row], effect.up_by[row]) if effect else [],
            down=_rows(Moved, effect.down[row], effect.down_by[row]) if effect else [],
            separation=_known(depths and depths.separation[row]),
            cse=_known(depths and depths.cse[row]),
            other_cse=_known(depths and depths.other_cse[row]),
            cse_gap=_known(depths and depths.cse_gap[row]),
            sampled=(int(depths.count[row]), depths.total) if depths else (0, 0),
            states=effect.states if effect else 0,
            words=self.words,
            settings=self.settings,
            command=self.command,
        )

    @property
    def answer(self) -> list[str]:
        """How many there are, and how many of them fire."""
        total = next(iter(self.features.values())).collected.total
        told = []
        for name, one in self.features.items():
            count, alive = one.collected.latents, int((one.collected.count > 0).sum())
            of = f", {len(one.shown):,} of which are shown" if len(one.shown) < count else ""
            told.append(f"{alive:,} of {count:,} latents of {name}{of}")
        return [f"On {total:,} tokens fire {names_text(told)}."]

    @property
    def told(self) -> list[str | Sheet]:
        """For the terminal: the answer, and the latents that fire most strongly."""
        return [*self.answer, "", self.sheet()]

    def sheet(self) -> Sheet:
        """The latents that fire most strongly."""
        table = self.to_dataframe().sort_values("maximum", ascending=False, kind="stable").head(ROWS)
        rows = [
            (row["dictionary"], str(row["latent"]), row["tokens"], f"{row['density']:.2%}", f"{row['maximum']:.3g}")
            for row in table.to_dict("records")
        ]
        return Sheet(["dictionary", "latent", "fires on", "of tokens", "maximum"], rows, "The strongest")

    def to_dataframe(self) -> pd.DataFrame:
        """One row for each latent that is shown.

        Returns
        -------
        DataFrame
            ``dictionary``, ``latent``, ``count``, ``density``, ``mean``, ``maximum``, ``tokens`` (those that it fires on most,
            in words), ``share`` (of its firings that are on the first of them), ``near`` and ``cosine`` (the nearest
            direction), ``raises``, ``lowers`` (in words), ``layer`` (at which the stream carries its direction most) and
            ``cse_gap`` (mean over layers): see :class:`FeatureCard`.
        """
        return pd.concat([self._table(name, one) for name, one in self.features.items()], ignore_index=True)

    def _table(self, name: str, one: Features) -> pd.DataFrame:
        kept, shown, effect, depths = one.collected, one.shown, one.effect, one.depths
        table = pd.DataFrame(
            {
                "dictionary": name,
                "latent": shown,
                "count": kept.count[shown],
                "density": kept.density[shown],
                "mean": kept.mean[shown],
                "maximum": kept.maximum[shown],
                "tokens": self._named(kept.token[shown]),
                "share": kept.token_share[shown, 0],
                "near": one.near.latent[:, 0],
                "cosine": one.near.cosine[:, 0],
            }
        )
        if effect:
            table = table.assign(raises=self._named(effect.up), lowers=self._named(effect.down))
        if depths:
            table = table.assign(layer=strongest(depths.separation), cse_gap=mean_known(depths.cse_gap))
        return table

    def _named(self, tokens: NDArray[np.int64]) -> list[str]:
        return [", ".join(short(self.words[i]) for i in row if i >= 0) for row in tokens[:, :NAMED].tolist()]

    def save(self, path: str | Path) -> Path:
        """Write the page, one HTML file that needs nothing else.

        Raises
        ------
        DepthscopeError
            A folder, a file in a folder that is not there, or one that cannot be written.
        """
        from depthscope.report.page.place import check_page, write_page
        from depthscope.studies.sae.features.page.whole import index_page

        return write_page(check_page(path, "features.html"), index_page(self))

    def _repr_html_(self) -> str:
        return card(f"Features of {self.model}", self.answer, self.sheet())


def strongest(separation: Float) -> Float:
    """At which state each latent's direction is carried most, (m,); NaN where it is not known."""
    known = np.isfinite(separation).any(1)
    found = np.full(len(separation), np.nan)
    found[known] = np.nanargmax(separation[known], axis=1)
    return found


def mean_known(values: Float) -> Float:
    """Means over layers, (m,), of what was measured."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        found: Float = np.where(known, values, 0).sum(1) / known.sum(1)
    return found


def _rows(kind: Any, *columns: NDArray[Any]) -> list[Any]:
    """One for each number that is there."""
    return [kind(*row) for row in zip(*(column.tolist() for column in columns), strict=True) if row[0] >= 0]


def _near(name: str, found: Neighbours, row: int) -> list[Near]:
    pairs = zip(found.latent[row].tolist(), found.cosine[row].tolist(), strict=True)
    return [Near(name, latent, cosine) for latent, cosine in pairs if latent >= 0]


def _known(values: Any) -> Float | None:
    """None where nothing was measured."""
    return None if values is None or np.isnan(values).all() else values
