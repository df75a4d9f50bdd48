"""A finished scan as figures, small tables and words: from its summaries, whatever the size of the corpus."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.capture.kinds import ALL
from depthscope.drawing.conditions import draw_conditions
from depthscope.drawing.reading import short
from depthscope.drawing.saving import save
from depthscope.errors import check_choice, require
from depthscope.instrument.measures import LAYERED, plan
from depthscope.scan.draw_tokens import draw_tokens, tell_tokens
from depthscope.store.folder import SUMMARY
from depthscope.store.names import inside
from depthscope.store.parquet import read_parquet
from depthscope.store.record import RunRecord
from depthscope.store.sealed import describe
from depthscope.store.tables import write_csv

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TYPES = 500  # entries of the vocabulary on the page, the most frequent ones
ABOUT_KINDS = (
    "A `word` begins with white space, a `piece` goes on or begins a line; `number`, `punctuation` and `blank` are what they "
    "say; `other` is bytes, symbols and the tokenizer's own tokens. The first letter or digit of a token decides."
)
CAUTION = "This describes a corpus; it tests nothing, and tokens of one text are not independent of each other."


@dataclass(frozen=True)
class Summaries:
    """What a finished scan keeps of each measure, by layer, kind of token and entry of the vocabulary.

    Attributes
    ----------
    folder : Path
    record : RunRecord
        What stands in ``run.json``.
    """

    folder: Path
    record: RunRecord

    @property
    def measures(self) -> dict[str, str]:
        """Each measure, and the table that holds it."""
        tables = self.record.results["tables"].items()
        return {measure: table for table, measures in tables for measure in measures}

    @property
    def layered(self) -> list[str]:
        """The measures that have a value for every layer."""
        return [name for name in self.measures if name in LAYERED]

    @cached_property
    def every(self) -> pd.DataFrame:
        """A row per measure, kind of token and layer: count, missing, mean, variance and five quantiles."""
        tables = dict.fromkeys(self.measures.values())
        frames: list[pd.DataFrame] = [self._read(table, "layers") for table in tables]
        # whole numbers, though a measure without layers has none
        return pd.concat(frames, ignore_index=True).astype({"layer": "Int32"})

    def layers(self, measure: str, kind: str = ALL) -> pd.DataFrame:
        """The rows of a measure, of all tokens or of one kind."""
        check_choice("measure", measure, self.measures)
        check_choice("kind", kind, self.every["kind"].unique())
        chosen: pd.DataFrame = self.every[(self.every["measure"] == measure) & (self.every["kind"] == kind)]
        chosen = chosen.drop(columns=["measure", "kind"]).reset_index(drop=True)
        return chosen if chosen["layer"].hasnans else chosen.astype({"layer": "int32"})

    def some(self, measure: str) -> pd.DataFrame:
        """The first, the middle and the last of the layers at which a measure has a value."""
        found = self.layers(measure)
        found = found[found["count"] > 0].reset_index(drop=True)
        return found.loc[sorted({0, len(found) // 2, len(found) - 1})] if len(found) else found

    def middle(self, measure: str) -> pd.Series | None:
        """The middle one of the layers at which a measure has a value, if there are any."""
        found = self.some(measure)
        return None if found.empty else found.iloc[len(found) // 2]

    def unit(self, measure: str) -> str:
        """What it is, and in what."""
        about = plan(measure, self.record.resolved["depth"], self.record.results["cse"])
        return f"{about.about} ({about.unit})"

    def draw(self, measure: str, ax: "Axes | None" = None) -> "Axes":
        """Mean of all tokens along depth, and between what the middle half and nine tenths lie."""
        text = f"{self.record.results['tokens']:,} tokens; bands: the middle half and nine tenths of them"
        return draw_tokens(self.layers(measure), self.record.title, text, self.unit(measure), ax)

    def draw_kinds(self, measure: str, ax: "Axes | None" = None) -> "Axes":
        """Means along depth, by kind of token."""
        found = self.every[(self.every["measure"] == measure) & (self.every["kind"] != ALL)]
        counts = found.groupby("kind", sort=False)["count"].max()
        kinds = list(counts[counts > 0].index)
        means = np.stack([found.loc[found["kind"] == kind, "mean"].to_numpy(float) for kind in kinds])
        layers = xr.Dataset(
            {name: (("condition", "layer"), values) for name, values in _without_interval(means).items()}
            | {"n": ("condition", counts[kinds].to_numpy())},
            {"condition": kinds, "layer": np.arange(1, means.shape[1] + 1)},
        )
        text = f"means of {self.record.results['tokens']:,} tokens"
        return draw_conditions(layers, [], self.record.title, text, ax, self.unit(measure), of="kinds of token")

    def types(self) -> pd.DataFrame:
        """The most frequent entries of the vocabulary: count, and mean and standard deviation at the middle layer."""
        counts = self._vocabulary(["token_id", "token", "kind", "count"])
        counts = counts.sort_values(["count", "token_id"], ascending=[False, True]).head(TYPES)
        counts["token"] = [short(token) for token in counts["token"]]
        for measure in self.measures:
            middle = self.middle(measure)
            if middle is None:
                continue
            mean, variance = f"{measure}_mean", f"{measure}_variance"
            found = self._vocabulary(["token_id", mean, variance], measure, list(counts["token_id"]))
            found = found.set_index("token_id").loc[counts["token_id"]]
            if not pd.isna(middle["layer"]):
                found = found.map(lambda values, place=int(middle["layer"]) - 1: values[place])
            counts[mean] = found[mean].to_numpy(float)
            counts[f"{measure}_sd"] = found[variance].to_numpy(float) ** 0.5
        return counts

    def _vocabulary(self, columns: list[str], measure: str = "", only: list[int] | None = None) -> pd.DataFrame:
        """Some columns of the entries that occurred; of a large vocabulary only the rows that are wanted."""
        table = self.measures[measure] if measure else next(iter(self.measures.values()))
        rows = None if only is None else require("pyarrow.compute", "parquet").field("token_id").isin(only)
        return self._read(table, "types", columns, rows)

    def _read(self, table: str, name: str, columns: list[str] | None = None, rows: Any = None) -> pd.DataFrame:
        """One of its files, if it is what the scan wrote."""
        file = f"{SUMMARY}/{table}/{name}.parquet"
        found: pd.DataFrame = read_parquet(
            inside(self.folder, file), columns, self.record.digests.get(file, ""), rows
        ).to_pandas()
        return found


def write_scan(folder: Path, record: RunRecord) -> RunRecord:
    """Write ``figures/``, ``layers.csv`` and ``types.csv`` of a finished scan; its record, with the words beside them."""
    found = Summaries(folder, record)
    inside(folder, "figures").mkdir(exist_ok=True)
    drawn = [measure for measure in found.layered if found.middle(measure) is not None]
    for measure in drawn:
        for stem, draw in (("tokens", found.draw), ("kinds", found.draw_kinds)):
            save(draw(measure).figure, folder / "figures" / f"{stem}-{measure}")
    types = found.types()
    write_csv(folder / "layers.csv", found.every)
    write_csv(folder / "types.csv", types)
    words = {
        "tokens": [*(_told(found, measure) for measure in found.measures), CAUTION],
        "types": [_about_types(found, types)],
        "left_out": record.results["notes"],
    }
    answer = [tell_tokens(found.layers(name), found.unit(name)) for name in drawn[:1]]
    answer = [*record.answer, *(f"{told[0].upper()}{told[1:]}" for told in answer)]
    # what was written this moment, beside what the scan wrote
    names = [f"figures/{stem}-{measure}.svg" for measure in drawn for stem in ("tokens", "kinds")]
    files = record.files and record.files | describe(folder, ["layers.csv", "types.csv", *names])
    return replace(record, answer=answer, words=words, files=files)


def _told(found: Summaries, measure: str) -> str:
    """How the values of a measure lie, in a sentence; of one with layers at the middle one."""
    at = found.middle(measure)
    if at is None:
        return f"**{measure}**: no token has a value."
    where = "" if pd.isna(at["layer"]) else f" at layer {int(at['layer'])}, the middle one of those that have a value"
    return (
        f"**{measure}**{where}: mean {at['mean']:.4g}, standard deviation {at['variance'] ** 0.5:.2g}; nine tenths of "
        f"{at['count']:,.0f} tokens lie between {at['q05']:.4g} and {at['q95']:.4g}."
    )


def _about_types(found: Summaries, types: pd.DataFrame) -> str:
    middle = {name: at for name in found.layered if (at := found.middle(name)) is not None}
    where = ", ".join(f"{name} at layer {int(at['layer'])}" for name, at in middle.items())
    share = types["count"].sum() / found.record.results["tokens"]
    return (
        f"The {len(types):,} most frequent entries of the vocabulary: {share:.0%} of all tokens. Mean ± standard deviation "
        f"over the tokens of an entry{f'; {where}' if where else ''}."
    )


def _without_interval(means: np.ndarray) -> dict[str, np.ndarray]:
    nothing = np.full_like(means, np.nan)
    return {"mean": means, "low": nothing, "high": nothing}
