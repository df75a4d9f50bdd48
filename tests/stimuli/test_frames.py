"""Tables of other libraries: the same table, or a sentence."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import depthscope as ds
from depthscope.stimuli.frames import as_frame

ROWS = [
    {"item": "shark", "condition": "a", "text": "The lawyer is a shark.", "target": "shark", "age": 1.5, "n": 3},
    {"item": "shark", "condition": "b", "text": "The fish is a shark.", "target": "shark", "age": None, "n": 4},
]


class Capsule:
    """What speaks the Arrow protocol and nothing else."""

    def __arrow_c_stream__(self, requested=None):
        return pa.Table.from_pylist(ROWS).__arrow_c_stream__(requested)


HOLDERS = {
    "pandas": lambda: pd.DataFrame(ROWS),
    "rows": lambda: ROWS,
    "a generator": lambda: (row for row in ROWS),
    "columns": lambda: {name: [row[name] for row in ROWS] for name in ROWS[0]},
    "arrays": lambda: {name: np.array([row[name] for row in ROWS]) for name in ROWS[0]},
    "polars": lambda: pl.DataFrame(ROWS),
    "polars, lazy": lambda: pl.DataFrame(ROWS).lazy(),
    "pyarrow": lambda: pa.Table.from_pylist(ROWS),
    "a batch": lambda: pa.RecordBatch.from_pylist(ROWS),
    "capsule": Capsule,
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_a_table_of_any_library_is_the_same_table(holder):
    expected = ds.read_stimuli(pd.DataFrame(ROWS))
    found = ds.read_stimuli(HOLDERS[holder]())
    assert list(found) == list(expected)
    pd.testing.assert_frame_equal(found.astype({"age": float}), expected, check_dtype=False)


def test_covariates_are_added_to_a_frame_of_polars():
    found = ds.with_covariates(pl.from_dicts(ds.read_stimuli(ROWS).to_dict("records")))
    pd.testing.assert_frame_equal(found, ds.with_covariates(ds.read_stimuli(ROWS)), check_dtype=False)


def test_a_frame_of_polars_says_which_states_are_whose():
    states = np.random.default_rng(0).normal(size=(2, 9, 16)).cumsum(1)
    found = ds.from_states(states, pl.DataFrame(ROWS).select("item", "condition", "n"), last="raw", progress=False)
    assert found["n"].values.tolist() == [3, 4]


@pytest.mark.parametrize("what", [7, None, "words", b"words", [1, 2], np.zeros(3), object()])
def test_what_is_no_table_is_refused(what, refuses):
    with refuses("no table", "list of dicts"):
        as_frame(what)


def test_columns_of_different_lengths_are_refused_in_a_sentence(refuses):
    with refuses("the dict cannot be read as a table", "same length"):
        ds.read_stimuli({"item": ["a", "b"], "condition": ["x"]})
