"""Tidy tables of a run."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.entries import entry_names
from depthscope.statistics.attenuation import Left
from depthscope.statistics.curve import Curve
from depthscope.statistics.result import Contrast
from depthscope.statistics.shares import Share
from depthscope.studies.contrast.levels import corrected, mixed_level, null_level, rest_of
from depthscope.studies.contrast.results import QUANTITY_NAMES, Evidence, Quantities
from depthscope.summaries import describe_layers


def layers_table(h: xr.DataArray) -> pd.DataFrame:
    """One row per condition and layer."""
    return describe_layers(h).to_dataframe().reset_index()


def contrasts_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """One row per contrast and layer."""
    return pd.concat([c.to_dataframe() for c in contrasts], ignore_index=True)


def clusters_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """One row per contrast and cluster.

    Beside what :class:`Cluster` has: ``p_holm``, corrected for the number of contrasts as well; ``p_other``, by the other
    inference where differences are skewed; and of the strongest cluster of each contrast, dz over its layers, and dz at the
    peak and over the layers that other halves of the items chose.
    """
    filled = [
        c.clusters_dataframe().assign(p_holm=p, **_beside(c))
        for c, p in zip(contrasts, corrected(contrasts), strict=True)
        if p
    ]
    added = ("p_holm", "p_other", "dz_half", "window_dz", "window_dz_half")
    none = pd.DataFrame(columns=[*contrasts[0].clusters_dataframe(), *added])
    table = pd.concat(filled, ignore_index=True) if filled else none
    for name, place in (("p_other", "p"), ("p_holm", "p"), *((name, "dz_high") for name in added[:1:-1])):
        table.insert(list(table).index(place) + 1, name, table.pop(name))
    return table


def _beside(c: Contrast) -> dict[str, list[float]]:
    """Columns of the clusters of one contrast that need more than its test."""
    strongest = c.strongest()
    window = c.over(strongest.first, strongest.last).dz if strongest else np.nan
    of = {"dz_half": c.halves.peak, "window_dz": window, "window_dz_half": c.halves.window}
    columns = {name: [value if k is strongest else np.nan for k in c.clusters] for name, value in of.items()}
    return {"p_other": list(c.otherwise.p) if c.skewed else [np.nan] * len(c.clusters), **columns}


def items_table(contrasts: Sequence[Contrast]) -> pd.DataFrame:
    """One row per contrast, item and layer: the difference that is tested."""
    frames = []
    for c in contrasts:
        plain = c.differences.transpose("item", "layer").reset_coords(drop=True).rename("difference")
        frames.append(plain.to_dataframe().reset_index().dropna(subset=["difference"]).assign(contrast=c.name))
    return pd.concat(frames, ignore_index=True)[["contrast", "item", "layer", "difference"]]


# of a text, what says nothing of it as a number or a group: it stands in cse.nc
NO_COLUMN = ("text", "start", "end", "context", "stimulus")
FIRST = ("item", "pair", "condition", "target")


def texts_table(traj: xr.Dataset, h: xr.DataArray, main: Contrast) -> pd.DataFrame:
    """One row per text and layer at which the measure is defined, texts in the order in which they were traced.

    Beside the measure stand all numbers and groups that are known of a text; ``in_contrast`` says whether ``main`` tests it.
    """
    known = {str(name): coord.values for name, coord in traj.coords.items() if coord.dims == ("stimulus",)}
    texts = pd.DataFrame({name: values for name, values in known.items() if name not in NO_COLUMN})
    entries = entry_names(texts["item"].astype(str), texts["pair"].astype(str) if "pair" in texts else None)
    conditions = texts["condition"].astype(str)
    kept = main.settings["include_same_context"]
    left_out = {*main.incomplete, *([] if kept else main.same_context), *main.uncovered, *main.partial}
    texts["in_contrast"] = conditions.isin(main.terms.conditions) & ~pd.Series(entries).isin(left_out)
    where = {
        name: xr.DataArray(list(labels), dims="stimulus")
        for name, labels in (("item", entries), ("condition", conditions))
    }
    cells: Any = h.sel(where).transpose("stimulus", "layer")
    row, column = np.nonzero(np.isfinite(cells.values))
    frame = texts.iloc[row].reset_index(drop=True)
    head = [name for name in FIRST if name in texts]
    measured: dict[str, Any] = {name: h[name].values[column] for name in ("layer", "relative_depth")}
    measured |= {str(h.name or "cse"): cells.values[row, column], "in_contrast": frame["in_contrast"]}
    rest = frame.drop(columns=[*head, "in_contrast"])
    return pd.concat([frame[head], pd.DataFrame(measured), rest], axis=1)


def scalograms_table(share: xr.DataArray) -> pd.DataFrame:
    """One row per condition, scale and layer: the mean share of the energy over items; ``valid``: free of edge effects."""
    mean = share.mean("item").rename("share").transpose("condition", "scale", "layer")
    frame = mean.to_dataframe().reset_index()
    return frame[["condition", "scale", "period", "layer", "valid", "share"]]


def evidence_tables(e: Evidence) -> dict[str, pd.DataFrame]:
    """Every table of the evidence, by the name of its file."""
    tables = {"evidence.csv": evidence_table(e)}
    if e.confounding:
        tables |= {"covariates.csv": e.covariates, "balance.csv": balance_table(e)}
    if any(held.left or held.left_matched for held in e.confounding):
        tables["attenuation.csv"] = attenuation_table(e)
    if e.nulls:
        tables |= {"nulls.csv": nulls_table(e), "null-effects.csv": null_effects_table(e)}
    if e.curve is not None:
        tables |= curve_tables(e.curve)
    if e.power is not None:
        tables["power.csv"] = power_table(e)
    if e.mixed:
        tables |= {"mixed.csv": mixed_table(e), "mixed-variances.csv": mixed_variances_table(e)}
    return tables


def evidence_table(e: Evidence) -> pd.DataFrame:
    """One row per analysis, at the layers where all are compared: the fields of :class:`Compared`."""
    table = pd.DataFrame([asdict(row) for row in e.compared])
    return table.rename(columns={"found": "significant", "said": "cluster"})


def nulls_table(e: Evidence) -> pd.DataFrame:
    """One row per null and layer: the band of the difference, and per condition that of the measure."""
    frames = []
    for null in e.nulls:
        frame = null.expected.to_dataframe().reset_index()
        frame.insert(0, "null", null.name)
        frame.insert(1, "draws", null.anywhere.draws)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def null_effects_table(e: Evidence) -> pd.DataFrame:
    """One row per null: how often and how large the contrast is there, and the contrast of what lies beyond it."""
    beyond = {row.label: row for row in e.compared if row.group.endswith("beyond a null")}
    rows = []
    for null in e.nulls:
        there, size, rest = null.there, null.size or (np.nan,) * 3, beyond[null.name]
        low, high = there.interval if there else (np.nan, np.nan)
        rows.append(
            {
                **{
                    "null": null.name,
                    "words": null.words,
                    "draws": null.anywhere.draws,
                    "anywhere": null.anywhere.share,
                },
                **{"there": there.share if there else np.nan, "there_low": low, "there_high": high},
                **dict(zip(("share", "share_low", "share_high"), _ends(null.share), strict=True)),
                **dict(zip(("size", "size_low", "size_high"), size, strict=True)),
                "reached": null.reached.share if null.reached else np.nan,
                **{"dz": rest.dz, "dz_low": rest.low, "dz_high": rest.high, "p": rest.p, "cluster": rest.said},
                "explains": null_level(e, null),
            }
        )
    return pd.DataFrame(rows)


def _ends(share: Share | None) -> tuple[float, float, float]:
    return (share.value, share.low, share.high) if share else (np.nan,) * 3


def balance_table(e: Evidence) -> pd.DataFrame:
    """One row per contrast and covariate: how far apart the conditions are, and whether it could be adjusted for."""
    frames = [held.balance.assign(not_adjusted=held.balance["covariate"].map(held.unusable)) for held in e.confounding]
    return pd.concat(frames, ignore_index=True)


def attenuation_table(e: Evidence) -> pd.DataFrame:
    """One row per contrast that is found and what is held equal: how much of it is left; and, under assumed reliabilities."""
    rows = []
    for held in e.confounding:
        own = held.own
        if own is None:
            continue
        about = {"contrast": held.contrast.name, "first": own.first, "last": own.last}
        given = ", ".join(f"{name}={value:g}" for name, value in held.reliability.items())
        lefts = [("adjusted", k, "", left, held.adjusted[k].n) for k, left in held.left.items()]
        if held.corrected is not None:
            lefts.append(("adjusted", "all", given, held.corrected, held.adjusted["all"].n))
        noisy = ", ".join(held.noisy)
        lefts += [
            ("adjusted", "all", f"{noisy}={value:g}", left, held.adjusted["all"].n)
            for value, left in held.assumed.items()
            if value < 1
        ]
        for how, label, reliability, left, n in lefts:
            rows.append(
                {**about, "held": how, "covariates": label, "reliability": reliability, "n": n, **_left_columns(left)}
            )
        for label, share in held.left_matched.items():
            n = held.matched[label].n
            ends = dict(zip(("share", "share_low", "share_high"), _ends(share), strict=True))
            rows.append({**about, "held": "matched", "covariates": label, "n": n, **ends, "left": rest_of(share)})
    return pd.DataFrame(rows)


def _left_columns(left: Left) -> dict[str, float | str]:
    shares = dict(zip(("share", "share_low", "share_high"), _ends(left.share), strict=True))
    differences = {"difference": left.difference, "difference_low": left.low, "difference_high": left.high}
    return {**shares, **differences, "left": rest_of(left.share)}


def mixed_table(e: Evidence) -> pd.DataFrame:
    """One row per mixed model: the difference that it finds in the window."""
    rows = []
    for model in e.mixed:
        fields = {name: getattr(model, name) for name in ("n", "difference", "error", "low", "high", "t", "df", "p")}
        ends = {
            "converged": model.converged,
            "singular": ", ".join(model.singular),
            "cluster_test": mixed_level(e, model),
        }
        rows.append({"model": model.name, "first": e.window[0], "last": e.window[1], **fields, **ends})
    return pd.DataFrame(rows)


def mixed_variances_table(e: Evidence) -> pd.DataFrame:
    """One row per mixed model and random factor, and one for what is left."""
    rows = []
    for model in e.mixed:
        for factor, sd in model.sds.items():
            levels = model.levels.get(factor, model.n)
            about = {"levels": levels, "sd": sd, "at_zero": factor in model.singular}
            rows.append({"model": model.name, "factor": factor, **about})
    return pd.DataFrame(rows)


def curve_tables(curve: Curve) -> dict[str, pd.DataFrame]:
    """One row per specification, and the joint tests; the same of the quantities beside CSE."""
    tables = {"specifications.csv": curve.table, "specifications-joint.csv": curve.joint_dataframe()}
    if curve.beside:
        each = [one.table.assign(quantity=name) for name, one in curve.beside.items()]
        joint = [one.joint_dataframe().assign(quantity=name) for name, one in curve.beside.items()]
        tables["specifications-relative.csv"] = pd.concat(each, ignore_index=True)
        tables["specifications-relative-joint.csv"] = pd.concat(joint, ignore_index=True)
    return tables


def power_table(e: Evidence) -> pd.DataFrame:
    """One row per size of the effect and number of items."""
    assert e.power is not None
    return e.power.to_dataframe().reset_index()


def quantities_table(quantities: Quantities) -> pd.DataFrame:
    """One row per quantity: its strongest cluster, and its effect at the layers where all are compared."""
    first, last = quantities.window
    rows = []
    for name, contrast in quantities.rows.items():
        effect, k = contrast.over(first, last), contrast.strongest()
        cluster = {field: getattr(k, field) if k else np.nan for field in ("first", "last", "mass")}
        peak = {field: getattr(k, field) if k else np.nan for field in ("peak_layer", "dz", "dz_low", "dz_high")}
        there = {"window_first": first, "window_last": last}
        there |= {f"window_{field}": getattr(effect, field) for field in ("dz", "low", "high", "p")}
        rows.append(
            {
                **{"quantity": name, "label": QUANTITY_NAMES[name], "n": contrast.n},
                **cluster,
                "p": k.p if k else 1.0,
                **peak,
                **there,
            }
        )
    return pd.DataFrame(rows)


def quantities_layers_table(quantities: Quantities) -> pd.DataFrame:
    """One row per quantity and layer."""
    frames = {name: contrast.to_dataframe() for name, contrast in quantities.rows.items()}
    head = frames.pop("cse")[:0]  # which has a table of its own
    for name, frame in frames.items():
        frame.insert(0, "quantity", name)
    return pd.concat(frames.values(), ignore_index=True) if frames else head.assign(quantity="")
