"""The entrance of the package: anything that holds stimuli in, one validated table out."""

from collections.abc import Iterable, Mapping
from os import PathLike
from typing import Any

import pandas as pd

from depthscope.errors import DepthscopeError
from depthscope.stimuli.builtin import BUILTIN, read_builtin
from depthscope.stimuli.columns import renamed
from depthscope.stimuli.delimited import Quotes
from depthscope.stimuli.files import SUFFIXES, Layout, check_idle, read_table
from depthscope.stimuli.frames import as_frame
from depthscope.stimuli.numbers import Mark
from depthscope.stimuli.public import PUBLIC, read_public
from depthscope.stimuli.table import validate
from depthscope.store.names import given

# a frame of another library has no type here: none of them is needed
Source = str | PathLike[str] | pd.DataFrame | Iterable[Mapping[str, Any]] | Any


def read_stimuli(
    source: Source,
    *,
    paired: bool = True,
    folder: str | PathLike[str] | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
    decimal: Mark | None = None,
    quotes: Quotes | None = None,
    normalize: bool = False,
) -> pd.DataFrame:
    """Read and validate a table of stimuli.

    Parameters
    ----------
    source : path, DataFrame, rows, or name
        A csv, tsv, jsonl or parquet file; a DataFrame of pandas, polars, pyarrow or whatever speaks their protocols; rows as
        dicts, which a generator may give, or columns by name; ``"builtin"``; or, with ``folder``, the
        name of a public set that is there (``"cardillo"``, ``"impli"``, ``"vua"``, ``"vua-nouns"``, ``"mohx"``).
    paired : bool
        Refuse an item that occurs in one condition only.
    folder : path, optional
        Where the files of a public set are.
    columns : mapping, optional
        What our columns are called there: ``{"text": "Sentence", "item": "ID"}``.
    encoding : str, optional
        Of a file of text that is neither UTF-8 nor marked as UTF-16: ``"cp1252"``, say, which spreadsheets call ANSI.
    decimal : {".", ","}, optional
        The decimal mark of a csv file, where its numbers do not show it: ``1,234`` alone may be one and a bit, or more than
        a thousand, and so may ``1.234`` unless commas separate the cells; such a column stays text unless other columns decide,
        or this.
    quotes : {"csv", "text"}, optional
        Whether quotation marks around a cell belong to the file (``"csv"``) or to the text; seen from the file, except where
        tabs separate and both can be meant.
    normalize : bool
        Put texts and targets into one form before the targets are looked for: straight apostrophes and quotation marks,
        ordinary spaces and hyphens, composed accents (NFC), letters of ordinary width, no ligatures, soft hyphens, stretched
        Arabic letters or signs that cannot be seen. Where a target is found only without the points of Arabic or Hebrew (short
        vowels), all texts and targets lose them. The model then reads those texts.

    Returns
    -------
    DataFrame
        One row per text: ``item, condition[, pair], text, target, start, end`` and the covariates. ``start`` and
        ``end`` are character offsets of the target, end exclusive.

    Raises
    ------
    DepthscopeError
        With the item, the reason and the way out; of a table with faults in several rows a :class:`StimuliError`, which tells
        the first few and how many there are, and holds all of them in ``problems``.

    Examples
    --------
    >>> import depthscope as ds
    >>> table = ds.read_stimuli("builtin")
    >>> sorted(table["condition"].unique())
    ['anomalous', 'complex', 'literal', 'metaphor', 'paraphrase']
    """
    layout = Layout(columns or {}, encoding, decimal, quotes)
    if not isinstance(source, str | PathLike):
        check_idle(layout, "a table in memory")
        frame = renamed(as_frame(source), layout.columns, "stimuli")
        return validate(frame, paired=paired, normalize=normalize)
    name = str(source)
    if folder is not None or name in BUILTIN:
        check_idle(layout, name)
        rows = read_builtin(name) if folder is None else read_public(name, given(folder, "a folder"))
        return validate(renamed(rows, layout.columns, name), paired=paired, source=name, normalize=normalize)
    path = given(source, "a file of stimuli")
    if not path.is_file():
        if name in PUBLIC:
            raise DepthscopeError(f"{name} is a public set: name the folder of its files (folder=, --folder)")
        raise DepthscopeError(
            f"{name}: no such file and no built-in set of that name (there is {', '.join(BUILTIN)}; "
            f"files end in {', '.join(SUFFIXES)})"
        )
    return validate(read_table(path, layout), paired=paired, source=path.name, normalize=normalize)
