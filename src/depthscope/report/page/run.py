"""A finished run folder as a page: from what is stored in it, and from nothing else."""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from depthscope.errors import DepthscopeError, listed, reason
from depthscope.report.page.brief import brief
from depthscope.report.page.content import Figure, Link, Page, Section
from depthscope.report.page.graphics import inline_figure
from depthscope.report.page.render import render
from depthscope.report.page.settings import settings_section
from depthscope.report.part import Layout, Made, Part
from depthscope.report.table import Download, Table, TableForm, csv_download
from depthscope.store.files import write_text
from depthscope.store.folder import RECORD, finished_run
from depthscope.store.record import RunRecord
from depthscope.store.sealed import REPORT, Sealed
from depthscope.store.tables import read_csv

WAY_OUT = "give run folders; an unfinished run is finished by its own command"
# larger files stay in the folder, and the page says so: it must open at once
LARGEST = 700_000


def write_report(folder: Path, layout: Layout, record: RunRecord | None = None) -> Path:
    """Write ``report.html`` into a finished run folder, or into one whose ``record`` says so and is not written yet.

    Raises
    ------
    DepthscopeError
        No run folder, a run that is not finished, files that are not those that the run wrote, or damaged ones.
    """
    page = run_page(folder, layout, record)
    path = folder / REPORT
    write_text(path, render(page))
    return path


def run_page(folder: Path, layout: Layout, record: RunRecord | None = None) -> Page:
    """Read a run folder, and its record, unless that is given; ``layout`` is that of its study."""
    record = record or finished_run(folder, WAY_OUT)
    try:
        return _page(folder, layout, record)
    except DepthscopeError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as problem:
        # a record can be of the right kind in every place and still not be one of such a run
        what = f"{type(problem).__name__}: {reason(problem, 80)}"
        raise DepthscopeError(
            f"{folder}: no page can be made of what stands there ({what}): {RECORD} or a table is not as a run leaves it; put "
            "it back, or run the study again"
        ) from problem


def _page(folder: Path, layout: Layout, record: RunRecord) -> Page:
    record = layout.prepare(folder, record)
    run = Sealed(folder, record)
    made = [found for part in layout.parts if (found := _made(part, run)) is not None]
    sections = [one.section for one in made]
    strange = [figure for section in sections for figure in section.figures if figure.dropped]
    noticed = [*record.words.get("left_out", []), *run.unchecked, *run.gone, *map(_strange, strange)]
    if noticed:
        sections.append(Section("left_out", "Left out, and noticed", noticed))
    sections += _below(folder)
    sections.append(_settings(record))
    return Page(
        title=record.title or f"{record.study} in {folder.resolve().name}",
        answer=record.answer,
        points=record.words.get("points", ()),
        explained=record.words.get("explained", ()),
        sections=sections,
        # folders of several runs have versions below them only
        about="; depthscope ".join([layout.about, *filter(None, [record.environment.get("depthscope")])]),
        data={name: value for one in made for name, value in one.data.items()},
        scripts=list(dict.fromkeys(name for one in made for name in one.scripts)),
        charts=list(dict.fromkeys(name for one in made for name in one.charts)),
        styles=list(dict.fromkeys(name for one in made for name in one.styles)),
        sound=any(one.sound for one in made),
        packages=list(dict.fromkeys(name for one in made for name in one.packages)),
    )


def _made(part: Part, run: Sealed) -> Made | None:
    if part.make is not None:
        return part.make(run)
    section = _section(part, run)
    return None if section is None else Made(section)


def _strange(figure: Figure) -> str:
    names = listed(f"`{name.replace('`', '')}`" for name in figure.dropped)
    return f"`figures/{figure.key}.svg` holds what no drawing of ours does, and that is left out: {names}."


def _section(part: Part, run: Sealed) -> Section | None:
    figures = [figure for name, sources in _drawings(part, run) if (figure := _figure(run, name, sources))]
    tables = [found for form in part.tables if (found := _table(part, form, run.file(form.file)))]
    words = run.record.words.get(part.key, ())
    if not (figures or tables or words):
        return None
    # numbers stand in a table, if there is one
    short = [brief(one) for one in words] if tables else words
    reading = part.reading or " ".join(run.record.words.get(f"{part.key}_reading", ()))
    return Section(part.key, part.title, short, words if short != words else (), figures, tables, reading=reading)


def _drawings(part: Part, run: Sealed) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Names of its drawings, and of the tables behind each."""
    drawings = [PurePosixPath(name) for name in run.names("figures")]
    drawings = [name for name in drawings if name.suffix == ".svg"]
    for pattern, sources in part.figures.items():
        yield from ((str(name), sources) for name in drawings if fnmatch(name.stem, pattern))


def _figure(run: Sealed, name: str, sources: tuple[str, ...]) -> Figure | None:
    path, files = run.file(name), [run.file(source) for source in sources]
    if path is None:
        return None
    try:
        return inline_figure(path, tuple(_download(file) for file in files if file is not None))
    except (ValueError, OSError) as problem:
        raise DepthscopeError(f"{path}: damaged ({reason(problem, 80)}); delete it, or run the study again") from None


def _download(file: Path) -> Download:
    if file.stat().st_size > LARGEST:
        return Download(file.name)
    return csv_download(file.name, file.read_text(encoding="utf-8"))


def _table(part: Part, form: TableForm, path: Path | None) -> Table | None:
    if path is None:
        return None
    try:
        frame = read_csv(path, keep_default_na=False, na_values=[""])
        return form.of(frame, f"{part.key}-{path.stem}")
    except (ValueError, OSError) as problem:
        raise DepthscopeError(f"{path}: damaged ({reason(problem, 80)}); delete it, or run the study again") from None


def _below(folder: Path) -> list[Section]:
    """The runs that this one is made of, if they have pages."""
    pages = sorted(path.parent for path in folder.glob(f"*/{REPORT}"))
    links = [Link(page.name, f"{quote(page.name)}/{REPORT}") for page in pages]
    return [Section("runs", "Each run by itself", links=links)] if links else []


def _settings(record: RunRecord) -> Section:
    # not how long it took: the same run gives the same page
    blocks: dict[str, Mapping[str, Any]] = {
        "Asked": record.settings,
        "Came to": record.resolved,
        "Fingerprints": record.identity,
        "Versions and machine": record.environment,
        "Verified of the model": record.checks,
    }
    return settings_section(blocks, record.command)
