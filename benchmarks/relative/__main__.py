"""The tables and figures of docs/relative.md: ``python -m benchmarks.relative DATA [--model M ...] [--sets S ...]``.

For each model and each set, sixteen settings: four wavelets, edges masked or not, filters of L2 or L1. The layers are chosen
once for each model, by default CSE on Cardillo's pairs, and serve all other sets. Then all settings in which weights cancel,
weights between L2 and L1, and the clusters of default settings. ``DATA`` holds others' sets in folders of their names; what
is traced is kept in ``.cache/relative``, so that the tables are made again in minutes.
"""

import argparse
from collections.abc import Iterable
from pathlib import Path

import xarray as xr

from benchmarks.relative import figures
from benchmarks.relative.measures import QUANTITIES, Effect, chosen
from benchmarks.relative.sets import CONTRASTS
from benchmarks.relative.settings import directed, sixteen
from benchmarks.relative.tables import clusters, cosine, in_percent, over_settings, signs, weighted
from benchmarks.relative.trajectories import trajectories
from depthscope.instrument.specifications import Specification

MODELS = ("embedded", "gemma-3-270m", "qwen2.5-coder-0.5b", "tinyllama-1.1b-2bit", "stories-15m")
CHOSEN_BY = "cardillo"
# looked at in all settings, under weights, and for clusters
CLOSER = ("cardillo", "builtin")
# half an hour and more on two cores for each set: a model of a billion weights is given the sets that say most
FEWER = {"qwen2.5-coder-0.5b": ("cardillo", "builtin", "mohx", "impli"), "tinyllama-1.1b-2bit": ("cardillo",)}
TABLES = ("sixteen", "all", "weights", "clusters")
IMAGES = Path("docs/images")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="DATA")
    parser.add_argument("--model", action="append", choices=MODELS, help="default: all of them; none needs a hub")
    parser.add_argument("--sets", nargs="+", choices=tuple(CONTRASTS), default=list(CONTRASTS))
    parser.add_argument("--table", action="append", choices=TABLES, help="default: all of them")
    parser.add_argument("--figures", action="store_true", help=f"draw into {IMAGES} too")
    asked = parser.parse_args()
    models, tables = asked.model or MODELS, asked.table or TABLES
    if "sixteen" in tables:
        found = sixteen_settings(models, asked.sets, asked.folder)
        if asked.figures:
            figures.models(found, IMAGES / "relative-models.png")
    if "all" in tables:
        drawn = all_settings(models[:2], asked.folder)
        if asked.figures:
            figures.settings(drawn, IMAGES / "relative-settings.png")
    if "weights" in tables:
        weights_between(models, asked.folder)
    if "clusters" in tables:
        default_clusters(models, asked.folder)


def sixteen_settings(models: Iterable[str], sets: Iterable[str], folder: Path) -> figures.Rows:
    """One line for each contrast and model."""
    head("contrast", "model", "n", "layers", *QUANTITIES, "cosine")
    rows: figures.Rows = {}
    largest = 0.0
    for name in sets:
        traces = {model: traced(model, name, folder) for model in models if name in FEWER.get(model, CONTRASTS)}
        measured = {
            model: over_settings(traj, CONTRASTS[name], layers, sixteen(traj.sizes["layer"]))
            for model, (traj, layers) in traces.items()
        }
        largest = max(largest, 0.0, *(apart for _, apart in measured.values()))
        for first, second in CONTRASTS[name]:
            for model, (found, _) in measured.items():
                effects, (traj, layers) = found[first, second], traces[model]
                contrast = f"{name}: {first} - {second}"
                cells = (*map(signs, effects.values()), cosine(traj, (first, second), layers))
                line(contrast, model, max(one.n for one in effects["CSE"]), place(layers), *cells)
                rows[contrast, model] = effects
    print(f"\nmax |L1 - L2| of relative CSE, over all of it: {largest:.1e}\n", flush=True)
    return rows


def all_settings(models: Iterable[str], folder: Path) -> figures.Rows:
    """Settings of each sign, and by the norm where it matters: of the updates alone, and of all signals with directions."""
    head("contrast", "model", "settings", *figures.BY_NORM)
    drawn: figures.Rows = {}
    for name in CLOSER:
        for model in models:
            traj, layers = traced(model, name, folder)
            settings = directed(traj.sizes["layer"])
            found, _ = over_settings(traj, CONTRASTS[name][:3], layers, settings, quick=True)
            for (first, second), effects in found.items():
                contrast = f"{name}: {first} - {second}"
                drawn[contrast, model] = by_norm(effects, settings)
                updates = by_norm(effects, settings, "update")
                for what, cells in (("updates", updates), ("all signals", drawn[contrast, model])):
                    count = len(cells["relative CSE"])
                    line(contrast, model, f"{count} ({what})", *map(in_percent, cells.values()))
    print(flush=True)
    return drawn


def by_norm(
    effects: dict[str, list[Effect]], settings: list[Specification], signal: str | None = None
) -> dict[str, list[Effect]]:
    """CSE under L2 and L1 apart; relative CSE and the slope of directions once, for they are the same under both."""

    def of(name: str, norm: str) -> list[Effect]:
        # of what is the same under both norms there is one half
        known = [one for one in settings if name == "CSE" or one.choices["norm"] == "L2"]
        return [
            one
            for one, setting in zip(effects[name], known, strict=True)
            if setting.choices["norm"] == norm and signal in (None, setting.choices["signal"])
        ]

    columns = (of("CSE", "L2"), of("CSE", "L1"), of("relative CSE", "L2"), of("slope of directions", "L2"))
    return dict(zip(figures.BY_NORM, columns, strict=True))


def weights_between(models: Iterable[str], folder: Path) -> None:
    """Cardillo's pairs with energies times ``scale^-a``: from L2 (a = 0) to L1 (a = 1)."""
    head("model", "weight s^-a, a =", "slope of the profile", "dz of CSE")
    for model in models:
        for a, profile, effect in weighted(*of_pairs(model, folder)):
            line(model, f"{a:g}", f"{profile:+.2f}", f"{effect.dz:+.2f}")
    print(flush=True)


def default_clusters(models: Iterable[str], folder: Path) -> None:
    """Layers of the significant clusters of Cardillo's pairs in default settings, with dz at the peak."""
    head("model", *QUANTITIES)
    for model in models:
        traj, pair, _ = of_pairs(model, folder)
        line(model, *clusters(traj, pair))
    print(flush=True)


def of_pairs(model: str, folder: Path) -> tuple[xr.Dataset, tuple[str, str], slice]:
    traj, layers = traced(model, CHOSEN_BY, folder)
    return traj, CONTRASTS[CHOSEN_BY][0], layers


def traced(model: str, name: str, folder: Path) -> tuple[xr.Dataset, slice]:
    """The trajectories of a set, and the layers that Cardillo's pairs choose for the model."""
    chooser = trajectories(model, CHOSEN_BY, folder)
    return trajectories(model, name, folder), chosen(chooser, *CONTRASTS[CHOSEN_BY][0])


def place(layers: slice) -> str:
    return f"{layers.start} to {layers.stop}"


def head(*names: str) -> None:
    print(f"| {' | '.join(names)} |\n|{'---|' * len(names)}", flush=True)


def line(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


if __name__ == "__main__":
    main()
