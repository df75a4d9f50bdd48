"""Traces that stay in a run folder: made once, read back afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from depthscope.capture.tokens import Subtoken
from depthscope.capture.trace import Keep, Split, trace
from depthscope.capture.word import Surprisal
from depthscope.model.model import Model
from depthscope.store.datasets import digest, read_zarr, write_zarr
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.store.shards import Shards


@dataclass(frozen=True)
class Tracer:
    """Traces into the folder ``out`` under names, batch by batch; what is finished is not traced again."""

    out: Path
    record: RunRecord
    token_budget: int | None
    progress: bool
    surprisal: Surprisal = "tokens"

    def __call__(
        self,
        name: str,
        model: Model | Callable[[], Model],
        table: pd.DataFrame,
        *,
        subtoken: Subtoken = "last",
        keep: Keep = "gram",
        parts: Split = False,
        lens: bool = False,
    ) -> xr.Dataset:
        """Trajectories of ``table`` through ``model``, from ``NAME.zarr`` if it is there; the model may be made on demand."""

        def made(shards: Shards) -> xr.Dataset:
            return trace(
                model if isinstance(model, Model) else model(),
                table,
                subtoken=subtoken,
                surprisal=self.surprisal,
                keep=keep,
                parts=parts,
                lens=lens,
                token_budget=self.token_budget,
                progress=self.progress,
                shards=shards,
            )

        return self.keeping(name, made)

    def keeping(self, name: str, make: Callable[[Shards], xr.Dataset]) -> xr.Dataset:
        """What ``make`` gives, from ``NAME.zarr`` if it is there; the shards keep its finished batches."""
        store, shards = self.out / f"{name}.zarr", Shards(self.out / f"{name}.shards")
        if not store.exists() or name not in self.record.digests:
            data = make(shards)
            write_zarr(data, store)
            self.record.digests[name] = digest(data)
            self.record.write(self.out / RECORD)
        shards.clear()
        # also when it was just traced: labels are read back as another type, which differs in the last byte of a file
        return read_zarr(store, self.record.digests[name])


def by_target_token(
    tracer: Tracer, model: Model, table: pd.DataFrame, traj: xr.Dataset, subtoken: Subtoken
) -> dict[str, xr.Dataset]:
    """The trajectories for each choice of the token that stands for the target; the one traced comes first.

    Only targets of several tokens are traced again. Where there are none, the choice makes no difference, and there is one.
    """
    split = np.flatnonzero(traj["n_subtokens"].values > 1)
    variants = {str(subtoken): traj}
    for other in (choice for choice in get_args(Subtoken) if choice != subtoken and len(split)):
        traced = tracer(f"subtoken-{other}", model, table.iloc[split], subtoken=other)
        variants[str(other)] = _replaced(traj, traced, split)
    return variants


def _replaced(traj: xr.Dataset, rows: xr.Dataset, where: NDArray[np.intp]) -> xr.Dataset:
    """``traj`` with the rows at ``where`` taken from another trace of the same texts."""
    changed = {}
    for name in rows.variables:
        if "stimulus" in rows[name].dims and name in traj:
            values = traj[name].values.copy()
            values[where] = rows[name].values
            changed[str(name)] = (traj[name].dims, values)
    names = [name for name in changed if name in traj.coords]
    return traj.assign(changed).set_coords(names)
