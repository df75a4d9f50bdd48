"""``summary.md`` of made-up results, as a run would write it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from depthscope.report.markdown import markdown
from depthscope.report.page.run import run_page
from depthscope.store.record import RunRecord
from depthscope.store.sealed import seal
from depthscope.store.tables import write_csv
from depthscope.studies.mechanism.baselines import baselines_tables
from depthscope.studies.mechanism.figures import write_baselines_figure, write_mechanism_figures
from depthscope.studies.mechanism.page import LAYOUT
from depthscope.studies.mechanism.results import Mechanism, mechanism_tables
from depthscope.studies.mechanism.words import left_out, mechanism_words


def summary(folder: Path, m: Mechanism, remarks: Sequence[str] = (), about: Mapping[str, str] | None = None) -> str:
    """The text, made of tables and figures that are written into ``folder``."""
    tables = mechanism_tables(m)
    write_mechanism_figures(folder / "figures", m, "a model")
    if m.baselines is not None:
        tables |= baselines_tables(m.baselines)
        write_baselines_figure(folder / "figures", m.baselines, "a model")
    for name, frame in tables.items():
        write_csv(folder / name, frame)
    record = RunRecord("mechanism", {}, command="depthscope run mechanism")
    record.status, record.title, record.answer = "finished", "the title", ["Asked?", "Found."]
    record.words = mechanism_words(m) | {"left_out": [*remarks, *left_out(m)]}
    LAYOUT.check(record.words)
    record.files = seal(folder)
    return markdown(run_page(folder, LAYOUT, record), about or {}, record.command)
