"""How every run ends: its record says that it is finished, and a page shows what it found."""

from pathlib import Path

from depthscope.errors import require
from depthscope.report.page.run import write_report
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.studies.clock import Clock


def check_finish() -> None:
    """What writes the page is missed before hours are spent, not after."""
    for module in ("matplotlib", "jinja2", "vl_convert"):
        require(module, "report")


def finish(out: Path, record: RunRecord, clock: Clock) -> None:
    """Call the run finished, and write ``report.html``, which is made from the folder alone."""
    record.status = "finished"
    record.timings = clock.seconds
    record.write(out / RECORD)
    write_report(out)
