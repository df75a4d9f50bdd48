"""``python -m benchmarks.scanning``: a scan against the plain forward pass of its windows, and against itself.

Each row can be asked for by name: ``forward``, ``workers``, ``memory``.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
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


ROWS = {"forward": against_forward, "workers": against_one_worker, "memory": against_less}
SHARE = {"forward": 1.0, "workers": 0.2, "memory": 0.2}  # of the tokens: these rows need fewer


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
