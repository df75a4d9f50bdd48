"""One latent by itself: words, tables, figures, a card, and a page that needs no script."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

from depthscope.drawing.alt import alt
from depthscope.drawing.reading import visible
from depthscope.studies.sae.features.collected import EDGES
from depthscope.studies.sae.features.feature import FeatureCard
from depthscope.studies.sae.features.page.lit import spans
from depthscope.studies.sae.features.words import share_text
from depthscope.telling import plain
from tests.studies.sae.shown_features import DEAD, PLANTED, TOKEN, made_index, word


@pytest.fixture(scope="module")
def planted() -> FeatureCard:
    """Fires on one token, and whenever it comes."""
    return made_index().card(PLANTED, "layer-3")


@pytest.fixture(scope="module")
def dead() -> FeatureCard:
    return made_index().card(DEAD, "layer-5")


@pytest.fixture(scope="module")
def page(planted: FeatureCard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted.save(tmp_path_factory.mktemp("feature") / "one.html")


def test_a_planted_feature_shows_exactly_its_tokens(planted: FeatureCard) -> None:
    assert [(t.token, t.share, t.rate) for t in planted.tokens] == [(TOKEN, 1, 1)]
    for seen in [*planted.top, *planted.random]:
        assert seen.ids[seen.at] == TOKEN
        assert seen.lit[seen.at] == pytest.approx(seen.value)
        for token, value in zip(seen.ids, seen.lit, strict=True):
            assert (value > 0) == (token == TOKEN) or np.isnan(value)
        lit = [span for span in spans(planted, seen) if span.told]
        assert {span.text for span in lit} == {word(TOKEN)}
        assert [span.told for span in lit if span.peak] == [f"{seen.value:.3g}"]


def test_spans_are_the_text(planted: FeatureCard) -> None:
    for seen in planted.top:
        assert "".join(span.text for span in spans(planted, seen)) == "".join(map(visible, planted.pieces(seen)))


def test_the_answer_has_the_numbers(planted: FeatureCard) -> None:
    said = " ".join(planted.answer)
    assert f"fires on {share_text(planted.density)} of {planted.total:,} tokens" in said
    assert f"{planted.mean:.3g} on average and {planted.maximum:.3g} at most" in said
    assert "100 % of its firings are on “word7”, on 100 % of whose occurrences it fires." in said
    assert f"latent {planted.near[0].latent} (cosine {planted.near[0].cosine:.2f})" in said
    told = plain(planted.told)
    assert told.count(f"[ word{TOKEN}]") == len(planted.top)


def test_the_depth_at_which_it_is_carried_is_that_around_its_maximum(planted: FeatureCard) -> None:
    curve = np.array([0, 0.2, 1.2, 2.0, 1.1, 0.3, 1.5, 0, 0])
    said = replace(planted, separation=curve).answer
    assert any("carries its direction at layers 2-4 (at least half of the most, 2 standard" in s for s in said)
    assert any("at layer 8 (" in s for s in replace(planted, separation=np.arange(9.0) ** 9).answer)
    assert any("at layers 0-8 (" in s for s in replace(planted, separation=np.ones(9)).answer)


def test_a_latent_that_never_fires_says_so(dead: FeatureCard, tmp_path: Path, refuses: Any) -> None:
    assert dead.answer == [f"It fires on none of {dead.total:,} tokens."]
    assert plain(dead.told).strip() == dead.answer[0]
    assert dead.parts == []
    assert dead.to_dataframe().empty
    with refuses("no histogram to draw", "there is nothing"):
        dead.plot()
    text = dead.save(tmp_path / "dead.html").read_text(encoding="utf-8")
    assert "It fires on none of" in text
    assert "never" not in dead._repr_html_()


@pytest.mark.parametrize(
    ("share", "told"), [(1, "100 %"), (0.31415, "31 %"), (0.0314, "3.1 %"), (0.00031, "0.031 %"), (0.0999, "10 %")]
)
def test_shares_in_two_digits(share: float, told: str) -> None:
    assert share_text(share) == told


def test_the_table_is_of_its_occurrences(planted: FeatureCard) -> None:
    table = planted.to_dataframe()
    assert table["kind"].value_counts().to_dict() == {"top": len(planted.top), "random": len(planted.random)}
    assert (table["text"] == word(TOKEN)).all()
    assert table["activation"].tolist() == [seen.value for seen in [*planted.top, *planted.random]]
    first = planted.top[0]
    whole = table["before"][0] + table["text"][0] + table["after"][0]
    assert whole == "".join(planted.words[i] for i in first.ids)


def test_figures_draw_the_numbers_and_say_them(planted: FeatureCard, refuses: Any) -> None:
    assert planted.parts == ["histogram", "depth", "cse"]
    bars = planted.plot().patches
    there = np.flatnonzero(planted.histogram)
    assert [bar.get_height() for bar in bars] == planted.histogram[there[0] : there[-1] + 1].tolist()
    assert bars[0].get_x() == EDGES[there[0]]
    line = planted.plot(part="depth").lines[-1]
    np.testing.assert_array_equal(line.get_ydata(), planted.separation)
    ax = planted.plot(part="cse")
    np.testing.assert_array_equal(ax.lines[-1].get_ydata(), planted.cse)
    told = alt(ax.figure)
    assert "Mean CSE at layers 2-8" in told.text
    assert f"{np.nanmean(planted.cse):.3f} on average" in told.text
    with refuses("choose one of histogram, depth, cse"):
        planted.plot(part="shape")
    plt.close("all")


def test_a_notebook_shows_text_and_runs_none(planted: FeatureCard) -> None:
    shown = planted._repr_html_()
    assert "<script>" not in shown
    assert "<img src=x" not in shown
    assert shown.count("text-decoration:underline") == 6
    assert "data:image/png" in shown


def test_the_page_can_be_read_without_scripts(page: Path, planted: FeatureCard, chromium: Any) -> None:
    context = chromium.new_context(java_script_enabled=False)
    try:
        opened = context.new_page()
        opened.goto(page.as_uri())
        assert opened.locator("h1").inner_text() == f"Latent {PLANTED} of layer-3"
        peaks = opened.locator(".contexts .peak").all_inner_texts()
        assert len(peaks) == len(planted.top) + len(planted.random)
        assert {one.strip() for one in peaks} == {f"word{TOKEN}"}
        assert opened.locator(".drawing svg").count() == 3
        assert opened.locator(".contexts").first.is_visible()
    finally:
        context.close()


@pytest.mark.parametrize(("dark", "width"), [(False, 1280), (True, 390)])
def test_text_on_the_page_is_inert_and_anybody_can_read_it(page: Path, visit: Any, dark: bool, width: int) -> None:
    with visit(page, width=width, dark=dark) as seen:
        assert seen.page.title() != "run"
        assert seen.page.locator("img, iframe").count() == 0
        text = seen.page.locator(".contexts").first.inner_text()
        assert "<img src=x onerror" in text
        assert "U+202E" in text
        assert "<b>document</b>" in text
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        assert seen.violations() == []


def test_a_page_that_cannot_be_written(planted: FeatureCard, tmp_path: Path, refuses: Any) -> None:
    with refuses("is a folder", "feature.html"):
        planted.save(tmp_path)
    with refuses("no folder"):
        planted.save(tmp_path / "no" / "one.html")


def test_colours_do_not_reach_to_a_single_giant() -> None:
    """One token at which models park attention must not make all others look alike."""
    collected = made_index().features["layer-3"].collected
    values = collected.top.value.copy()
    values[0, 0] = 4000
    one = replace(
        collected,
        top=collected.top._replace(value=values),
        maximum=np.where(np.arange(30) == 0, 4000, collected.maximum),
    )
    assert one.reach[0] == pytest.approx(2 * np.median(values[0]))
    assert (one.reach <= one.maximum)[one.count > 0].all()
