"""What a user waits for every day, today and in 0.6.0: ``python -m benchmarks.everyday``, about six minutes on two cores.

Both sides are commands in processes of their own, in turns, with the threads that torch takes by itself; of the turns, the
shortest counts, which other work on the machine disturbs least. 0.6.0 runs from a worktree of its last commit, which is
made in ``.cache``, with the one library that it needs beside today's. What both find is compared before a row is printed.
The model is converted, and proven, before anything is timed.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from benchmarks.measure import HEADER, Row, processor
from benchmarks.since import MOST_APART

REVISION, VERSION = "e690a73", "0.6.0"
NEEDED = "vl-convert-python>=1.7"
HERE = Path(__file__).parents[1]
PLACE = HERE / ".cache" / "everyday"
TEXT = "The old lawyer was a shark in the small dark court."  # 12 tokens
RUN = ("run", "metaphor", "--model", "embedded", "--stimuli", "builtin", "--no-progress")
SHOW = ("show", "--model", "embedded", "--text", TEXT, "--no-progress", "--json")
# stages of a run in which today's version has no more to do than that of then
ALIKE = ("load", "trace", "analyse", "controls", "nulls")

OURS = "import depthscope as ds; load = lambda: ds.load('embedded')"
PLAIN = """
from transformers import AutoModelForCausalLM, AutoTokenizer
def load():
    AutoTokenizer.from_pretrained({folder!r})
    return AutoModelForCausalLM.from_pretrained({folder!r}).eval()
"""
LOADING = """
import time
{load}
load()
begin = time.perf_counter(), time.process_time()
load()
print(time.perf_counter() - begin[0], time.process_time() - begin[1])
"""


@dataclass(frozen=True)
class Side:
    """One of the two versions, and how its command is called."""

    source: Path
    beside: Path | None = None

    def started(self, *arguments: str) -> "Taken":
        """A process of Python, from its start to its end; it must end well."""
        paths = [self.source, *([self.beside] if self.beside else [])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "HF_HUB_OFFLINE": "1"}
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
        )
        wall, after = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(f"{self.source}: {' '.join(arguments)}\n{done.stderr[-2000:]}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Taken(wall, cpu, done.stdout)

    def command(self, *words: str) -> "Taken":
        return self.started("-m", "depthscope", *words)


@dataclass(frozen=True)
class Taken:
    """Seconds of a clock on the wall and of the processor, and what was printed."""

    wall: float
    cpu: float
    said: str

    def text(self) -> str:
        return f"{self.wall:.1f} s ({self.cpu:.1f} s of the processor)"


def then() -> Side:
    """The earlier version: its worktree, and the library that it draws with, made once."""
    tree, site = PLACE / VERSION, PLACE / "site"
    if not (tree / "src").is_dir():
        subprocess.run(["git", "worktree", "prune"], cwd=HERE, check=True)
        subprocess.run(["git", "worktree", "add", "--detach", str(tree), REVISION], cwd=HERE, check=True)
    if not site.is_dir():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site), NEEDED]
        subprocess.run(pip, check=True)
    return Side(tree / "src", site)


def turns(rounds: int, *works: Callable[[], Any]) -> list[list[Any]]:
    """What each work gives, in turns."""
    taken = [[work() for work in works] for _ in range(rounds)]
    return [list(column) for column in zip(*taken, strict=True)]


def shortest(taken: list[Taken]) -> Taken:
    return Taken(min(one.wall for one in taken), min(one.cpu for one in taken), taken[0].said)


def row(work: str, against: str, ours: Taken, theirs: Taken, least: float | None = None) -> Row:
    """Theirs over ours, in wall time; ``least`` is the goal."""
    ratio = theirs.wall / ours.wall
    goal, met = ("", True) if least is None else (f">= {least:g}", ratio >= least)
    return Row(
        work,
        f"{against}, wall time (processor {theirs.cpu / ours.cpu:.2f})",
        ours.text(),
        theirs.text(),
        ratio,
        goal,
        met,
    )


def check(what: str, ours: Any, theirs: Any) -> str:
    """How far apart the numbers of both sides are, in words; refused if it is more than rounding."""
    a, b = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    apart = float(np.nanmax(np.abs(a - b))) if a.shape == b.shape else np.inf
    if not (apart <= MOST_APART and (np.isnan(a) == np.isnan(b)).all()):
        raise SystemExit(f"{what}: the two sides differ by {apart:.1g}, so that their times say nothing")
    return f"{VERSION} (CSE within {apart:.0e})"


def running(now: Side, before: Side, place: Path, rounds: int) -> list[Row]:
    """A run of the demo: all that each version does, and the stages that do the same in both."""
    outs = iter(range(1000))

    def run(side: Side) -> tuple[Taken, dict[str, float], Path]:
        out = place / f"run-{next(outs)}"
        taken = side.command(*RUN, "--out", str(out))
        return taken, json.loads((out / "run.json").read_text())["timings"], out

    ours, theirs = turns(rounds, lambda: run(now), lambda: run(before))
    against = check("run metaphor", *(_measure(side[0][2]) for side in (ours, theirs)))

    def alike(side: list[tuple[Taken, dict[str, float], Path]]) -> float:
        # what stands in no stage, such as importing, belongs to both
        return min(taken.wall - sum(s for name, s in stages.items() if name not in ALIKE) for taken, stages, _ in side)

    def stage(side: list[tuple[Taken, dict[str, float], Path]], name: str) -> float:
        return min(stages.get(name, 0.0) for _, stages, _ in side)

    whole = [shortest([taken for taken, _, _ in side]) for side in (ours, theirs)]
    found = [row("run metaphor, builtin, all that each version does (today tells more)", against, *whole)]
    a, b = alike(ours), alike(theirs)
    work = "the same without the stages confounds and report, in which today's version does more"
    found.append(Row(work, f"{against}, wall time", f"{a:.1f} s", f"{b:.1f} s", b / a, ">= 1.7", b / a >= 1.7))
    for name in (*ALIKE, "confounds", "report"):
        a, b = stage(ours, name), stage(theirs, name)
        found.append(
            Row(f"of it: {name}", f"{VERSION}, wall time", f"{a:.1f} s", f"{b:.1f} s", b / max(a, 1e-9), "", True)
        )
    return found


def _measure(out: Path) -> Any:
    with xr.open_dataset(out / "cse.nc", engine="scipy") as stored:
        return stored["cse"].transpose("item", "condition", "layer").values


def plain_run(now: Side, before: Side, place: Path, rounds: int) -> list[Row]:
    """The same without evidence, which is as near as options come to what both versions compute."""
    outs = iter(range(1000))

    def run(side: Side) -> Taken:
        return side.command(*RUN, "--evidence", "none", "--out", str(place / f"plain-{next(outs)}"))

    ours, theirs = turns(rounds, lambda: run(now), lambda: run(before))
    work = "run metaphor --evidence none (today with relative CSE, slopes, cosine and a figure of them)"
    return [row(work, VERSION, shortest(ours), shortest(theirs), 1.7)]


def showing(now: Side, before: Side, place: Path, rounds: int) -> list[Row]:
    def show(side: Side) -> Taken:
        return side.command(*SHOW, "--out", str(place / "show.html"))

    ours, theirs = turns(rounds, lambda: show(now), lambda: show(before))
    numbers = [[token["cse"] for token in json.loads(side[0].said)["texts"][0]["tokens"]] for side in (ours, theirs)]
    work = f"show on {len(numbers[0])} tokens, with its page"
    return [row(work, check("show", *numbers), shortest(ours), shortest(theirs), 2.0)]


def loading(now: Side, before: Side, folder: str, rounds: int) -> list[Row]:
    """Loading, in a new process and again in the same one, beside transformers' own and beside that of then."""

    def once(side: Side, load: str) -> Taken:
        return side.started("-c", f"{load}\nload()")

    def again(side: Side, load: str) -> Taken:
        said = side.started("-c", LOADING.format(load=load)).said
        wall, cpu = map(float, said.splitlines()[-1].split())
        return Taken(wall, cpu, said)

    plain = PLAIN.format(folder=folder)
    found = []
    for work, how in (("load('embedded') in a new process", once), ("the same again, in the same process", again)):
        sides = turns(
            rounds, *(lambda s=s, c=c, how=how: how(s, c) for s, c in ((now, OURS), (now, plain), (before, OURS)))
        )
        ours, theirs, earlier = (shortest(side) for side in sides)
        ratio = ours.wall / theirs.wall
        goal, met = ("<= 1.3", ratio <= 1.3) if how is once else ("", True)
        found.append(
            Row(work, "from_pretrained of its folder, wall time", _short(ours), _short(theirs), ratio, goal, met)
        )
        found.append(
            Row(work, f"{VERSION}, wall time", _short(ours), _short(earlier), earlier.wall / ours.wall, "", True)
        )
    return found


def _short(taken: Taken) -> str:
    return f"{taken.wall:.2f} s ({taken.cpu:.2f} s of the processor)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="turns of a run; short works take twice as many")
    parser.add_argument("--only", choices=("run", "plain", "show", "load"), nargs="+")
    asked = parser.parse_args()
    now, before = Side(HERE / "src"), then()
    folder = "print(__import__('depthscope.model.pretrained').model.pretrained.pretrained_folder('embedded'))"
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        for side in (now, before):  # converted, proven, compiled to bytecode
            side.command(*SHOW, "--out", str(place / "first.html"))
        works = {
            "load": lambda: loading(now, before, now.started("-c", folder).said.strip(), 2 * asked.rounds),
            "show": lambda: showing(now, before, place, 2 * asked.rounds),
            "plain": lambda: plain_run(now, before, place, asked.rounds),
            "run": lambda: running(now, before, place, asked.rounds),
        }
        print(f"{processor()}\n\n{HEADER}", flush=True)
        for name, work in works.items():
            if not asked.only or name in asked.only:
                for found in work():
                    print(found.markdown(), flush=True)


if __name__ == "__main__":
    main()
