"""How every run ends: its record says that it is finished, and a page shows what it found."""

from pathlib import Path

from depthscope.errors import require
from depthscope.report.page.run import write_report
from depthscope.report.part import Layout
from depthscope.run.clock import Clock
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.store.sealed import END, runs_below, seal


def check_finish() -> None:
    """What writes the page is missed before hours are spent, not after."""
    for module in ("matplotlib", "jinja2"):
        require(module, "report")


def finish(out: Path, record: RunRecord, clock: Clock, layout: Layout) -> None:
    """Seal the files, write ``report.html``, which is made of them alone, and then call the run finished.

    ``layout`` is that of the study: it says which part of the page each word belongs to, and refuses words of no part.
    """
    layout.check(record.words)
    record.status = "finished"
    record.timings = clock.seconds
    record.files = seal(out)
    own = {name: value for name, value in record.digests.items() if not name.endswith(END)}
    record.digests = {**own, **runs_below(out)}
    write_report(out, layout, record)
    record.write(out / RECORD)
