"""Many finished runs, one model each, and one question: does the contrast recur, at which depth, how large, how different?"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from depthscope.report.codebook import write_tables
from depthscope.run.several import comparison
from depthscope.statistics.alignment import EARLY
from depthscope.statistics.comparison import Source, compare_contrasts
from depthscope.store.folder import RECORD
from depthscope.store.names import given
from depthscope.store.record import RunRecord
from depthscope.studies.compare.codebook import TABLES
from depthscope.studies.compare.figures import draw_meta, write_meta
from depthscope.studies.compare.page import LAYOUT, MECHANISMS, MODELS, POOLED
from depthscope.studies.compare.results import KEYS, Findings
from depthscope.studies.compare.runs import (
    HEADS,
    PARTS,
    Finished,
    differences,
    first_contrast,
    left_out,
    read_runs,
    source_of,
    without_beside,
)
from depthscope.studies.compare.words import (
    answer,
    cautions,
    figure_words,
    mechanism,
    quantities,
    range_title,
    title_of,
    together,
    verdicts,
)
from depthscope.telling import Sheet, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Comparison(Findings):
    """One contrast in many models. Returned by :func:`depthscope.compare`; ``str()`` gives the answer in words.

    Attributes
    ----------
    name : str
        The contrast.
    depth : (low, high)
        Range of relative depth of the one number per model.
    models : tuple of Measured
        In the order given.
    pooled : Pooled
        The range effects, meta-analysed: new models like these.
    curve : Dataset over relative_depth
        The fields of :class:`~depthscope.statistics.meta.Pooled` at each point of the grid.
    joint : Joint, optional
        New items, these models. None if covariates are held equal, or if the models share fewer than two items.
    beside : dict of Pooled
        CSE relative to norms, slopes and mean cosine over the range, pooled likewise: docs/relative.md.
    mechanism : dict of Pooled
        By key of the runs' ``mechanism.csv``, the pooled dz of those in two models or more.
    notes : tuple of str
        In what the runs differ, and what was left out.
    command : str
        By which it can be repeated.
    """

    @classmethod
    def of(
        cls,
        sources: Sequence[Source],
        depth: tuple[float, float],
        points: int = 20,
        *,
        notes: Sequence[str] = (),
        command: str = "",
    ) -> "Comparison":
        """Compare what several runs give: :func:`depthscope.statistics.comparison.compare_contrasts`."""
        found = compare_contrasts(sources, depth, points, order=KEYS)
        return cls(**{one.name: getattr(found, one.name) for one in fields(found)}, notes=tuple(notes), command=command)

    def plot(self) -> "Axes":
        """Draw dz by relative depth and the forest of the range; returns the axes of the curves.

        It takes two axes, one above the other, so it makes a figure of its own, ``.figure`` of what is returned.
        """
        curves = {m.label: m.curve for m in self.models}
        whole = vars(self.pooled)
        return draw_meta(curves, self.curve, self.forest, whole, self.depth, *figure_words(self)).axes[0]

    @property
    def told(self) -> list[str | Sheet]:
        """For a terminal: the models, the answer, what limits it, where it comes from."""
        pooled = self.meta[: int(self.pooled.k > 1)]
        sheets = [*MODELS.sheets(self.to_dataframe(), range_title(self)), *POOLED.sheets(pooled)]
        lines: list[str | Sheet] = [part for sheet in sheets for part in (sheet, "")]
        lines += [*verdicts(self), "", *(f"note: {line}" for line in cautions(self))]
        return [*lines, *(part for sheet in MECHANISMS.sheets(self.mechanism_headlines) for part in ("", sheet))]

    def _repr_html_(self) -> str:
        """The card that a notebook shows."""
        from depthscope.drawing.card import card, picture

        _, text, words = figure_words(self)
        # the mean of the models stands first
        lines = [*together(self)[:1], words, text]
        (table,) = MODELS.sheets(self.to_dataframe(), "")
        return card(range_title(self), lines, table, picture(self.plot))

    def __str__(self) -> str:
        return plain(self.told)

    __repr__ = __str__


def compare(
    runs: str | Path | Sequence[str | Path],
    *,
    contrast: str | None = None,
    depth: tuple[float, float] = (0.0, EARLY),
    points: int = 20,
    out: str | Path | None = None,
    command: str = "",
) -> Comparison:
    """Compare one contrast in many finished runs, one model each.

    Parameters
    ----------
    runs : path or sequence of paths
        Run folders of ``depthscope run metaphor`` or ``run mechanism``; or folders whose direct sub-folders are such runs, as
        those of ``run models``: then all of these.
    contrast : str, optional
        ``"a-b"`` or ``"(a-b)-(c-d)"``; default: the first contrast of the first run.
    depth : (low, high)
        Range of relative depth, 0 .. 1, ends included, over whose layers each model's one number is the mean.
    points : int
        Of the grid of relative depth, ``1 / points .. 1``.
    out : path, optional
        Folder for summary, tables and figure (docs/run-folder.md).
    command : str
        By which it can be repeated, for the record.

    Returns
    -------
    Comparison
        ``.pooled``, ``.curve``, ``.joint``, ``.to_dataframe()``, ``.plot()``; ``str()`` gives the answer in words.

    Raises
    ------
    DepthscopeError
        A folder that is no finished run, or is damaged; a run without the contrast's conditions, of another quantity, or of
        a model that is there already; a range in which nothing was measured.

    Notes
    -----
    The contrast is computed again from ``cse.nc``, with the settings and the seed that each run recorded.
    The rules are in docs/studies/compare.md; the meta-analysis in :func:`depthscope.statistics.meta.pool`.

    Examples
    --------
    >>> found = compare(["runs/models"], depth=(0.4, 0.8))    # doctest: +SKIP
    >>> found.pooled.i2, found.to_dataframe()[["label", "dz"]]    # doctest: +SKIP
    """
    folders = [given(one, "a run folder") for one in (runs if isinstance(runs, list | tuple) else [runs])]
    place = None if out is None else given(out, "a folder")
    found, notes = read_runs(folders)
    name = contrast or first_contrast(found[0])
    notes += differences(found)
    sources = [source_of(one, name) for one in found]
    notes += without_beside(found, sources)
    notes += [
        f"{one.label}: its {' and '.join(names)} are of another contrast, the first one of its run, and left out."
        for one, source in zip(found, sources, strict=True)
        if (names := left_out(one, source))
    ]
    words = [*map(str, folders), *(["--contrast", name] if contrast else []), "--depth", *(f"{d:g}" for d in depth)]
    command = command or shlex.join(["depthscope", "compare", *words, "--points", str(points)])
    result = Comparison.of(sources, depth, points, notes=notes, command=command)
    if place is not None:
        _write(place, result, found, name, points)
    return result


def _write(out: Path, result: Comparison, runs: Sequence[Finished], name: str, points: int) -> None:
    """Everything that ``--out`` asks for; a folder that holds another comparison is refused."""
    settings = {
        "runs": {one.label: str(one.folder.resolve()) for one in runs},
        "order": [one.label for one in runs],
        "contrast": name,
        "depth": list(result.depth),
        "points": points,
    }
    # what was measured there, by content
    identity = {f"{one.label}.{what}": value for one in runs for what, value in one.record.identity.items()}
    record = RunRecord("compare", settings, command=result.command, identity=identity)
    with comparison(out, record, False, LAYOUT) as clock:
        record.write(out / RECORD)
        with clock("report"):
            tables = {"models.csv": result.to_dataframe(), "depths.csv": result.depths, "meta.csv": result.meta}
            if not result.besides.empty:
                tables["relative-models.csv"] = result.besides
            if not result.mechanisms.empty:
                tables[PARTS] = result.mechanisms
            if not result.heads.empty:
                tables[HEADS] = result.heads
            write_tables(out, tables, TABLES)
            write_meta(out / "figures", result.plot())
            record.title, record.answer = title_of(result), answer(result)
            record.words = {
                "short": together(result),
                "beside": quantities(result),
                "mechanism": mechanism(result),
                "compare": cautions(result),
            }
        record.results = {"pooled": vars(result.pooled)}
