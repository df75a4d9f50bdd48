"""How every run ends: its record says that it is finished, and a page shows what it found."""

from collections.abc import Mapping
from pathlib import Path

from depthscope.drawing.beside import wait_for_figures
from depthscope.errors import require
from depthscope.report.markdown import markdown
from depthscope.report.page.render import render
from depthscope.report.page.run import run_page
from depthscope.report.part import Layout
from depthscope.run.clock import Clock
from depthscope.store.files import write_text
from depthscope.store.folder import RECORD
from depthscope.store.record import RunRecord
from depthscope.store.sealed import END, REPORT, SUMMARY, describe, runs_below, seal


def check_finish() -> None:
    """A package that the page needs and that is missing is noticed before hours are spent, not after."""
    for module in ("matplotlib", "jinja2"):
        require(module, "report")


def finish(out: Path, record: RunRecord, clock: Clock, layout: Layout, about: Mapping[str, str] | None = None) -> None:
    """Write ``summary.md`` and ``report.html``, both made of the sealed files alone, and then call the run finished.

    ``layout`` is that of the study: it says which part of them each word belongs to, and refuses words of no part. ``about``:
    its settings in words.
    """
    layout.check(record.words)
    wait_for_figures()
    record.status = "finished"
    record.timings = clock.seconds
    record.files = seal(out)
    own = {name: value for name, value in record.digests.items() if not name.endswith(END)}
    record.digests = {**own, **runs_below(out)}
    page = run_page(out, layout, record)
    write_text(out / SUMMARY, markdown(page, about or {}, record.command))
    record.files = dict(sorted({**record.files, **describe(out, [SUMMARY])}.items()))
    write_text(out / REPORT, render(page))
    record.write(out / RECORD)
