"""The door of the stage: anything that holds stimuli in, one validated table out."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from depthscope.errors import DepthscopeError
from depthscope.stimuli.builtin import BUILTIN, read_builtin
from depthscope.stimuli.files import SUFFIXES, read_table
from depthscope.stimuli.public import PUBLIC, read_public
from depthscope.stimuli.table import validate

Source = str | PathLike[str] | pd.DataFrame | Iterable[Mapping[str, Any]]


def read_stimuli(source: Source, *, paired: bool = True, folder: str | PathLike[str] | None = None) -> pd.DataFrame:
    """Read and validate a table of stimuli.

    Parameters
    ----------
    source : path, DataFrame, rows, or name
        A csv, tsv, jsonl or parquet file; a DataFrame or a list of dicts; ``"builtin"``; or, with ``folder``, the
        name of a public set that stands there (``"cardillo"``, ``"impli"``, ``"vua"``, ``"vua-nouns"``, ``"mohx"``).
    paired : bool
        Refuse an item that occurs in one condition only.
    folder : path, optional
        Where the files of a public set are.

    Returns
    -------
    DataFrame
        One row per text: ``item, condition[, pair], text, target, start, end`` and the covariates. ``start`` and
        ``end`` are character offsets of the target, end exclusive.

    Raises
    ------
    DepthscopeError
        With the item, the reason and the way out, for the first thing that is wrong.

    Examples
    --------
    >>> import depthscope as ds
    >>> table = ds.read_stimuli("builtin")
    >>> sorted(table["condition"].unique())
    ['anomalous', 'complex', 'literal', 'metaphor', 'paraphrase']
    """
    if isinstance(source, pd.DataFrame):
        return validate(source, paired=paired)
    if not isinstance(source, str | PathLike):
        return validate(pd.DataFrame(list(source)), paired=paired)
    name = str(source)
    if folder is not None:
        return validate(read_public(name, Path(folder)), paired=paired, source=name)
    if name in BUILTIN:
        return validate(read_builtin(name), paired=paired, source=name)
    path = Path(source)
    if not path.is_file():
        if name in PUBLIC:
            raise DepthscopeError(f"{name} is a public set: name the folder of its files (folder=, --folder)")
        raise DepthscopeError(
            f"{name}: no such file and no built-in set of that name (there is {', '.join(BUILTIN)}; "
            f"files end in {', '.join(SUFFIXES)})"
        )
    return validate(read_table(path), paired=paired, source=path.name)
