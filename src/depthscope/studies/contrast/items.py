"""Every item of a run: a row in a table, and behind it its texts, its CSE and its scalograms."""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from depthscope.arrays import Float
from depthscope.errors import DepthscopeError
from depthscope.instrument.cse import scalogram_options
from depthscope.instrument.scalogram import scalogram
from depthscope.report.page.content import Section
from depthscope.report.part import Made
from depthscope.report.table import Cell, Table, csv_download
from depthscope.statistics.pairing import group_names, pair
from depthscope.statistics.terms import Terms, parse_terms
from depthscope.store.datasets import read_netcdf, read_zarr
from depthscope.store.names import inside
from depthscope.store.record import RunRecord
from depthscope.store.sealed import Sealed
from depthscope.store.tables import csv_text
from depthscope.words import layers_text

# where the template and the script of the section are
HERE = "depthscope.studies.contrast"
MEASURE, TRAJECTORIES = "cse.nc", "trajectories.zarr"
# bytes of scalograms on a page, one a cell: 1,000 texts of 30 layers take half a megabyte
ROOM = 1_500_000
# what is shown of a text beside its words
TOLD = {"surprisal": "bits of surprisal", "n_tokens": "tokens", "token_index": "tokens before the target"}


def explorer(run: Sealed) -> Made | None:
    """The table of items, and what opens behind each; None where no measure is kept."""
    path, record = run.file(MEASURE), run.record
    if path is None:
        return None
    h = read_netcdf(path, "cse").transpose("item", "condition", "layer")
    terms = _main(h, record)
    window = record.resolved.get("window")
    first, last = window or (int(h["layer"].values[0]), int(h["layer"].values[-1]))
    differences = _differences(h, terms, record, (first, last)) if terms else {}
    share = _shares(run, h)
    order = _order(h, differences)
    data = {"items": _data(h.isel(item=order), None if share is None else share.isel(item=order), terms, window)}
    table = _table(h.isel(item=order), differences, terms, (first, last))
    words = [
        f"CSE is averaged over {layers_text(first, last)}. Open an item for its texts, its CSE by layer and its scalograms.",
        *([] if share is None else _partial(share, h)),
    ]
    section = Section("items", "Item by item", words, tables=[table], template="items.html.j2")
    return Made(section, data, scripts=("items.js",), charts=("scalogram", "curve"), packages=(HERE,))


def _main(h: xr.DataArray, record: RunRecord) -> Terms | None:
    names = record.settings.get("contrasts") or []
    try:
        return parse_terms(names[0], [str(c) for c in h["condition"].values]) if names else None
    except DepthscopeError:
        return None


def _differences(h: xr.DataArray, terms: Terms, record: RunRecord, window: tuple[int, int]) -> dict[str, float]:
    """By item, the difference that is tested, averaged over the layers of ``window``."""
    keep = bool((record.settings.get("contrast") or {}).get("include_same_context"))
    try:
        paired = pair(h, terms, keep).differences.transpose("item", "layer")
    except DepthscopeError:  # no item is left to test
        return {}
    return dict(zip(map(str, paired["item"].values), map(_mean, _within(paired, window)), strict=True))


def _shares(run: Sealed, h: xr.DataArray) -> xr.DataArray | None:
    """Scalograms of all items that there is room for; None without trajectories."""
    path = inside(run.folder, TRAJECTORIES)
    if not path.is_dir():
        return None
    traj = read_zarr(path, run.record.digests.get("trajectories"))
    share: xr.DataArray = scalogram(traj, **scalogram_options(run.record.settings.get("cse") or {}), share=True)
    return share.sel(item=h["item"].values, condition=h["condition"].values).transpose(
        "item", "condition", "scale", "layer"
    )


def _room(share: xr.DataArray) -> int:
    """How many items have their scalograms on the page."""
    return int(ROOM // max(1, share[0].size)) if share.sizes["item"] else 0


def _partial(share: xr.DataArray, h: xr.DataArray) -> list[str]:
    room = _room(share)
    if h.sizes["item"] <= room:
        return []
    return [
        f"Scalograms of the {room} items with the largest differences are on this page; those of the others follow from "
        f"`{TRAJECTORIES}`."
    ]


def _within(values: xr.DataArray, window: tuple[int, int]) -> Float:
    found: Float = values.sel(layer=slice(*window)).values
    return found


def _mean(values: Float) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _order(h: xr.DataArray, differences: dict[str, float]) -> list[int]:
    """Largest differences first, whatever their sign; items that are not tested last."""
    sizes = [differences.get(group, np.nan) for group in group_names(h)]
    keys = [-abs(size) if np.isfinite(size) else np.inf for size in sizes]
    return [int(i) for i in np.argsort(keys, kind="stable")]


def _table(h: xr.DataArray, differences: dict[str, float], terms: Terms | None, window: tuple[int, int]) -> Table:
    conditions = [str(c) for c in h["condition"].values]
    columns = ["item", "target", *([terms.name] if terms else []), *(f"CSE, {c}" for c in conditions)]
    rows = []
    inside = _within(h.transpose("item", "condition", "layer"), window)
    targets = h["target"].transpose("item", "condition").values if "target" in h.coords else None
    for i, (name, group) in enumerate(zip(map(str, h["item"].values), group_names(h), strict=True)):
        words = list(dict.fromkeys(filter(None, map(str, targets[i])))) if targets is not None else []
        row = [Cell(name, name), Cell(", ".join(words), ", ".join(words))]
        if terms:
            row.append(_number(differences.get(group, float("nan")), "{:+.4f}", "not tested"))
        row += [_number(_mean(values), "{:.4f}", "") for values in inside[i]]
        rows.append(row)
    # a column for each layer: with a row for each number it would be most of the page
    wide = h.reset_coords(drop=True).to_series().unstack("layer").dropna(how="all")
    download = csv_download("cse.csv", csv_text(wide, index=True, float_format="%.5f"))
    numeric = frozenset(range(2, len(columns)))
    return Table("items", f"Mean CSE over {layers_text(*window)}", columns, rows, numeric, (download,))


def _number(value: float, form: str, missing: str) -> Cell:
    return Cell(form.format(value), value) if np.isfinite(value) else Cell(missing, None)


def _data(
    h: xr.DataArray, share: xr.DataArray | None, terms: Terms | None, window: Sequence[int] | None
) -> dict[str, Any]:
    """What the page's script draws an item from."""
    texts = _texts(h)
    found: dict[str, Any] = {
        "conditions": [str(c) for c in h["condition"].values],
        "layers": [int(layer) for layer in h["layer"].values],
        "window": list(window) if window else None,
        "contrast": terms.name if terms else "",
        "items": [
            {
                "name": str(name),
                "texts": texts[i],
                "cse": [[_rounded(v) for v in row] for row in h.values[i]],
            }
            for i, name in enumerate(h["item"].values)
        ],
    }
    if share is None:
        return found
    top = float(np.nanmax(share.values, initial=0.0)) or 1.0
    coded = np.round(np.nan_to_num(share.values[: _room(share)] / top) * 255).astype(np.uint8)
    found["plane"] = {
        "periods": [round(float(p), 4) for p in share["period"].values],
        "layers": [int(layer) for layer in share["layer"].values],
        "coi": [round(float(c), 4) for c in share["coi"].values],
        "top": top,
    }
    for item, planes in zip(found["items"], coded, strict=False):
        item["shares"] = [base64.b64encode(plane.tobytes()).decode() for plane in planes]
    return found


def _rounded(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None


def _texts(h: xr.DataArray) -> list[list[dict[str, Any] | None]]:
    """By item and condition: the text, where its target stands, and a few numbers."""
    size = (h.sizes["item"], h.sizes["condition"])
    known = {
        name: h[name].transpose("item", "condition").values
        for name in ("text", "target", "start", "end", *TOLD)
        if name in h.coords and set(h[name].dims) == {"item", "condition"}
    }
    if "text" not in known:
        return [[None] * size[1] for _ in range(size[0])]

    def one(i: int, j: int) -> dict[str, Any] | None:
        text = str(known["text"][i, j])
        if not text:
            return None
        ends = [_whole(known[name][i, j]) if name in known else None for name in ("start", "end")]
        told = [f"{known[name][i, j]:.4g} {words}" for name, words in TOLD.items() if _known(known, name, i, j)]
        # offsets count characters, as Python does; a script counts otherwise, and gets the three parts
        start, end = (ends[0], ends[1]) if None not in ends else (0, 0)
        return {"parts": [text[:start], text[start:end], text[end:]], "told": told}

    return [[one(i, j) for j in range(size[1])] for i in range(size[0])]


def _known(known: dict[str, Any], name: str, i: int, j: int) -> bool:
    return name in known and bool(np.isfinite(float(known[name][i, j])))


def _whole(value: Any) -> int | None:
    return int(value) if np.isfinite(float(value)) else None
