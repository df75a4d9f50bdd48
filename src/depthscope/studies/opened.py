"""A finished run as it lies in its folder: what it returned, read again when it is asked for."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import xarray as xr

from depthscope.errors import DepthscopeError, listed, reason
from depthscope.run.measures import BESIDE, MEASURE, read_beside, read_measure
from depthscope.run.recorded import recorded_contrasts
from depthscope.run.result import FinishedRun
from depthscope.statistics.result import Contrast
from depthscope.store.datasets import read_zarr
from depthscope.store.folder import RECORD
from depthscope.store.names import given, inside
from depthscope.store.record import RunRecord
from depthscope.store.sealed import SUMMARY, Sealed
from depthscope.store.tables import read_csv
from depthscope.studies.registry import WINGS, layout_of
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Value = TypeVar("Value")
FIGURES, TABLE, WRITTEN = "figures", ".csv", "contrasts.csv"
MEASURING = ("metaphor", "mechanism")  # studies that keep a CSE of their own
WAY_OUT = "give the folder of a finished run; an unfinished one is finished by its own command"


def open_run(folder: str | Path) -> "OpenedRun":
    """What a finished run returned, from its folder; nothing is read before it is asked for.

    Parameters
    ----------
    folder : path
        Of any ``depthscope run``, ``compare --out`` or ``scan``.

    Returns
    -------
    OpenedRun
        ``.cse``, ``.contrasts``, ``.trajectories``, ``.tables``, ``.figures``, ``.summary``, ``.runs``, ``.record``; in a
        notebook a card.

    Raises
    ------
    DepthscopeError
        No folder, none of a run, or one whose run is not finished; later, when something is asked for: a run that has no such
        thing, a file that is not the one that the run wrote.

    Examples
    --------
    >>> run = ds.open_run("runs/demo")                       # doctest: +SKIP
    >>> run.contrasts[0].plot()                              # doctest: +SKIP
    >>> run.tables["clusters"]                               # doctest: +SKIP
    """
    place = given(folder, "a run folder")
    sealed = Sealed.opened(place, WAY_OUT)
    if sealed.record.study not in WINGS:
        raise DepthscopeError(
            f"{place / RECORD}: a study called {sealed.record.study!r}, which this version does not know (it knows "
            f"{listed(WINGS, 20)}); open it with the version that ran it, or get the folder again"
        )
    return OpenedRun(place, sealed)


class Shelf(Mapping[str, Value]):
    """Things by name, each read when it is first asked for."""

    def __init__(self, what: str, readers: Mapping[str, Callable[[], Value]]) -> None:
        self._what, self._readers = what, dict(readers)
        self._read: dict[str, Value] = {}

    def __getitem__(self, name: str) -> Value:
        if name not in self._readers:
            raise DepthscopeError(
                f"the run has no {self._what} called {name!r}; it has {listed(self._readers, 30) or 'none'}"
            )
        if name not in self._read:
            self._read[name] = self._readers[name]()
        return self._read[name]

    def __contains__(self, name: object) -> bool:
        return name in self._readers

    def __iter__(self) -> Iterator[str]:
        return iter(self._readers)

    def __len__(self) -> int:
        return len(self._readers)

    def __repr__(self) -> str:
        return f"{self._what}s: {', '.join(self._readers) or 'none'}"


@dataclass(frozen=True, repr=False)
class OpenedRun(FinishedRun):
    """A finished run. Returned by :func:`open_run`; every file is checked against the digest that the run recorded.

    Attributes
    ----------
    folder : Path
    """

    folder: Path
    _sealed: Sealed

    @property
    def record(self) -> RunRecord:
        """What stands in ``run.json``: settings, what was resolved and verified, versions, timings."""
        return self._sealed.record

    @property
    def study(self) -> str:
        """What was run: ``"metaphor"``, ``"mechanism"``, ..."""
        return self.record.study

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that was asked."""
        return self.record.settings

    @property
    def timings(self) -> dict[str, float]:  # type: ignore[override]
        """Seconds by stage."""
        return self.record.timings

    @property
    def answer(self) -> list[str]:
        """What was asked and what was found, a sentence each."""
        return self.record.answer

    @property
    def remarks(self) -> list[str]:
        """What the run noticed and left out; and what of its files cannot be checked, or is gone."""
        return [*self.record.words.get("left_out", []), *self._sealed.unchecked, *self._sealed.gone]

    @cached_property
    def cse(self) -> xr.DataArray:
        """Conditional scale entropy (item, condition, layer), with the covariates as coordinates.

        The numbers are those of the run to the last digit. Of whole numbers and truth values among the coordinates, which the
        file holds in 32 bits, those of layers are whole numbers again.
        """
        path = self._kept(MEASURE, "CSE", self.study in MEASURING)
        if path is None:
            below = f"; those of its runs are in .runs: {listed(self.runs, 12)}" if self.runs else ""
            raise DepthscopeError(f"{self.folder}: a run of {self.study!r} holds no CSE of its own{below}")
        return read_measure(path)

    @cached_property
    def relative(self) -> xr.Dataset:
        """CSE relative to norms, the three slopes and the mean cosine (item, condition, layer): docs/relative.md.

        With the coordinates of :attr:`cse`. Without variables in a run before 0.6.2, or of a signal without directions.
        """
        path = self._kept(BESIDE, "what depends on no weight of the scales")
        return xr.Dataset() if path is None else read_beside(path, self.cse)

    def _kept(self, name: str, what: str, always: bool = False) -> Path | None:
        """A file of measures; None if the run wrote none.

        Raises
        ------
        DepthscopeError
            It wrote one, which is gone.
        """
        path = self._sealed.file(name)
        if path is None and (always or name in self.record.files):
            raise DepthscopeError(
                f"{self.folder / name}: not there any more, and {what} with it: put the file back, or delete the folder and "
                "run the study again"
            )
        return path

    @cached_property
    def contrasts(self) -> list[Contrast]:
        """The contrasts asked for, in their order: computed again from :attr:`cse` with the settings and the seed that the
        run recorded, which gives the same numbers.
        """
        written = self.tables["contrasts"] if self._sealed.file(WRITTEN) else None
        most = 1 if self.study == "mechanism" else None
        return recorded_contrasts(self.cse, self.settings, self.folder / RECORD, written, most)

    @cached_property
    def stores(self) -> Mapping[str, xr.Dataset]:
        """What the run kept as Zarr, by name: ``trajectories``, traces of other tokens, of random weights, of exchanges."""
        known = self.record.digests
        names = [name for name in known if "/" not in name and inside(self.folder, f"{name}.zarr").is_dir()]

        def reader(name: str) -> Callable[[], xr.Dataset]:
            return lambda: read_zarr(inside(self.folder, f"{name}.zarr"), known[name])

        return Shelf("store", {name: reader(name) for name in names})

    @property
    def trajectories(self) -> xr.Dataset:
        """What :func:`depthscope.trace` returned."""
        return self.stores["trajectories"]

    @cached_property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables of the run, by the names of their files: ``tables["clusters"]`` is ``clusters.csv``."""
        names = [name for name in self._sealed.names("") if name.endswith(TABLE)]
        return Shelf("table", {name.removesuffix(TABLE): self._table(name) for name in names})

    def _table(self, name: str) -> Callable[[], pd.DataFrame]:
        def read() -> pd.DataFrame:
            path = self._file(name)
            try:
                return read_csv(path, keep_default_na=False, na_values=[""])
            except (ValueError, OSError) as problem:
                raise DepthscopeError(f"{path}: damaged ({reason(problem, 80)}); run the study again") from None

        return read

    @cached_property
    def figures(self) -> dict[str, dict[str, Path]]:
        """The figures, by name, and the files of each by format: ``figures["evidence"]["svg"]``."""
        found: dict[str, dict[str, Path]] = {}
        for name in self._sealed.names(FIGURES):
            stem, _, kind = name.removeprefix(f"{FIGURES}/").rpartition(".")
            found.setdefault(stem, {})[kind] = self._file(name)
        return found

    @property
    def summary(self) -> str:
        """``summary.md``: the result in words."""
        return self._file(SUMMARY).read_text(encoding="utf-8")

    @cached_property
    def runs(self) -> Mapping[str, "OpenedRun"]:
        """The finished runs that this one is made of, by the names of their folders: sets, models."""
        names = [name for name in self._sealed.runs if _is_run(inside(self.folder, name) / RECORD)]
        return Shelf("run", {name: partial(self._run, name) for name in names})

    def _run(self, name: str) -> "OpenedRun":
        return open_run(self._sealed.run(name))

    def _file(self, name: str) -> Path:
        path = self._sealed.file(name)
        if path is None:
            raise DepthscopeError(f"{self.folder}: there is no {name}; run the study again")
        return path

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the first contrast by depth; returns matplotlib axes."""
        if not self.contrasts:
            raise DepthscopeError(f"{self.folder}: its record names no contrast; its drawings are in .figures")
        return self.contrasts[0].plot(ax)

    @property
    def told(self) -> list[str | Sheet]:
        """For a terminal: the answer, what there is, and what to know of it."""
        has = [
            f"{name}: {listed(found, 30)}"
            for name in ("tables", "figures", "stores", "runs")
            if (found := getattr(self, name))
        ]
        return [*self.record.answer, "", *has, *(f"note: {remark}" for remark in self.remarks), *self.ending]

    def __str__(self) -> str:
        return f"{self.record.title or self.study} ({layout_of(self.study).about}): {self.folder}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if (self.folder / MEASURE).is_file():
            return super()._repr_html_()
        from depthscope.drawing.card import card

        return card(self.record.title, [sentence.replace("**", "") for sentence in self.answer] + [str(self.folder)])


def _is_run(path: Path) -> bool:
    try:
        record = RunRecord.read(path)
    except DepthscopeError:
        return False
    return record.status == "finished" and record.study in WINGS
