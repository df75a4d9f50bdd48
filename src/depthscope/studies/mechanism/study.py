"""The mechanism study: which scales, layers and parts carry a contrast of CSE, what else shows it, and whether it matters."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.capture.batches import default_budget
from depthscope.capture.patching import patch
from depthscope.capture.probes import PROBE, Plan, plan_patches
from depthscope.capture.tokens import tokenize
from depthscope.errors import DepthscopeError, check_flag
from depthscope.instrument.attribution import ADDITIVE, contributions, shares
from depthscope.instrument.carried import by_layer, carried
from depthscope.instrument.cse import cse
from depthscope.instrument.heads import cse_without_heads, head_contributions
from depthscope.instrument.relative import energy_map
from depthscope.model.cost import reading_speed
from depthscope.model.heads import find_heads
from depthscope.model.model import Model
from depthscope.model.parts import find_parts
from depthscope.report.codebook import write_tables
from depthscope.run.begin import Begun
from depthscope.run.result import FinishedRun
from depthscope.statistics.contrast import against_zero, contrast
from depthscope.statistics.effects import mean_effect
from depthscope.statistics.layers import compare_layers
from depthscope.statistics.pairing import group_names
from depthscope.statistics.result import Contrast
from depthscope.stimuli.sample import sample_items
from depthscope.store.datasets import write_netcdf
from depthscope.studies.contrast.quantities import contrast_quantities, other_quantities
from depthscope.studies.contrast.settings import Settings, prepare, settled
from depthscope.studies.contrast.start import started
from depthscope.studies.contrast.writing import described, remarks, resolved, short, write_quantities
from depthscope.studies.mechanism.baselines import baselines_tables, write_baselines_figure
from depthscope.studies.mechanism.codebook import TABLES
from depthscope.studies.mechanism.heads import HeadShares
from depthscope.studies.mechanism.measures import compare_measures
from depthscope.studies.mechanism.page import LAYOUT
from depthscope.studies.mechanism.results import (
    Attribution,
    Exchange,
    Mechanism,
    mechanism_table,
    mechanism_tables,
    write_mechanism_figures,
)
from depthscope.studies.mechanism.words import (
    left_out,
    mechanism_answer,
    mechanism_in_short,
    mechanism_words,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Labelled = TypeVar("Labelled", xr.DataArray, xr.Dataset)
Say = Callable[[str], None]
# what a pass costs beside one token of plain reading: a pass with exchanged states runs half of the blocks on average
HALF = 0.5
TOO_FEW = "of the items with probes, fewer than 2 are tested: the others have the same text up to the target"


@dataclass(frozen=True)
class MechanismRun(FinishedRun):
    """A finished run: where it is, and what it found."""

    folder: Path
    found: Mechanism
    timings: dict[str, float]

    @property
    def told(self) -> list[str]:
        lines = [line.replace("**", "") for line in mechanism_in_short(self.found)]
        return [*lines, *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Draw the contrast of CSE by depth; returns matplotlib axes."""
        return self.found.main.plot(ax)


def run_mechanism(
    settings: Settings,
    out: Path,
    *,
    patch_items: int | None = None,
    heads: bool = False,
    command: str = "",
    progress: bool = True,
    say: Say = lambda line: None,
    model: Model | None = None,
) -> MechanismRun:
    """Run the study, or continue it, in the folder ``out``.

    Parameters
    ----------
    settings : Settings
        As for the metaphor study. The first contrast, of two conditions, is asked about; others and the evidence are not.
    patch_items : int, optional
        Exchange states in so many items only, drawn by a seeded rule; 0 for none. Default: all that have probes.
    heads : bool
        Also which heads of attention the difference comes from.
    say : callable
        Is told what the work will cost before it begins.
    """
    settings = settled(replace(settings, evidence="none"))
    table, terms = prepare(settings)
    main_terms = terms[0]
    if len(main_terms.left) > 1:
        raise DepthscopeError(f"{main_terms.name}: this study compares two conditions: give a contrast like a-b")
    a, b = main_terms.conditions
    table = table[table["condition"].isin([a, b])].reset_index(drop=True)
    if patch_items is not None and (patch_items < 0 or patch_items == 1):
        raise DepthscopeError(f"patch_items={patch_items}: give at least 2 items, or 0 for none")
    check_flag("heads", heads, "which heads the difference comes from")
    # without heads, a run goes on where one of an earlier version stopped
    extra = {"patch_items": patch_items, **({"heads": True} if heads else {})}
    with started(
        "mechanism",
        settings,
        extra,
        table,
        out,
        layout=LAYOUT,
        command=command,
        progress=progress,
        terms=[main_terms],
        model=model,
    ) as run:
        parts, about = _splittable(run.model, settings.cse.get("signal", "update"))
        by_head, about_heads = _splittable_by_head(run.model, bool(parts), about) if heads else (False, "")
        probed, no_patch = _probed(run.model, table, patch_items, a, b, settings)
        say(_cost(run.model, table, probed, a, b, settings))
        with run.clock("trace"):
            traj = run.tracer(
                "trajectories",
                run.model,
                table,
                subtoken=settings.subtoken,
                keep=settings.keep,
                parts="heads" if by_head else parts,
                lens=True,
            )
        with run.clock("analyse"):
            h = cse(traj, **settings.cse)
            main = contrast(h, main_terms, **settings.contrast)
            attribution = _attributed(traj, h, main, settings, about)
            quantities, missing = other_quantities(traj, settings.cse)
            beside = contrast_quantities(quantities, missing, main, settings.contrast)
            found = Mechanism(main, attribution, no_exchange=no_patch, beside=beside)
            if by_head:
                found = replace(found, heads=_heads(traj, main, found.window, settings, about_heads))
            elif heads:
                found = replace(found, no_heads=about_heads)
        with run.clock("baselines"):
            compared = compare_measures(
                traj, h, main, found.window, settings.contrast, seed=main.settings["seed"], progress=progress
            )
            found = replace(found, baselines=compared)
        if probed is not None:
            with run.clock("patch"):
                exchange = _exchanged(run, probed, found, settings, progress)
                found = replace(found, exchange=exchange, no_exchange="" if exchange else TOO_FEW)
        with run.clock("report"):
            write_quantities(quantities, out)
            _write(out, found, traj, h, settings, run)
        run.record.results = {
            found.main.name: [asdict(k) for k in found.main.clusters],
            "mechanism": mechanism_table(found).to_dict("records"),
        }
    return MechanismRun(out, found, run.clock.seconds)


def _splittable(model: Model, signal: str) -> tuple[bool, str]:
    if signal not in ADDITIVE:
        return False, f"signal={signal!r} is no sum of what attention and the MLPs give"
    try:
        return True, find_parts(model).about
    except DepthscopeError as problem:
        return False, str(problem)


def _splittable_by_head(model: Model, parts: bool, about: str) -> tuple[bool, str]:
    if not parts:
        return False, about
    try:
        return True, find_heads(model, find_parts(model)).about
    except DepthscopeError as problem:
        return False, str(problem)


def _probed(
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


def _cost(model: Model, table: pd.DataFrame, probed: pd.DataFrame | None, a: str, b: str, settings: Settings) -> str:
    """What lies ahead, in tokens and minutes at the speed of this machine now; what is finished already is not run again."""
    texts = sum(len(row.ids) for row in tokenize(model.tokenizer, table, settings.subtoken, model.max_length))
    lens = len(table) * model.depth if model.predicts else 0
    patches = 0
    if probed is not None:
        plan: Plan = plan_patches(model, probed, a, b, subtoken=settings.subtoken)
        patches = plan.tokens
    speed = reading_speed(model, settings.token_budget or default_budget(model.device))
    seconds = (texts + lens + HALF * patches) / speed
    exchange = f", {patches:,} with a state exchanged" if patches else ""
    return (
        f"ahead: {texts:,} tokens of texts, {lens:,} states through the head{exchange}; at {speed:,.0f} tokens/s about "
        f"{max(1, round(seconds / 60))} min, and some more for statistics. What is finished already is not run again."
    )


def _attributed(traj: xr.Dataset, h: xr.DataArray, main: Contrast, settings: Settings, about: str) -> Attribution:
    a, b = main.terms.conditions
    options = settings.contrast
    given = _tested(contributions(traj, a, b, **settings.cse), main)
    share = contrast(shares(traj, **settings.cse), main.terms, **options)
    map_ = _map(traj, main, settings)
    if "part" not in given.dims:
        return Attribution(share, against_zero(given, "contribution", **options), about=about, map=map_)
    parts = _by_part(given, options)
    relative = contributions(traj, a, b, **{**settings.cse, "relative": True})
    alone = {}
    for name in ("attention", "mlp"):
        one = traj.assign(gram=traj["part_gram"].sel(part=name, drop=True))
        try:
            alone[name] = contrast(cse(one, **settings.cse), main.terms, **options)
        except DepthscopeError:  # a network without that part
            continue
    scales = against_zero(given.sum("part", min_count=1), "contribution", **options)
    return Attribution(share, scales, parts, alone, about, map_, _by_part(_tested(relative, main), options))


def _map(traj: xr.Dataset, main: Contrast, settings: Settings) -> Contrast | None:
    """The contrast of the log-ratios of the energies; None where every layer has a cell without energy."""
    options = {name: value for name, value in settings.cse.items() if name != "normalize"}
    try:
        return contrast(energy_map(traj, **options), main.terms, **settings.contrast)
    except DepthscopeError:
        return None


def _by_part(given: xr.DataArray, options: dict[str, Any]) -> dict[str, Contrast]:
    return {
        str(name): against_zero(given.sel(part=name, drop=True).sum("scale", min_count=1), str(name), **options)
        for name in given["part"].values
    }


def _heads(traj: xr.Dataset, main: Contrast, window: tuple[int, int], settings: Settings, about: str) -> HeadShares:
    a, b = main.terms.conditions
    given = _tested(head_contributions(traj, a, b, **settings.cse), main).sel(layer=slice(*window)).mean("layer")
    left = cse_without_heads(traj, **settings.cse).sel(layer=slice(*window)).mean("layer")
    without = _tested(left.sel(condition=a, drop=True) - left.sel(condition=b, drop=True), main)
    relative = _tested(head_contributions(traj, a, b, **{**settings.cse, "relative": True})["heads"], main)
    whole = given["heads"].sum(["attention_block", "attention_head"])
    options = {name: main.settings[name] for name in ("permutations", "seed", "resamples", "bound")}
    return HeadShares(
        against_zero(given["heads"].rename(attention_block="layer"), "contribution", **settings.contrast),
        _mean_of_groups(without),
        _mean_of_groups(relative.sel(layer=slice(*window)).mean("layer")),
        {
            name: mean_effect(_by_group(values), **options)
            for name, values in {"heads": whole, "rest": given["rest"], "mlp": given["mlp"]}.items()
        },
        about,
    )


def _mean_of_groups(values: xr.DataArray) -> xr.DataArray:
    """By head: entries of one item are averaged first."""
    return values.groupby("group").mean().mean("group").rename(attention_block="layer")


def _tested(values: Labelled, main: Contrast) -> Labelled:
    """The items that the contrast is made of."""
    return values.isel(item=np.isin(group_names(values), main.differences["item"].values.astype(str)))


def _exchanged(
    run: Begun, probed: pd.DataFrame, found: Mechanism, settings: Settings, progress: bool
) -> Exchange | None:
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
    moved = _tested(carried(patched), found.main)
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
        together = mean_effect(_by_group(moved["effect"].isel(patch=-1)), **only)
    return Exchange(
        each,
        moved,
        compared,
        together,
        {run_: mean_effect(_by_group(moved["preference"].sel(run=run_)), **only) for run_ in (a, b)},
        float(patched.attrs["same"]),
        [name for name in str(patched.attrs["without_probe"]).split(", ") if name],
    )


def _by_group(values: xr.DataArray) -> Any:
    """One number per item: entries of one item are averaged."""
    return values.groupby("group").mean().values if values["group"].to_index().has_duplicates else values.values


def _write(out: Path, found: Mechanism, traj: xr.Dataset, h: xr.DataArray, settings: Settings, run: Begun) -> None:
    write_netcdf(h, out / "cse.nc")
    tables = mechanism_tables(found) | (baselines_tables(found.baselines) if found.baselines else {})
    write_tables(out, tables, TABLES)
    source = f"{short(settings.model)}, {short(settings.stimuli)}, {run.record.settings['cse']['wavelet']}"
    write_mechanism_figures(out / "figures", found, source)
    if found.baselines is not None:
        write_baselines_figure(out / "figures", found.baselines, source)
    share = found.attribution.share.table["dz"]  # whose scales and layers are those that were used
    record = run.record
    record.resolved = resolved(traj, share, found.window)
    about = run.about
    about |= described(traj, record, settings.stimuli, share, found.main)
    about["parts"] = found.attribution.about
    if found.heads is not None:
        about["heads"] = found.heads.about
    record.title = f"{found.main.name} in {settings.model}: from signature to mechanism"
    record.answer = mechanism_answer(found, settings.model, traj.sizes["layer"], settings.stimuli)
    noticed = remarks(traj, h)
    record.words = mechanism_words(found) | {"left_out": [*noticed, *left_out(found)]}
