"""A finished part as a table: whose token it was, and what was measured of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from depthscope.errors import require
from depthscope.scan.job import Columns, Job

Table = Any  # pyarrow.Table; pyarrow has no static types

# what says which token a row is of, in every table
KEYS = ("document", "token_index", "start", "end", "token", "token_id", "position")
REPEATED = ["document", "token", "token_id"]


def to_table(job: Job, columns: Columns, vocabulary: Sequence[str], settings: Mapping[str, Any]) -> Table:
    """One row per token, in the order of the corpus.

    ``document``; ``token_index``, its number in the document, from 0; ``start``, ``end``, characters of the document, the end
    exclusive; ``token``, the entry of the vocabulary, its space included; ``token_id``; ``position``, tokens that the model
    saw before it, special ones included; then each measure: a list of as many float32 as there are layers, or one;
    null where there is none: of what is not there no reader then makes a mean. ``settings`` stand in the metadata of the
    file, as JSON, under ``depthscope``.
    """
    pa = require("pyarrow", "parquet")
    windows = job.windows
    counts = np.array([len(window.start) for window in windows])
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    ids = np.concatenate([window.ids[slice(*window.measured)] for window in windows])
    names = list(dict.fromkeys(window.document for window in windows))
    place = {name: i for i, name in enumerate(names)}
    documents = np.repeat([place[window.document] for window in windows], counts)
    types, which = np.unique(ids, return_inverse=True)
    found = {
        "document": pa.DictionaryArray.from_arrays(pa.array(documents, pa.int32()), pa.array(names)),
        "token_index": pa.array(np.repeat([window.first for window in windows], counts) + within),
        "start": pa.array(np.concatenate([window.start for window in windows])),
        "end": pa.array(np.concatenate([window.end for window in windows])),
        "token": pa.DictionaryArray.from_arrays(
            pa.array(which, pa.int32()), pa.array([vocabulary[i] for i in types.tolist()])
        ),
        "token_id": pa.array(ids, pa.int32()),
        "position": pa.array(np.repeat([window.measured[0] for window in windows], counts) + within, pa.int32()),
    }
    for name, values in columns.items():
        flat = pa.array(values.ravel(), from_pandas=True)  # NaN becomes null
        found[name] = pa.FixedSizeListArray.from_arrays(flat, values.shape[1]) if values.ndim == 2 else flat
    table = pa.table(found)
    return table.replace_schema_metadata({"depthscope": json.dumps(dict(settings), sort_keys=True)})


def from_table(table: Table, measures: Sequence[str]) -> tuple[np.ndarray[Any, Any], Columns]:
    """The ``token_id`` and the measures of a table that :func:`to_table` gave."""
    columns: Columns = {}
    for name in measures:
        values = table[name].combine_chunks()
        depth = getattr(values.type, "list_size", 0)
        flat = (values.flatten() if depth else values).to_numpy(zero_copy_only=False)
        columns[name] = flat.reshape(len(table), depth) if depth else flat
    return table["token_id"].to_numpy(), columns
