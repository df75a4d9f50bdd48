"""Rows of schemes as a run tells and shows them, without a run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from depthscope.report.markdown import markdown
from depthscope.report.page.run import run_page
from depthscope.store.record import RunRecord
from depthscope.store.sealed import seal
from depthscope.store.tables import write_csv
from depthscope.studies.quantization.limits import NO_LIMITS, Limits
from depthscope.studies.quantization.page import LAYOUT
from depthscope.studies.quantization.results import SchemeRow, schemes_table
from depthscope.studies.quantization.study import Quantized
from depthscope.studies.quantization.words import answer, scheme_words
from depthscope.telling import plain


def told(rows: Sequence[SchemeRow], share: float, limits: Limits = NO_LIMITS) -> str:
    """What a terminal is given, without the last lines."""
    lines = Quantized(Path(), list(rows), share, None, limits=limits).told  # type: ignore[arg-type] - no contrast is told
    return plain(lines[:-3])


def summary(folder: Path, rows: Sequence[SchemeRow], share: float, main: Any, limits: Limits = NO_LIMITS) -> str:
    """``summary.md`` of a folder that holds the rows alone."""
    write_csv(folder / "schemes.csv", schemes_table(rows))
    record = RunRecord("quantization", {}, command="depthscope run quantization")
    record.status, record.answer = "finished", answer("m", main.name, rows, share, limits)
    record.words = scheme_words(main, rows, share, limits)
    LAYOUT.check(record.words)
    record.files = seal(folder)
    return markdown(run_page(folder, LAYOUT, record), {}, record.command)
