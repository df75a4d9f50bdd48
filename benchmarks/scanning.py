"""``python -m benchmarks.scanning``: a scan against the plain forward pass of its windows, and against itself.

Each row can be asked for by name: ``forward``, ``rolling``, ``workers``, ``memory``.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import HEADER, Row, mebibytes, processor

TOKENS = 200_000
# words of our own: what stands there changes no time
WORDS = ("the", "old", "lighthouse", "keeper", "counted", "every", "wave", "that", "broke", "upon", "his", "silence")


def write_corpus(folder: Path, words: int, documents: int = 8) -> Path:
    folder.mkdir(parents=True)
    for number in range(documents):
        text = " ".join(WORDS[(i * i + 3 * i + number) % len(WORDS)] for i in range(words // documents))
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def against_forward(place: Path, tokens: int) -> Iterator[Row]:
    """Parts are scanned, and the same windows run plainly, in turns; the scan reads, tokenises, writes and summarises too."""
    import torch

    import depthscope as ds
    from depthscope.capture.batches import pad, plan
    from depthscope.scan import local
    from depthscope.scan.job import Job

    model = ds.load("embedded", device="cpu")
    plain = 0.0

    class Both(local.Local):
        """The engine of the scan, which has the same windows run plainly before or after it measures them."""

        def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Any]]:
            for job in jobs:
                if job.number % 2:
                    forward(job)
                found = self._worker.measure(job)
                if not job.number % 2:
                    forward(job)
                yield job, found

    def forward(job: Job) -> None:
        nonlocal plain
        start = time.perf_counter()
        for batch in plan([len(window.ids) for window in job.windows], 1024):
            ids, mask = pad([job.windows[i].ids for i in batch], 0, model.device)
            model.run_trunk(ids, mask)
        plain += time.perf_counter() - start

    from depthscope.scan import engines

    corpus = write_corpus(place / "corpus", tokens)
    ordinary, engines.Local = engines.Local, Both
    try:
        start = time.perf_counter()
        found = ds.scan_corpus(model, corpus, place / "out", progress=False)
        scanned = time.perf_counter() - start - plain
    finally:
        engines.Local = ordinary
    count = found.record.results["tokens"]
    work = (
        f"scan of {count:,} tokens (cse, norm), embedded model, {torch.get_num_threads()} threads, from call to return"
    )
    against = "plain forward of the same windows without head, in turns"
    yield Row(work, against, f"{scanned:.0f} s", f"{plain:.0f} s", scanned / plain, "<= 1.05", scanned / plain <= 1.05)


def on_the_roll(place: Path, tokens: int) -> Iterator[Row]:
    """Parts are read with rolling reading, in windows (as 0.6.0 reads them all), and plainly with a cache, in turns; CPU time.

    The plain pass takes the same tokens of each document once, in the same pieces, behind a cache that is cut to the
    context, without hooks and without measuring. Its seconds are the mean of one before and one after.
    """
    import torch

    import depthscope as ds
    from depthscope.model.carried import Carrier
    from depthscope.scan import engines, local
    from depthscope.scan.job import Job

    window, context = 512, 384
    model = ds.load("embedded", device="cpu")
    carrier = Carrier(model)
    seconds: list[tuple[float, float, float]] = []  # rolling, windows, plain
    walls: list[tuple[float, float, float]] = []

    def clock(work: Callable[[], Any]) -> tuple[Any, float, float]:
        wall, start = time.perf_counter(), time.process_time()
        found = work()
        return found, time.process_time() - start, time.perf_counter() - wall

    def plain(job: Job) -> None:
        cache, start, last = carrier.begin(), 0, None
        for one in job.windows:
            begin, end = one.measured
            if one.document != last:
                cache, start, last = carrier.begin(), 0, one.document
            elif start:
                carrier.cut(cache, context)
            ids = torch.tensor(one.ids[begin:end])[None]
            carrier.run(ids, start, cache)
            start += ids.shape[1]

    class Thrice(local.Local):
        def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Any]]:
            for job in jobs:
                if len(job.windows) <= 9:  # the comparison with which a scan begins
                    yield job, self._worker.measure(job)
                    continue
                _, before, wall_before = clock(lambda: plain(job))  # noqa: B023
                found, ours, wall = clock(lambda: self._worker.measure(job))  # noqa: B023
                _, after, wall_after = clock(lambda: plain(job))  # noqa: B023
                _, theirs, wall_windows = clock(lambda: self._worker.measure(replace(job, rolling=False)))  # noqa: B023
                seconds.append((ours, theirs, (before + after) / 2))
                walls.append((wall, wall_windows, (wall_before + wall_after) / 2))
                yield job, found

    corpus = write_corpus(place / "rolled", tokens, documents=1)
    ordinary, engines.Local = engines.Local, Thrice
    try:
        found = ds.scan_corpus(
            model, corpus, place / "on-the-roll", reading="rolling", window=window, context=context, progress=False
        )
    finally:
        engines.Local = ordinary
    count = found.record.results["tokens"]
    ours, theirs, cached = (median(column) for column in zip(*seconds, strict=True))
    per_cpu, per_wall = (median(a[1] / a[0] for a in times) for times in (seconds, walls))
    dearer = median(a[0] / a[2] for a in seconds)
    work = (
        f"{count:,} tokens (cse, norm) rolling, window {window}, context {context}, {torch.get_num_threads()} threads, "
        f"CPU time (wall: {per_wall:.2f})"
    )
    yield Row(work, "in windows, in turns", f"{ours:.0f} s", f"{theirs:.0f} s", per_cpu, ">= 3", per_cpu >= 3)
    against = "plain pass with a cache over the same tokens, in turns"
    yield Row(work, against, f"{ours:.0f} s", f"{cached:.0f} s", dearer, "<= 1.10", dearer <= 1.10)


def against_one_worker(place: Path, tokens: int) -> Iterator[Row]:
    """Two workers of Ray with a thread each, against one: tokens per second while they measure, models loaded."""
    import depthscope as ds

    corpus = write_corpus(place / "shared", tokens)
    speeds = []
    for workers in (1, 2):
        found = ds.scan_corpus(
            "embedded",
            corpus,
            place / f"ray-{workers}",
            engine="ray",
            workers=workers,
            threads=1,
            part_tokens=4096,
            progress=False,
        )
        speeds.append(found.record.results["tokens"] / found.record.timings["measuring"])
    ratio = speeds[1] / speeds[0]
    yield Row(
        f"scan of {tokens:,} words, 2 workers of Ray on 2 cores",
        "1 worker with 1 thread, tokens/s",
        f"{speeds[1]:.0f}",
        f"{speeds[0]:.0f}",
        ratio,
        ">= 1.7",
        ratio >= 1.7,
    )


def peak_of_scan(corpus: Path, out: Path) -> int:
    """Largest resident size of a process that does nothing but the scan."""
    code = (
        "import sys, resource, depthscope as ds; "
        "ds.scan_corpus('embedded', sys.argv[1], sys.argv[2], threads=1, part_tokens=2048, progress=False); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    words = [sys.executable, "-c", code, str(corpus), str(out)]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()[-1]) * 1024


def against_less(place: Path, tokens: int) -> Iterator[Row]:
    small = peak_of_scan(write_corpus(place / "small", tokens // 10), place / "once")
    large = peak_of_scan(write_corpus(place / "large", tokens), place / "tenfold")
    ratio = large / small
    yield Row(
        f"peak memory of a scan of {tokens:,} words",
        f"of {tokens // 10:,} words",
        mebibytes(large),
        mebibytes(small),
        ratio,
        "<= 1.05",
        ratio <= 1.05,
    )


ROWS = {"forward": against_forward, "rolling": on_the_roll, "workers": against_one_worker, "memory": against_less}
SHARE = {"forward": 1.0, "rolling": 0.08, "workers": 0.2, "memory": 0.2}  # of the tokens: these rows need fewer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--only", choices=list(ROWS), action="append")
    options = parser.parse_args()
    print(f"{processor()}\n\n{HEADER}")
    for name in options.only or ROWS:
        with tempfile.TemporaryDirectory() as place:
            for row in ROWS[name](Path(place), int(options.tokens * SHARE[name])):
                print(row.markdown(), flush=True)


if __name__ == "__main__":
    main()
