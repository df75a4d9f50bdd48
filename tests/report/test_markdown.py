"""summary.md is the page as text: the same sentences, figures and tables, in the same order."""

import pandas as pd

from depthscope.report.markdown import LONGEST, markdown
from depthscope.report.page.content import Figure, Link, Page, Section
from depthscope.report.page.settings import settings_section
from depthscope.report.table import Column, TableForm

FORM = TableForm("norms.csv", "Norms", (Column("layer", "{layer}"), Column("norm", "{norm:.1f}")))


def page(rows: int = 2, **more) -> Page:
    table = FORM.of(pd.DataFrame({"layer": range(1, rows + 1), "norm": [0.5] * rows}))
    sections = [
        Section("one", "First", ["Short."], ["Short, with all numbers (p = .5)."], reading="Read it\nso."),
        Section("two", "Second", ["a", "b"], figures=[Figure("norms", "<svg/>", "Norms by layer.")], tables=[table]),
        Section("items", "Items", ["not here"], template="items.html.j2"),
        Section("runs", "Each run", links=[Link("x", "x/report.html")]),
        settings_section(
            {"Asked": {"model": "m", "cse": {"scales": 5}}, "Versions": {"torch": "2"}}, "depthscope run x"
        ),
    ]
    return Page("A title", ["Asked?", "Found."], sections, **more)


def test_everything_stands_there_once_in_the_order_of_the_page():
    text = markdown(page(), {"model": "a|b"}, "depthscope run x")
    parts = (
        *(
            "# A title",
            "Asked?",
            "Found.",
            "## First",
            "Short, with all numbers (p = .5).",
            "How to read this: Read it so.",
        ),
        *("## Second", "- a\n- b", "![Norms by layer](figures/norms.png)", "Norms:", "| layer | norm |", "| 2 | 0.5 |"),
        *("## Each run", "- [x](x/report.html)", "## Settings", "| model | `a\\|b` |", "```\ndepthscope run x\n```"),
    )
    places = [text.index(part) for part in parts]
    assert places == sorted(places)
    assert "Short.\n" not in text
    assert "not here" not in text  # the page alone has it


def test_points_take_the_place_of_the_last_sentence():
    text = markdown(page(points=["**one**", "two"], explained=["CSE is", "dz is"]), {}, "")
    assert "Asked?\n\n- **one**\n- two\n\nCSE is dz is\n" in text
    assert "Found." not in text


def test_settings_are_those_of_the_page_if_none_are_given_in_words():
    text = markdown(page(), {}, "")
    assert "| model | `m` |\n| cse.scales | `5` |" in text
    assert "torch" not in text
    assert "To repeat it" not in text


def test_a_long_table_is_named_and_not_written_out():
    text = markdown(page(LONGEST + 1), {}, "")
    assert f"{LONGEST + 1} rows" in text
    assert "| 2 | 0.5 |" not in text
