import pandas as pd
import pytest
import xarray as xr

import depthscope as ds
from depthscope.stimuli.covariates import with_covariates
from depthscope.stimuli.read import read_stimuli

WORDS = (
    *("shark", "wall", "storm", "key", "bridge", "anchor", "cage", "seed", "mirror", "engine", "river", "knife"),
    *("ladder", "garden", "candle", "hammer", "window", "blanket", "compass", "lantern", "feather", "harbour"),
    # of several tokens
    *("kaleidoscope", "chandelier"),
)
# all conditions differ from one another in length, from item to item in another way
STARTS = {
    "metaphor": ("Her promise was", "His old and quiet promise was", "The talk became"),
    "literal": ("The sailor saw", "A man sold", "Then the very old sailor saw", "We saw"),
    "complex": ("Nobody who ever knew him well had", "Few of them had", "Nobody had"),
    "anomalous": ("Seven soups ran", "Blue ideas of a soup ate", "Soups ran", "A soup ran up", "Soup ate"),
}


@pytest.fixture(scope="session")
def stimuli() -> pd.DataFrame:
    """24 items in four conditions that share their target; a number and a word of the user's own."""
    rows = [
        (word, condition, f"{starts[i % len(starts)]} a {word}.", word, (7 * i + 3 * k) % 5, f"kind {i % 2}")
        for i, word in enumerate(WORDS)
        for k, (condition, starts) in enumerate(STARTS.items())
    ]
    table = pd.DataFrame(rows, columns=["item", "condition", "text", "target", "arousal", "kind"])
    return with_covariates(read_stimuli(table))


@pytest.fixture(scope="session")
def model(model_folder) -> ds.Model:
    """Ten blocks, random weights."""
    return ds.load(model_folder)


@pytest.fixture(scope="session")
def traj(model, stimuli) -> xr.Dataset:
    return ds.trace(model, stimuli, progress=False)


@pytest.fixture(scope="session")
def h(traj) -> xr.DataArray:
    return ds.cse(traj)
