"""What a scan found, as three small tables: by layer, by type of token, and as distributions."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from depthscope.capture.kinds import ALL, KINDS, kinds
from depthscope.errors import DepthscopeError, require
from depthscope.statistics.online import Moments, Quantiles
from depthscope.store.files import atomic

SHARES = {"q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
BLOCK = 2**14  # types in a row group: what is written is never in memory as a whole

Table = Any  # pyarrow.Table; pyarrow has no static types


class Summary:
    """Means, variances and quantiles of every measure, of any number of tokens.

    Memory depends on the size of the vocabulary and on the range of the values, not on the number of tokens. Quantiles are
    within 0.1 % of those of the values, as a share of them.

    Parts are taken in the order of their numbers: then the same parts give the same bits, computed or read again.

    Parameters
    ----------
    measures : mapping of str to int
        Layers of each measure; 0 for one number per token.
    tokens : sequence of str
        The vocabulary, each entry as :func:`depthscope.capture.pieces.decoded` gives it.

    Attributes
    ----------
    kinds : int8 array (V,)
        Form of each entry of the vocabulary, positions in ``depthscope.capture.kinds.KINDS``.
    count : int64 array (V,)
        Tokens of each type.
    """

    def __init__(self, measures: Mapping[str, int], tokens: Sequence[str]) -> None:
        self.measures = dict(measures)
        self.tokens = list(tokens)
        self.kinds = kinds(self.tokens)
        self.count: NDArray[np.int64] = np.zeros(len(self.tokens), np.int64)
        self._moments = {name: Moments(len(self.tokens), layers or 1) for name, layers in self.measures.items()}
        self._quantiles = {name: Quantiles(len(KINDS), layers or 1) for name, layers in self.measures.items()}

    def add(self, token_id: ArrayLike, columns: Mapping[str, ArrayLike]) -> None:
        """Take in a part: the ``token_id`` of its N tokens, and for each measure (N, L), or (N,) without layers.

        Raises
        ------
        DepthscopeError
            Other measures than were announced, shapes that do not belong together, a token outside the vocabulary.
        """
        types = np.asarray(token_id, np.int64)
        if set(columns) != set(self.measures):
            raise DepthscopeError(
                f"a part has the measures {', '.join(sorted(columns))}: the summary needs {', '.join(sorted(self.measures))}"
            )
        if len(types) and not 0 <= types.min() <= types.max() < len(self.tokens):
            raise DepthscopeError(
                f"a part has tokens from {types.min()} to {types.max()}: the vocabulary has {len(self.tokens)}; "
                "give the tokenizer the part was made with"
            )
        forms = self.kinds[types]
        for name, layers in self.measures.items():
            values = np.asarray(columns[name])
            rows = values if layers else values[:, None]
            self._moments[name].add(rows, types)
            self._quantiles[name].add(rows, forms)
        np.add.at(self.count, types, 1)

    def merge(self, other: "Summary") -> None:
        """Take in what another summary of the same measures and vocabulary has seen."""
        if (self.measures, self.tokens) != (other.measures, other.tokens):
            raise DepthscopeError("two summaries differ in their measures or their vocabulary: make both with the same")
        for name in self.measures:
            self._moments[name].merge(other._moments[name])
            self._quantiles[name].merge(other._quantiles[name])
        self.count += other.count

    def layers(self) -> Table:
        """A row for each measure, kind of token (and ``all``) and layer: count, missing, mean, variance, five quantiles.

        Null: the layer of a measure without layers; a mean of nothing, a variance of fewer than two.
        """
        return require("pyarrow", "parquet").concat_tables([self._by_layer(name) for name in self.measures])

    def types(self) -> Table:
        """A row for each type of token that occurred: its count, and of each measure mean and variance, by layer."""
        return self._by_type(np.flatnonzero(self.count))

    def bins(self) -> Table:
        """A row for each bin that holds something, by measure, kind of token (and ``all``) and layer: low, high, count.

        The bins are those of :class:`depthscope.statistics.online.quantiles.Bins`, on a logarithmic scale.
        """
        return require("pyarrow", "parquet").concat_tables([self._by_bin(name) for name in self.measures])

    def write(self, folder: Path) -> None:
        """Write ``layers.parquet``, ``types.parquet`` and ``bins.parquet``, each whole or not at all."""
        parquet = require("pyarrow.parquet", "parquet")
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in (("layers", self.layers()), ("bins", self.bins())):
            with atomic(folder / f"{name}.parquet", sweep=True) as scratch:
                parquet.write_table(table, scratch, compression="zstd")
        occurred = np.flatnonzero(self.count)
        with atomic(folder / "types.parquet", sweep=True) as scratch:
            schema = self._by_type(occurred[:0]).schema
            with parquet.ParquetWriter(scratch, schema, compression="zstd") as writer:
                for start in range(0, len(occurred), BLOCK):
                    writer.write_table(self._by_type(occurred[start : start + BLOCK]))

    def _by_layer(self, name: str) -> Table:
        moments = self._moments[name].pooled(self.kinds, len(KINDS))
        pair = moments.pooled(_ONE, 1), moments
        columns = {column: _stacked(pair, column) for column in ("count", "missing", "mean", "variance")}
        quantiles = self._quantiles[name].pooled(_ONE, 1), self._quantiles[name]
        for column, q in SHARES.items():
            columns[column] = np.concatenate([each.quantile(q) for each in quantiles])
        kind, layer = (axis.reshape(-1) for axis in np.indices(columns["count"].shape))
        return self._table(name, kind, layer, {column: grid.reshape(-1) for column, grid in columns.items()})

    def _by_bin(self, name: str) -> Table:
        whole, parts = self._quantiles[name].pooled(_ONE, 1).bins(), self._quantiles[name].bins()
        parts = parts._replace(group=parts.group + 1)
        kind, layer, low, high, count = (np.concatenate(pair) for pair in zip(whole, parts, strict=True))
        return self._table(name, kind, layer, {"low": low, "high": high, "count": count})

    def _by_type(self, types: NDArray[np.int64]) -> Table:
        arrow = require("pyarrow", "parquet")
        columns = {
            "token_id": arrow.array(types, arrow.int32()),
            "token": arrow.array([self.tokens[number] for number in types], arrow.string()),
            "kind": arrow.array([KINDS[number] for number in self.kinds[types]], arrow.string()),
            "count": arrow.array(self.count[types]),
        }
        for name, layers in self.measures.items():
            moments = self._moments[name].of(types)
            for column, grid in ((f"{name}_mean", moments.mean), (f"{name}_variance", moments.variance)):
                flat = _nullable(grid.reshape(-1))
                columns[column] = arrow.FixedSizeListArray.from_arrays(flat, layers) if layers else flat
        return arrow.table(columns)

    def _table(self, name: str, kind: Any, layer: Any, columns: dict[str, NDArray[Any]]) -> Table:
        """Columns that belong to a measure, a kind (0: all of them) and a layer (from 0)."""
        arrow = require("pyarrow", "parquet")
        names = np.array([ALL, *KINDS])
        without = np.full(len(layer), self.measures[name] == 0)
        return arrow.table(
            {
                "measure": arrow.array([name] * len(layer), arrow.string()),
                "kind": arrow.array(names[kind], arrow.string()),
                "layer": arrow.array(layer + 1, arrow.int32(), mask=without),
                **{column: _nullable(values) for column, values in columns.items()},
            }
        )


_ONE = np.zeros(len(KINDS), np.int64)  # every kind in one group


def _stacked(pair: tuple[Moments, Moments], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(moments, name) for moments in pair])


def _nullable(values: NDArray[Any]) -> Any:
    """An Arrow array with null for NaN: of numbers that are not there, no reader then makes a mean."""
    return require("pyarrow", "parquet").array(values, from_pandas=True)
