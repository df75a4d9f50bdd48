"""What a finished scan holds: summaries by layer, kind of token and entry of the vocabulary."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.capture.kinds import ALL
from depthscope.drawing.reading import short
from depthscope.errors import check_choice, require
from depthscope.instrument.measures import LAYERED, plan
from depthscope.store.folder import SUMMARY
from depthscope.store.names import inside
from depthscope.store.parquet import read_parquet
from depthscope.store.record import RunRecord

TYPES = 500  # entries of the vocabulary on the page, the most frequent ones


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

    @property
    def drawn(self) -> list[str]:
        """Measures that have a value at some layer."""
        return [measure for measure in self.layered if self.middle(measure) is not None]

    def kinds(self, measure: str) -> xr.Dataset:
        """Means along depth (condition, layer), a condition for each kind of token; ``n``: tokens of that kind."""
        found = self.every[(self.every["measure"] == measure) & (self.every["kind"] != ALL)]
        counts = found.groupby("kind", sort=False)["count"].max()
        kinds = list(counts[counts > 0].index)
        means = np.stack([found.loc[found["kind"] == kind, "mean"].to_numpy(float) for kind in kinds])
        return xr.Dataset(
            {name: (("condition", "layer"), values) for name, values in _without_interval(means).items()}
            | {"n": ("condition", counts[kinds].to_numpy())},
            {"condition": kinds, "layer": np.arange(1, means.shape[1] + 1)},
        )

    def overview(self) -> pd.DataFrame:
        """A row per measure for early, middle and late layers: of many layers three say how it goes."""
        frames = []
        for measure in self.measures:
            some = self.some(measure)
            names = ["" if pd.isna(layer) else str(int(layer)) for layer in some["layer"]]
            some = some.assign(measure=measure, layer=names, sd=some["variance"] ** 0.5)
            frames.append(some if len(some) else pd.DataFrame([{"measure": measure, "layer": "none"}]))
        return pd.concat(frames, ignore_index=True)

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


def _without_interval(means: np.ndarray) -> dict[str, np.ndarray]:
    nothing = np.full_like(means, np.nan)
    return {"mean": means, "low": nothing, "high": nothing}
