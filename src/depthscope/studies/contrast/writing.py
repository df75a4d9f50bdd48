"""What a finished run leaves in its folder: files to work on, figures to look at, words to read."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from depthscope.errors import on_one_line
from depthscope.instrument.cse import scalogram_options
from depthscope.instrument.scalogram import scalogram
from depthscope.model.model import Model
from depthscope.report.codebook import write_tables
from depthscope.run.begin import Begun
from depthscope.statistics.result import Contrast
from depthscope.store.datasets import write_netcdf
from depthscope.store.record import RunRecord
from depthscope.studies.contrast.answer import DZ, WHAT, answered, asked, points
from depthscope.studies.contrast.codebook import TABLES
from depthscope.studies.contrast.figures import write_evidence_figures, write_figures, write_quantities_figure
from depthscope.studies.contrast.remarks import quantised
from depthscope.studies.contrast.results import Evidence, Quantities, every_contrast
from depthscope.studies.contrast.tables import (
    clusters_table,
    contrasts_table,
    evidence_tables,
    items_table,
    layers_table,
    quantities_layers_table,
    quantities_table,
    scalograms_table,
    texts_table,
)
from depthscope.studies.contrast.verdicts.quantities import quantities_words
from depthscope.studies.contrast.words import compared_reading, words


@dataclass(frozen=True)
class Findings:
    """What a run found: everything that is drawn, tabulated and said."""

    traj: xr.Dataset
    h: xr.DataArray
    others: xr.Dataset
    contrasts: Sequence[Contrast]
    quantities: Quantities
    evidence: Evidence | None
    remarks: Sequence[str]

    @property
    def tested(self) -> list[Contrast]:
        """The contrasts asked for, then the controls."""
        return every_contrast(self.contrasts, self.evidence)


def write_findings(
    out: Path, found: Findings, run: Begun[Model], *, model: str, stimuli: str, measure: Mapping[str, Any]
) -> None:
    """Write tables and figures, and fill in what the record says was found, and what was resolved."""
    record, about = run.record, run.about
    write_netcdf(found.h, out / "cse.nc")
    write_quantities(found.others, out)
    share = scalogram(found.traj, **scalogram_options(measure), share=True)
    record.resolved = resolved(found.traj, share, found.contrasts[0].window)
    write_tables(out, _tables(found, share), TABLES)
    source = f"{short(model)}, {short(stimuli)}, {record.settings['cse']['wavelet']}"
    write_figures(out / "figures", found.h, share, found.contrasts, source)
    write_quantities_figure(out / "figures", found.quantities, source)
    if found.evidence is not None:
        write_evidence_figures(out / "figures", found.h, found.evidence, source)
    main, depth, e = found.contrasts[0], found.traj.sizes["layer"], found.evidence
    record.title = f"{main.name} in {model}: conditional scale entropy by depth"
    record.answer = [asked(main, model, depth, stimuli), answered(main, e, depth)]
    told = {"beside": [f"{line}." for line in quantities_words(found.quantities)]}
    told |= words(found.contrasts, depth, found.remarks, e)
    about |= described(found.traj, record, stimuli, share, main)
    listed = points(main, e, depth, quantities_words(found.quantities))
    # on the page, the figure that needs it stands beside it
    reading = {"controls_reading": [compared_reading(e)]} if e else {}
    record.words = told | reading | {"points": listed, "explained": [WHAT, DZ]}


def write_quantities(quantities: xr.Dataset, out: Path) -> None:
    """``relative.nc``, by item: what depends on no weight of the scales. Covariates are in ``cse.nc``."""
    if quantities.data_vars:
        kept = [
            name for name in quantities.coords if name not in ("item", "condition", "layer", "group", "relative_depth")
        ]
        write_netcdf(quantities.drop_vars(kept), out / "relative.nc")


def _tables(found: Findings, share: xr.DataArray) -> dict[str, pd.DataFrame]:
    tables = {
        "layers.csv": layers_table(found.h),
        "contrasts.csv": contrasts_table(found.tested),
        "clusters.csv": clusters_table(found.tested),
        "items.csv": items_table(found.contrasts),
        "scalograms.csv": scalograms_table(share),
        "texts.csv": texts_table(found.traj, found.h, found.contrasts[0]),
        "relative.csv": quantities_table(found.quantities),
        "relative-layers.csv": quantities_layers_table(found.quantities),
    }
    return tables | (evidence_tables(found.evidence) if found.evidence else {})


def resolved(traj: xr.Dataset, share: xr.DataArray, window: tuple[int, int]) -> dict[str, Any]:
    """What the settings that were left open came to; ``window``: the layers at which analyses are compared."""
    return {
        "window": list(window),
        "layers": [int(share["layer"].values[0]), int(share["layer"].values[-1])],
        "scales": [round(float(s), 6) for s in share["scale"].values],
        "periods": [round(float(p), 6) for p in share["period"].values],
        "token_budget": int(traj.attrs["token_budget"]),
    }


def described(traj: xr.Dataset, record: RunRecord, stimuli: str, share: xr.DataArray, main: Contrast) -> dict[str, str]:
    """The settings of a run, for its summary."""
    effort = record.settings.get("effort", {})
    return {
        "model": f"{traj.attrs['model']} ({traj.attrs['model_class']}, fingerprint {traj.attrs['fingerprint']})",
        "weights": f"quantised: {traj.attrs['quantization']}" if quantised(traj) else traj.attrs["dtype"],
        "stimuli": f"{stimuli} ({traj.sizes['stimulus']} texts)",
        "language": str(record.settings.get("language") or "not given"),
        "target token": traj.attrs["subtoken"],
        "added before each text": traj.attrs["special_prefix"] or "nothing",
        "CSE": ", ".join(f"{name} {value}" for name, value in record.settings["cse"].items() if value is not None),
        "Fourier periods": f"{share['period'].values.min():.3g} to {share['period'].values.max():.3g} layers",
        "statistics": main.settings_text,
        "evidence": ", ".join(f"{name} {value}" for name, value in effort.items()) or "none",
        "versions": ", ".join(f"{k} {v}" for k, v in record.environment.items()),
    }


def short(name: str) -> str:
    """The last part of a path, for figures, which no half of a character can be drawn in; a name as it is."""
    there = os.path.exists(name)  # noqa: PTH110 - which is also asked of what is longer than any name
    return on_one_line(Path(name).name if there else name)
