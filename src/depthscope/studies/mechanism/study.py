"""The mechanism study: which scales, layers and parts carry a contrast of CSE, what else shows it, and whether it matters."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from depthscope.errors import DepthscopeError, check_flag
from depthscope.instrument.cse import cse
from depthscope.model.model import Model
from depthscope.report.codebook import write_tables
from depthscope.run.begin import Begun
from depthscope.run.result import FinishedRun
from depthscope.statistics.contrast import contrast
from depthscope.store.datasets import write_netcdf
from depthscope.studies.contrast.quantities import contrast_quantities, other_quantities
from depthscope.studies.contrast.remarks import remarks
from depthscope.studies.contrast.settings import Settings, prepare, settled
from depthscope.studies.contrast.start import started
from depthscope.studies.contrast.writing import described, resolved, short, write_quantities
from depthscope.studies.mechanism.attribution import attribute, splittable, splittable_by_head
from depthscope.studies.mechanism.baselines import baselines_tables
from depthscope.studies.mechanism.codebook import TABLES
from depthscope.studies.mechanism.cost import cost_ahead
from depthscope.studies.mechanism.exchange import TOO_FEW, exchange_states, probed_items
from depthscope.studies.mechanism.figures import write_baselines_figure, write_mechanism_figures
from depthscope.studies.mechanism.heads import head_shares
from depthscope.studies.mechanism.measures import compare_measures
from depthscope.studies.mechanism.page import LAYOUT
from depthscope.studies.mechanism.results import Mechanism, mechanism_table, mechanism_tables
from depthscope.studies.mechanism.words import left_out, mechanism_answer, mechanism_in_short, mechanism_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Say = Callable[[str], None]


@dataclass(frozen=True)
class MechanismRun(FinishedRun):
    """A finished run: where it is, and what it found."""

    folder: Path
    found: Mechanism
    timings: dict[str, float]

    @property
    def told(self) -> list[str]:
        """The run for a terminal: what was found, the claim first."""
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
        As for the metaphor study. Only its first contrast, of two conditions, is made, without evidence.
    patch_items : int, optional
        Exchange states in so many items only, drawn by a seeded rule; 0 for none. Default: all that have probes.
    heads : bool
        Also which heads of attention the difference comes from.
    say : callable
        Called with a sentence on what the work will cost, before it begins.
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
        parts, about = splittable(run.model, settings.cse.get("signal", "update"))
        by_head, about_heads = splittable_by_head(run.model, bool(parts), about) if heads else (False, "")
        probed, no_patch = probed_items(run.model, table, patch_items, a, b, settings)
        say(cost_ahead(run.model, table, probed, a, b, settings))
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
            attribution = attribute(traj, h, main, settings, about)
            quantities, missing = other_quantities(traj, settings.cse)
            beside = contrast_quantities(quantities, missing, main, settings.contrast)
            found = Mechanism(main, attribution, no_exchange=no_patch, beside=beside)
            if by_head:
                found = replace(found, heads=head_shares(traj, main, found.window, settings, about_heads))
            elif heads:
                found = replace(found, no_heads=about_heads)
        with run.clock("baselines"):
            compared = compare_measures(
                traj, h, main, found.window, settings.contrast, seed=main.settings["seed"], progress=progress
            )
            found = replace(found, baselines=compared)
        if probed is not None:
            with run.clock("patch"):
                exchange = exchange_states(run, probed, found, settings, progress)
                found = replace(found, exchange=exchange, no_exchange="" if exchange else TOO_FEW)
        with run.clock("report"):
            write_quantities(quantities, out)
            _write(out, found, traj, h, settings, run)
        run.record.results = {
            found.main.name: [asdict(k) for k in found.main.clusters],
            "mechanism": mechanism_table(found).to_dict("records"),
        }
    return MechanismRun(out, found, run.clock.seconds)


def _write(
    out: Path, found: Mechanism, traj: xr.Dataset, h: xr.DataArray, settings: Settings, run: Begun[Model]
) -> None:
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
