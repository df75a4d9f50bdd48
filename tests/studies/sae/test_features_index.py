"""The index of features in a real browser: what is found, how it is walked through, what it weighs, and that no text is run."""

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from depthscope.studies.sae.features.index import FeatureIndex
from depthscope.studies.sae.features.page.packed import Table, packed
from depthscope.telling import plain
from tests.studies.sae.shown_features import DEAD, PLANTED, TOKEN, made_index

MEGABYTES = 5


@pytest.fixture(scope="module")
def index() -> FeatureIndex:
    return made_index()


@pytest.fixture(scope="module")
def page(index: FeatureIndex, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return index.save(tmp_path_factory.mktemp("index") / "features.html")


def latents(page: Any) -> list[int]:
    """Those in view, in their order."""
    return [int(text.split()[-1]) for text in page.locator("#body button.open").all_inner_texts()]


def found(page: Any, words: str, place: str = "tokens", count: str = "") -> list[int]:
    page.locator("#place").select_option(place)
    page.locator("#wanted").fill(words)
    page.locator(f'#features-table[data-wanted="{words.lower()}"]').wait_for()
    if count:
        assert page.locator("#found").inner_text().startswith(f"{count} of ")
    return latents(page)


def test_it_is_searched_sorted_and_opened(index: FeatureIndex, page: Path, visit: Any) -> None:
    kept = index.features["layer-3"].collected
    with visit(page) as seen:
        shown = seen.page
        assert shown.locator("#found").inner_text() == "60 of 60 features"
        # the planted one of both dictionaries, before any that fires on the token by chance
        assert found(shown, f"word{TOKEN}")[:2] == [PLANTED, PLANTED]
        shown.locator("#dictionary").select_option("0")
        # a number is a latent before it is part of a word
        assert found(shown, str(DEAD))[0] == DEAD
        assert found(shown, "no such words", count="0") == []
        assert "No feature answers" in shown.locator("#body").inner_text()
        found(shown, "", count="30")
        for by, values in (("density", kept.density), ("maximum", kept.maximum), ("share", kept.token_share[:, 0])):
            button = shown.locator(f'[data-by="{by}"]')
            button.click()
            assert shown.locator('th[aria-sort="descending"]').inner_text() == button.inner_text()
            order = sorted(range(30), key=lambda i, v=values: (np.isnan(v[i]), -v[i], i))
            assert latents(shown) == order[: len(latents(shown))]
            button.click()
            assert latents(shown)[0] == sorted(range(30), key=lambda i, v=values: (np.isnan(v[i]), v[i], i))[0]
        card = index.card(2, "layer-3")
        word = card.words[next(moved.token for moved in card.up if card.words[moved.token].startswith(" word"))]
        assert 2 in found(shown, word.strip(), "raises")


def test_passages_are_searched(index: FeatureIndex, page: Path, visit: Any) -> None:
    card = index.card(11, "layer-5")
    passage = "".join(card.pieces(card.top[0]))
    start = passage.index(" word")
    words = passage[start : passage.index(" ", start + 6)].strip()
    with visit(page) as seen:
        seen.page.locator("#dictionary").select_option("1")
        assert 11 in found(seen.page, words, "text")


def test_keys_go_from_row_to_row_and_open(page: Path, visit: Any) -> None:
    with visit(page) as seen:
        shown = seen.page
        assert shown.locator('#body button[tabindex="0"]').count() == 1
        shown.locator("#rows").focus()
        shown.keyboard.press("ArrowDown")
        for _ in range(3):
            shown.keyboard.press("ArrowDown")
        assert shown.evaluate("document.activeElement.textContent") == "layer-3 3"
        shown.keyboard.press("End")
        assert shown.evaluate("document.activeElement.textContent") == "layer-5 29"
        shown.keyboard.press("Home")
        shown.keyboard.press("PageDown")
        assert int(shown.evaluate("document.activeElement.closest('tr').dataset.number")) > 3
        shown.keyboard.press("Home")
        shown.keyboard.press("Enter")
        assert shown.locator("#feature-name").inner_text() == "layer-3, latent 0"
        shown.keyboard.press("ArrowRight")
        assert shown.locator("#feature-name").inner_text() == "layer-3, latent 1"
        assert shown.evaluate("location.hash") == "#layer-3/1"
        shown.keyboard.press("Escape")
        assert not shown.locator("#feature").is_visible()
        shown.wait_for_function("document.activeElement.textContent === 'layer-3 1'")


def test_a_feature_shows_what_its_card_has(index: FeatureIndex, page: Path, visit: Any) -> None:
    with visit(page) as seen:
        shown = seen.page
        for name, latent in (("layer-3", PLANTED), ("layer-5", 11)):
            card = index.card(latent, name)
            shown.evaluate(f"location.hash = '#{name}/{latent}'")
            shown.locator("#feature-name", has_text=f"{name}, latent {latent}").wait_for()
            values = [float(text) for text in shown.locator(".contexts .value").all_inner_texts()]
            expected = [float(f"{one.value:.3g}") for one in [*card.top, *card.random]]
            assert values == pytest.approx(expected, rel=1e-3)
            lists = shown.locator(".contexts")
            lit = [len(item.locator(".lit").all()) for item in lists.first.locator("li").all()]
            assert lit == [sum(value > 0 for value in one.lit) for one in card.top]
            peaks = [text.strip() for text in lists.first.locator(".peak").all_inner_texts()]
            assert len(peaks) == len(card.top)
            if latent == PLANTED:
                assert set(peaks) == {f"word{TOKEN}"}
            assert shown.locator(".small-chart").count() == 3
            for chart in shown.locator(".small-chart").all():
                assert len(chart.get_attribute("aria-label")) > 60
            heights = shown.locator(".small-chart rect.bar").count()
            assert heights == int((card.histogram > 0).sum())
            raised = shown.locator("table.bars", has_text="Raises").locator("tbody tr")
            assert raised.count() == len(card.up)
            assert f"+{card.up[0].by:.3g}" in raised.first.inner_text()
            partners = shown.locator("table.bars", has_text="Fires together with").locator("tbody tr")
            assert partners.count() == len(card.partners)
        # a neighbour opens
        near = shown.locator("table.bars", has_text="Nearest directions").get_by_role("button").first
        latent = index.card(11, "layer-5").near[0].latent
        near.click()
        assert shown.locator("#feature-name").inner_text() == f"layer-5, latent {latent}"
        # and the nearest of another dictionary
        shown.locator("table.bars", has_text="Nearest elsewhere").get_by_role("button").click()
        assert shown.locator("#feature-name").inner_text().startswith("layer-3, latent")
        shown.get_by_role("button", name="Close").click()
        assert shown.evaluate("location.hash") == ""


def test_a_latent_that_never_fires_has_nothing_to_show(page: Path, visit: Any) -> None:
    with visit(page) as seen:
        seen.page.evaluate(f"location.hash = '#layer-3/{DEAD}'")
        seen.page.locator("#feature-name", has_text=f"latent {DEAD}").wait_for()
        assert "Fires on none of" in seen.page.locator("#feature-body").inner_text()
        assert seen.page.locator(".contexts, .small-chart").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_anybody_can_use_it_and_texts_are_inert(page: Path, visit: Any, dark: bool) -> None:
    with visit(page, dark=dark, width=390 if dark else 1280) as seen:
        shown = seen.page
        assert seen.violations() == []
        shown.evaluate("location.hash = '#layer-3/5'")
        shown.locator("#feature-name", has_text="latent 5").wait_for()
        assert seen.violations() == []
        assert shown.title() != "run"
        assert shown.locator("img, iframe").count() == 0
        text = shown.locator("#feature-body").inner_text()
        assert "<img src=x onerror" in text
        assert "<b>document</b>" in text
        assert "U+202E" in text
        assert shown.evaluate("document.documentElement.scrollWidth") <= (390 if dark else 1280)


def test_the_table_can_be_had(index: FeatureIndex, page: Path, visit: Any) -> None:
    with visit(page) as seen:
        with seen.page.expect_download() as download:
            seen.page.get_by_role("link", name="features.csv").click()
        rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    table = index.to_dataframe()
    assert [int(row["latent"]) for row in rows] == table["latent"].tolist()
    np.testing.assert_allclose([float(row["density"]) for row in rows], table["density"], rtol=1e-6)
    np.testing.assert_allclose([float(row["maximum"]) for row in rows], table["maximum"], rtol=1e-6)
    gaps = [float(row["cse_gap"] or "nan") for row in rows]
    np.testing.assert_allclose(gaps, table["cse_gap"], atol=6e-4)


@pytest.fixture(scope="module")
def thousand() -> FeatureIndex:
    """A thousand features of thirty layers, with more words than two bytes can number."""
    return made_index(latents=1000, vocabulary=70_000, documents=16, dictionaries=1, layers=30, busy=0.04)


def test_a_thousand_features_take_less_than_five_megabytes(thousand: FeatureIndex, tmp_path: Path) -> None:
    one = thousand.features["layer-3"]
    # all places are taken, so that it is no smaller than others
    assert np.median((one.collected.top.value > 0).sum(1)) == one.collected.settings.top
    assert one.effect is not None
    assert one.depths is not None
    assert len(Table(thousand.words).texts) > 2**16
    size = thousand.save(tmp_path / "thousand.html").stat().st_size
    assert size < MEGABYTES * 1e6


def test_only_rows_in_view_are_in_the_page(thousand: FeatureIndex, tmp_path: Path, visit: Any) -> None:
    with visit(thousand.save(tmp_path / "thousand.html")) as seen:
        shown = seen.page
        assert shown.locator("#found").inner_text() == "1,000 of 1,000 features"
        assert shown.locator("#body tr").count() < 60
        assert shown.evaluate("document.querySelectorAll('*').length") < 1500
        shown.locator("#rows").focus()
        shown.keyboard.press("ArrowDown")
        shown.keyboard.press("End")
        assert shown.evaluate("document.activeElement.textContent") == "999"
        assert shown.locator("#body tr").count() < 60
        # a place in three bytes is the same word
        shown.keyboard.press("Enter")
        card = thousand.card(999)
        first = shown.locator(".contexts li").first.locator(".words").inner_text()
        assert first.split() == "".join(card.pieces(card.top[0])).split() or "U+" in first


def test_numbers_are_in_the_page_as_they_are(index: FeatureIndex) -> None:
    whole = packed(index)
    assert whole["texts"][0] == ""
    assert [one["name"] for one in whole["dictionaries"]] == ["layer-3", "layer-5"]
    assert whole["documents"][0] in ("", "<b>document</b> 0.txt")


def test_an_index_tells_and_gives_cards(index: FeatureIndex, refuses: Any) -> None:
    assert index.answer == ["On 2,394 tokens fire 29 of 30 latents of layer-3 and 29 of 30 latents of layer-5."]
    assert "The strongest" in plain(index.told)
    assert "tiny &lt;b&gt;model&lt;/b&gt;" in index._repr_html_()
    table = index.to_dataframe()
    assert len(table) == 60
    strongest = table.loc[table["maximum"].idxmax()]
    assert index.card(int(strongest["latent"]), strongest["dictionary"]).maximum == strongest["maximum"]
    with refuses("of which dictionary", "layer-3, layer-5"):
        index.card(3)
    with refuses("no dictionary 'layer-9'"):
        index.card(3, "layer-9")
    with refuses("the dictionary has 30", "from 0 to 29"):
        index.card(30, "layer-3")
