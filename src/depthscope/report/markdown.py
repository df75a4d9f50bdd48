"""The page of a run as ``summary.md``: the same parts, sentences and tables, for whoever reads text."""

from collections.abc import Iterator, Mapping, Sequence

from depthscope.report.page.content import Page, Section
from depthscope.report.table import Table, cell_text

# rows of a table that are read; of longer ones the file is named
LONGEST = 60
# what writes sections that are words, figures and tables alone
PLAIN = "section.html.j2"
# the section that has all settings
SETTINGS = "settings"


def markdown(page: Page, about: Mapping[str, str], command: str) -> str:
    """The whole of ``summary.md``.

    Parameters
    ----------
    page : Page
        Sections that need a template of their own, such as the table of all items, are left to the page.
    about : mapping
        Settings in words, by name; if empty, what was asked as the page lists it.
    command : str
        By which the run can be repeated.
    """
    lines = [f"# {page.title}", *_answer(page)]
    for section in page.sections:
        if section.template == PLAIN:
            lines += _section(section)
    about = about or _asked(page)
    rows = "\n".join(f"| {name} | `{cell_text(value)}` |" for name, value in about.items())
    lines += [f"## Settings\n\n| setting | value |\n|---|---|\n{rows}"] if about else []
    lines += [f"To repeat it:\n\n```\n{command}\n```"] if command else []
    return "\n\n".join(lines) + "\n"


def _asked(page: Page) -> Mapping[str, str]:
    """What was asked, by name, as the last section of the page has it."""
    for section in page.sections:
        if section.key == SETTINGS:
            blocks: Mapping[str, Mapping[str, str]] = section.content["blocks"]
            return next(iter(blocks.values()), {})
    return {}


def _answer(page: Page) -> Iterator[str]:
    """As on the page: points in place of the last sentence, if there are any."""
    if page.points:
        yield from page.answer[:1]
        yield _listed(page.points)
    else:
        yield from page.answer
    if page.explained:
        yield " ".join(page.explained)


def _section(section: Section) -> Iterator[str]:
    words = section.numbers or section.words
    yield f"## {section.title}"
    if words:
        yield words[0] if len(words) == 1 else _listed(words)
    for figure in section.figures:
        yield f"![{figure.title.rstrip('.')}](figures/{figure.key}.png)"
    for table in section.tables:
        yield from _table(table)
    if section.links:
        yield _listed([f"[{link.text}]({link.href})" for link in section.links])
    if section.reading:
        yield f"How to read this: {' '.join(section.reading.split())}"


def _table(table: Table) -> Iterator[str]:
    yield f"{table.caption}:"
    yield table.markdown() if len(table.rows) <= LONGEST else f"{len(table.rows):,} rows, on the page and in its file."


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
