"""Today's code against that of an earlier commit, side by side: ``python -m benchmarks.since REVISION [VUA_FOLDER]``.

Each side runs in processes of its own, in turns, so that a busy machine is busy for both: a process does its work once for
the time that it takes, and once more for its memory. Results of both sides are compared before a row is printed.
``--rounds N`` takes the median of N turns.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.measure import HEADER, Row, mebibytes, peak_bytes, processor

MOST_APART = 1e-6
ITEMS, LAYERS = 8000, 30

# of each work, what it is in words, and how many times faster it is meant to be
WORKS = {
    "builtin": ("trace of {texts} built-in texts with surprisal, embedded model, 1 thread", 1.15),
    "vua": ("trace of {texts} texts of VUA pairs with surprisal, embedded model, 1 thread", 1.8),
    "contrast": (f"contrast of {ITEMS:,} items x {LAYERS} layers", 50.0),
}
LEAST_MEMORY = 0.8


def traced(table: Any) -> Callable[[], Any]:
    import torch

    import depthscope as ds

    torch.set_num_threads(1)
    model = ds.load("embedded", device="cpu")
    return lambda: ds.cse(ds.trace(model, table, progress=False))


def texts(name: str, folder: str, items: int) -> Any:
    """All of the built-in items or 200 pairs of VUA; fewer if ``items`` is not 0."""
    import depthscope as ds
    from depthscope.stimuli.sample import sample_items

    table = ds.read_stimuli(name, folder=folder) if name == "vua" else ds.read_stimuli(name)
    count = items or (200 if name == "vua" else table["item"].nunique())
    return sample_items(table, count)


def contrasted() -> Callable[[], Any]:
    import xarray as xr

    import depthscope as ds

    values = np.random.default_rng(0).normal(size=(ITEMS, 2, LAYERS)) + np.array([0.05, 0])[None, :, None]
    coords = {"item": np.arange(ITEMS).astype(str), "condition": ["a", "b"], "layer": np.arange(1, LAYERS + 1)}
    table = xr.DataArray(values, coords, ("item", "condition", "layer"))
    ds.contrast(table[:10], "a", "b")  # what is imported at the first call is no part of the work
    return lambda: ds.contrast(table, "a", "b").table["dz_low"]


def worker(name: str, folder: str, items: str) -> None:
    """One side's process; what it found is told as a line of JSON."""
    work = contrasted() if name == "contrast" else traced(texts(name, folder, int(items)))
    wall, cpu = time.perf_counter(), time.process_time()
    result = np.asarray(work())
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = peak_bytes(work, repeated=True)
    print(json.dumps({"wall": wall, "cpu": cpu, "peak": peak, "result": result.ravel()[:100_000].tolist()}))


def told(table: Any) -> str:
    """How many tokens run: whole, cut after the last one asked for, and with those that begin alike run once."""
    import depthscope as ds
    from depthscope.capture.prefixes import prefixes
    from depthscope.capture.tokens import tokenize
    from depthscope.capture.trees import forest

    rows = tokenize(ds.load("embedded", device="cpu").tokenizer, ds.read_stimuli(table, paired=False))
    cut = prefixes(rows, True).ids
    branching = sum(len(tree.ids) for tree in forest(cut, True).trees)
    whole = sum(len(row.ids) for row in rows)
    return f"{whole:,} tokens whole, {sum(map(len, cut)):,} cut after the last one asked for, {branching:,} in rows that branch"


def earlier(revision: str, place: str) -> Path:
    """The package as it was."""
    data = subprocess.run(["git", "archive", revision, "src"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(place, filter="data")
    return Path(place) / "src"


def side(source: Path, name: str, folder: str, items: int) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{Path.cwd()}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.since", "--work", name, folder, str(items)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def rows(name: str, before: Path, folder: str, items: int, revision: str, rounds: int) -> list[Row]:
    pairs = [(side(Path("src"), name, folder, items), side(before, name, folder, items)) for _ in range(rounds)]
    apart = np.nanmax(np.abs(np.subtract(pairs[0][0]["result"], pairs[0][1]["result"])))
    if not apart <= MOST_APART:
        raise SystemExit(f"{name}: the two sides differ by {apart:.1g}, so that their times say nothing")
    work, goal = WORKS[name]
    work = work.format(texts=0 if name == "contrast" else len(texts(name, folder, items)))
    times = {clock: [median(pair[i][clock] for pair in pairs) for i in (0, 1)] for clock in ("wall", "cpu")}
    ours, theirs = times["cpu"]
    little, much = (median(pair[i]["peak"] for pair in pairs) for i in (0, 1))
    wall = times["wall"][1] / times["wall"][0]
    shown = f"{revision}, CPU time (wall time {wall:.2f}); results differ by at most {apart:.0e}"
    found = [Row(work, shown, f"{ours:.2f} s", f"{theirs:.2f} s", theirs / ours, f">= {goal:g}", theirs / ours >= goal)]
    if name == "vua":
        met = little / much <= LEAST_MEMORY
        shown = f"{revision}, peak memory"
        found.append(Row(work, shown, mebibytes(little), mebibytes(much), little / much, f"<= {LEAST_MEMORY}", met))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("revision", help="the earlier commit")
    parser.add_argument("folder", nargs="?", default="", help="of VUA's files; without it, its rows are left out")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--items", type=int, default=0, help="only so many of each set, for a machine with other work")
    asked = parser.parse_args()
    print(f"{processor()}\n\n{HEADER}")
    with tempfile.TemporaryDirectory() as place:
        before = earlier(asked.revision, place)
        for name in WORKS:
            if name != "vua" or asked.folder:
                for row in rows(name, before, asked.folder, asked.items, asked.revision, asked.rounds):
                    print(row.markdown(), flush=True)
    print(f"\nbuiltin: {told(texts('builtin', '', 0))}")
    if asked.folder:
        print(f"vua: {told(texts('vua', asked.folder, 0))}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        worker(*sys.argv[2:5])
    else:
        main()
