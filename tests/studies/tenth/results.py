"""What was found of the norms, and what it counts as."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

# so many times as long in the last layer as in the first: updates grow
MUCH = 2.0


@dataclass(frozen=True)
class Norms:
    """``mean`` (layer,): the mean norm of the update over tokens, in units of the stream."""

    mean: xr.DataArray

    @property
    def ratio(self) -> float:
        """Of the last layer to the first."""
        return float(self.mean[-1] / self.mean[0])

    @property
    def grows(self) -> bool:
        return self.ratio >= MUCH

    def to_dataframe(self) -> pd.DataFrame:
        """One row per layer: ``layers.csv``, a name that other studies use too, for another table."""
        return pd.DataFrame({"layer": self.mean["layer"].values, "norm": np.asarray(self.mean)})
