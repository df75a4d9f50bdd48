"""The report in a real browser: offline, without a mouse, in both themes, on a phone, on paper."""

import re
from pathlib import Path

import pytest

from depthscope.report.page.run import REPORT
from tests.report.page.conftest import HOSTILE

FIRST = '[data-table="items"] tbody tr:not([hidden]) button'

# drawings that show a part of themselves only
CLIPPED = (
    "[...document.querySelectorAll('.drawing')].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.id)"
)
# headings of which a word stands in two lines
BROKEN = """[...document.querySelectorAll('th')].flatMap((head) => {
  const found = [];
  const walk = document.createTreeWalker(head, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    for (const word of node.data.matchAll(/[^\\s-]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((one) => one.top)).size > 1) found.push(word[0]);
    }
  }
  return found;
})"""


@pytest.fixture
def report(run_folder):
    return run_folder / REPORT


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desktop, light", "phone, dark"])
def test_opens_without_a_request_and_reads_for_everyone(visit, report, width, dark):
    with visit(report, width=width, dark=dark) as seen:
        page = seen.page
        assert page.locator("html").get_attribute("data-theme") == ("dark" if dark else "light")
        assert page.locator("figure svg").count() >= 5
        # nothing is wider than the screen: drawings fit, and tables scroll in their own place
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(CLIPPED) == []
        assert page.evaluate(BROKEN) == []
        assert seen.violations() == []


def test_a_drawing_that_had_to_shrink_can_be_seen_in_its_own_size(visit, report):
    with visit(report, width=390) as seen:
        first = seen.page.locator("figure .drawing").first
        width = "one => one.scrollWidth - one.clientWidth"
        assert first.evaluate(width) <= 0
        assert first.get_attribute("tabindex") is None
        button = seen.page.locator("figure .enlarge").first
        button.focus()
        seen.page.keyboard.press("Enter")
        assert first.evaluate(width) > 50
        assert first.get_attribute("tabindex") == "0"
        assert "scrolls" in button.inner_text()
        seen.page.keyboard.press("Enter")
        assert first.evaluate(width) <= 0
    with visit(report, width=1280) as seen:
        assert not seen.page.locator("figure .enlarge").first.is_visible()


def test_what_is_folded_opens_by_keyboard_and_on_paper(visit, report):
    with visit(report) as seen:
        page = seen.page
        folds = page.locator("main details")
        assert folds.count() > 5
        assert page.locator("main details[open]").count() == 0
        folds.first.locator("summary").focus()
        page.keyboard.press("Enter")
        assert page.locator("main details[open]").count() == 1
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert page.locator("main details[open]").count() == folds.count()
        assert seen.violations() == []
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator("main details[open]").count() == 1


def test_the_answer_comes_first(visit, report):
    with visit(report) as seen:
        texts = seen.page.locator("main p").all_inner_texts()
        assert texts[1].startswith("Does conditional scale entropy (CSE) differ between metaphor and literal")
        assert [text.split(" ", 1)[0] for text in texts[2:4]] == ["CSE", "dz"]
        assert seen.page.locator(".points li").count() >= 1
        titles = seen.page.locator("main h2").all_inner_texts()
        assert titles[0] == "CSE by depth and condition"
        assert titles.index("Is it specific? The evidence at the same layers") < titles.index("Item by item")
        assert titles[-1] == "Settings, versions, command"


def test_markup_in_stimuli_is_shown_and_never_run(visit, report):
    with visit(report) as seen:
        page = seen.page
        title = page.title()
        for name, lead in HOSTILE.items():
            row = page.locator('[data-table="items"] tbody tr').filter(has_text=name)
            row.get_by_role("button").click()
            assert page.locator("#item-name").inner_text() == name
            shown = page.locator("#item-body .words").first.text_content()
            assert shown.startswith(lead)
            assert page.locator("#item-body mark").first.inner_text() in shown
            page.keyboard.press("Escape")
        assert page.title() == title
        assert page.locator("#item-body script, #item-body img, td script, td img, figcaption b").count() == 0


def test_the_table_is_sorted_and_searched(visit, report):
    with visit(report) as seen:
        table = seen.page.locator('[data-table="items"]')

        def column(number):
            cells = table.locator(f"tbody tr:not([hidden]) td:nth-child({number})")
            return cells.all_inner_texts()

        head = table.locator("th").nth(2)
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == "descending"
        values = [float(text) for text in column(3)]
        assert values == sorted(values, reverse=True)
        head.get_by_role("button").click()
        assert [float(text) for text in column(3)] == sorted(values)
        table.locator("th").first.get_by_role("button").click()
        names = column(1)
        assert sorted(names) == sorted(set(names))
        plain = [name for name in names if name.isalpha() and name.isascii()]
        assert plain == sorted(plain)
        assert table.locator("th").first.get_attribute("aria-sort") == "ascending"
        assert head.get_attribute("aria-sort") is None


def test_a_long_table_can_be_searched(visit, report):
    with visit(report) as seen:
        field = seen.page.locator("#search-items")
        field.fill("SHARK")
        rows = seen.page.locator('[data-table="items"] tbody tr:not([hidden])')
        assert all("shark" in text for text in rows.all_inner_texts())
        told = seen.page.locator('[data-table="items"] output').inner_text()
        assert told == f"{rows.count()} rows"
        assert 0 < rows.count() < 13
        field.fill("no such word")
        assert rows.count() == 0


def test_an_item_opens_with_its_scalograms_and_its_neighbours(visit, report):
    with visit(report) as seen:
        page = seen.page
        page.locator(FIRST).first.click()
        page.wait_for_selector("#item-body .planes svg .mark-rect")
        assert page.locator("#item-body .planes > div").count() == 3
        first = page.locator("#item-name").inner_text()
        assert page.locator("#item-before").is_disabled()
        page.locator("#item-after").click()
        assert page.locator("#item-name").inner_text() != first
        page.locator("#item-before").click()
        assert page.locator("#item-name").inner_text() == first
        with page.expect_download() as download:
            page.locator("#item-body .downloads a").click()
        lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
        assert lines[0] == "item,condition,layer,cse"
        assert len(lines) > 3
        assert seen.violations() == []
        page.locator("#item-close").click()
        assert not page.locator("#item").is_visible()


def test_without_a_mouse(visit, report):
    with visit(report) as seen:
        page = seen.page
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "theme"
        reached = set()
        for _ in range(400):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate("document.activeElement.closest('section')?.id ?? document.activeElement.tagName")
            )
            if page.evaluate("document.activeElement.matches('.open')"):
                break
        assert "A" in reached
        name = page.evaluate("document.activeElement.textContent")
        page.keyboard.press("Enter")
        assert page.locator("#item-name").inner_text() == name
        page.keyboard.press("Escape")
        # back where it was
        assert page.evaluate("document.activeElement.textContent") == name


def test_themes_change_figures_and_charts_and_stay(visit, report):
    with visit(report) as seen:
        page = seen.page
        page.locator(FIRST).first.click()
        page.wait_for_selector("#item-body .chart svg text")
        page.keyboard.press("Escape")
        ink = "getComputedStyle(document.querySelector('.drawing svg text')).fill"
        light = page.evaluate(ink)
        page.locator("#theme").click()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        assert page.evaluate(ink) != light
        assert page.locator("#theme").inner_text() == "Light theme"
        page.locator(FIRST).first.click()
        page.wait_for_selector("#item-body .chart svg text")
        assert seen.violations() == []


def test_on_paper_all_is_there_and_light(visit, report):
    with visit(report, dark=True) as seen:
        page = seen.page
        page.emulate_media(media="print")
        assert not page.locator(".bar").is_visible()
        assert page.locator('[data-table="items"] tbody tr').last.is_visible()
        pdf = page.pdf()
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 2


def test_every_figure_says_what_it_shows_and_gives_its_numbers(visit, report):
    with visit(report) as seen:
        for figure in seen.page.locator("figure").all():
            label = figure.locator(".drawing").get_attribute("aria-labelledby")
            words = " ".join(seen.page.locator(f'[id="{one}"]').text_content() for one in label.split())
            assert len(words) > 40
            assert figure.locator("figcaption a[download]").count() >= 1, words
