"""Runs the simulations: ``python -m benchmarks.simulations [--only NAME ...]`` prints the table of docs/simulations.md.

Every row is a share of simulated studies in which something was claimed, with its 95 % interval, beside what it should be.
Run as a whole, it draws the figure too. A new question is a file with ``rows()`` and a name in ``QUESTIONS``.
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path

from benchmarks.simulations.figure import draw
from benchmarks.simulations.study import Row

# in the order of the table
QUESTIONS = (
    "nulls",
    "confounds",
    "curved",
    "attenuation",
    "families",
    "shares",
    "several",
    "missing",
    "equivalence",
    "curves",
    "power",
    "asymmetry",
    "selection",
    "promised",
)
FIGURE = Path("docs/images/simulations.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=QUESTIONS, metavar="NAME", help=", ".join(QUESTIONS))
    parser.add_argument(
        "--jobs", type=int, default=2, help="questions that are simulated at a time; numbers stay the same"
    )
    asked = parser.parse_args()
    start = time.perf_counter()
    names = [name for name in QUESTIONS if not asked.only or name in asked.only]
    found: dict[str, list[Row]] = {}
    print(
        "| claim | simulated | claimed in | 95 % interval | should be | by the rule of 0.6.0 |\n|---|---|---|---|---|---|"
    )
    with ProcessPoolExecutor(max_workers=asked.jobs) as pool:
        for name, rows in zip(names, pool.map(simulated, names), strict=True):
            found[name] = rows
            for row in rows:
                print(line(row), flush=True)
    print(f"\n{sum(map(len, found.values()))} simulations in {time.perf_counter() - start:.0f} s.")
    if not asked.only:
        draw(found, FIGURE)


def simulated(name: str) -> list[Row]:
    return list(import_module(f"benchmarks.simulations.{name}").rows())


def line(row: Row) -> str:
    low, high = row.rate.interval
    interval = f"{100 * low:.1f} to {100 * high:.1f} %"
    goal = f"{row.bound} {100 * row.goal:.0f} %".strip()
    before = "" if row.before is None else f"{100 * row.before.share:.1f} %"
    cells = (row.claim, row.simulated, f"{100 * row.rate.share:.1f} % of {row.rate.draws}", interval, goal, before)
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
