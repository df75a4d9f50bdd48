"""States of the target exchanged between the two texts of an item: in which items, and what it does to the reading."""

import pandas as pd

from depthscope.capture.patching import patch
from depthscope.capture.probes import PROBE, plan_patches
from depthscope.errors import DepthscopeError
from depthscope.instrument.carried import by_layer, carried
from depthscope.model.model import Model
from depthscope.run.begin import Begun
from depthscope.statistics.contrast import against_zero
from depthscope.statistics.effects import mean_effect
from depthscope.statistics.layers import compare_layers
from depthscope.stimuli.sample import sample_items
from depthscope.studies.contrast.settings import Settings
from depthscope.studies.mechanism.items import by_item, tested_items
from depthscope.studies.mechanism.results import Exchange, Mechanism

TOO_FEW = "of the items with probes, fewer than 2 are tested: the others have the same text up to the target"


def probed_items(
    model: Model, table: pd.DataFrame, count: int | None, a: str, b: str, settings: Settings
) -> tuple[pd.DataFrame | None, str]:
    """The items in which states are exchanged, or None and the reason."""
    if count == 0:
        return None, "none were asked for"
    try:
        plan = plan_patches(model, table, a, b, subtoken=settings.subtoken)
    except DepthscopeError as problem:
        return None, str(problem)
    items = {twins.group for twins in plan.twins}
    if len(items) < 2:
        return None, f"1 item has a {PROBE} in both {a} and {b}, and a test needs at least 2"
    if count is None:
        return table, ""
    return sample_items(table[table["item"].isin(items)], min(count, len(items))), ""


def exchange_states(
    run: Begun[Model], probed: pd.DataFrame, found: Mechanism, settings: Settings, progress: bool
) -> Exchange | None:
    """Exchange states in the ``probed`` items; None if fewer than two of them are tested."""
    a, b = found.main.terms.conditions
    windows = (found.window,) if found.found else ()
    patched = run.tracer.keeping(
        "patching",
        lambda shards: patch(
            run.model,
            probed,
            a,
            b,
            windows=windows,
            subtoken=settings.subtoken,
            token_budget=settings.token_budget,
            progress=progress,
            shards=shards,
        ),
    )
    moved = tested_items(carried(patched), found.main)
    if len(set(moved["group"].values)) < 2:
        return None
    options = {name: value for name, value in found.main.tested_by.items() if name != "alternative"}
    effects = by_layer(moved["effect"], int(patched.attrs["depth"]))
    each = against_zero(effects, "exchange", **options)
    only = {name: value for name, value in options.items() if name != "forming_p"}
    values = each.differences.transpose("item", "layer").values
    chosen = ((effects["layer"] >= found.window[0]) & (effects["layer"] <= found.window[1])).values
    compared = together = None
    if found.found and not chosen.all():
        one = {name: only[name] for name in ("permutations", "seed", "resamples")}
        compared = compare_layers(values, chosen, **one)
    if found.found:
        together = mean_effect(by_item(moved["effect"].isel(patch=-1)), **only)
    return Exchange(
        each,
        moved,
        compared,
        together,
        {run_: mean_effect(by_item(moved["preference"].sel(run=run_)), **only) for run_ in (a, b)},
        float(patched.attrs["same"]),
        [name for name in str(patched.attrs["without_probe"]).split(", ") if name],
    )
