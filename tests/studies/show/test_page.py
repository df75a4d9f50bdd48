"""A text as a page, in a real browser: what it shows, how it is walked through, and that a text is never run."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import depthscope as ds
from depthscope.studies.show.page import reading_page
from depthscope.studies.show.results import digits_of

FIRST = "My lawyer is a shark, and 🦈 sharks do not negotiate."
SECOND = "My neighbour saw a shark, and 🦈 sharks do not negotiate."
HOSTILE = (
    "</script><script>document.title='run'</script> <img src=x onerror=\"document.title='run'\">\n\n"
    "`ticks` **stars** {{ 7 * 7 }} ${alert(1)} &lt;b&gt;\t\u200d שלום לכולם 🏳️‍🌈 漢字 " + "x" * 90
)


@pytest.fixture(scope="module")
def model(model_folder: Path) -> ds.Model:
    return ds.load(model_folder)


@pytest.fixture(scope="module")
def two(model: ds.Model) -> Any:
    return ds.show(model, FIRST, SECOND, progress=False, command="depthscope show --text '<b>'")


@pytest.fixture(scope="module")
def page_of_two(two: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two.save(tmp_path_factory.mktemp("show") / "two.html")


@pytest.fixture(scope="module")
def page_of_hostile(model: ds.Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ds.show(model, HOSTILE, progress=False).save(tmp_path_factory.mktemp("show") / "hostile.html")


def tokens(page: Any, text: int = 0) -> Any:
    return page.locator(".strip").nth(text).locator("button.token")


def downloaded(page: Any, name: str) -> str:
    with page.expect_download() as download:
        page.get_by_role("link", name=name).first.click()
    return Path(download.value.path()).read_text(encoding="utf-8")


def test_the_strip_is_the_text_with_the_numbers_in_its_names(two: Any, page_of_two: Path, visit: Any) -> None:
    with visit(page_of_two) as seen:
        for k, one in enumerate(two.readings):
            made = tokens(seen.page, k)
            assert made.all_text_contents() == one.pieces
            names = [button.get_attribute("aria-label") for button in made.all()]
            for name, mean in zip(names, one.means, strict=True):
                assert name.endswith(f", CSE {mean:.{digits_of(two.readings)}f}")
        assert seen.page.locator("h1").inner_text() == f"{FIRST} | {SECOND}"


def test_a_layer_is_chosen_and_the_colours_follow(two: Any, page_of_two: Path, visit: Any) -> None:
    with visit(page_of_two) as seen:
        button = tokens(seen.page).nth(4)
        before = button.evaluate("b => b.style.backgroundColor")
        seen.page.locator("#layer").focus()
        for _ in range(3):
            seen.page.keyboard.press("ArrowRight")
        layer = two.readings[0].layers[0] + 2
        assert seen.page.locator("#layer-name").inner_text() == f"layer {layer}"
        value = float(two.cse.sel(layer=layer).values[4])
        assert button.get_attribute("aria-label").endswith(f"CSE {value:.{digits_of(two.readings)}f}")
        assert button.evaluate("b => b.style.backgroundColor") != before


def test_arrow_keys_walk_enter_opens_and_the_twin_is_marked(page_of_two: Path, visit: Any) -> None:
    with visit(page_of_two) as seen:
        page = seen.page
        strip = tokens(page)
        # one stop of the tab key for each text
        assert page.locator('.strip button[tabindex="0"]').count() == 1
        strip.nth(3).focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.textContent") == " shark"
        assert tokens(page, 1).nth(4).evaluate("b => b.classList.contains('twin')")
        assert "aligned with token 4 of the second text" in page.locator("#told-token").inner_text()
        page.keyboard.press("Home")
        assert page.evaluate("document.activeElement.textContent") == "My"
        page.keyboard.press("End")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.textContent") == "."
        strip.nth(1).focus()
        assert page.locator(".token.twin").count() == 0
        page.keyboard.press("Enter")
        assert page.locator("#token-name").inner_text() == "lawyer"
        assert "No token of the second text is aligned" in page.locator("#token-body").inner_text()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Escape")
        assert not page.locator("#token").is_visible()
        page.wait_for_function("document.activeElement.textContent === ' a'")


def test_a_token_opens_with_its_curves_its_scalogram_and_its_readings(two: Any, page_of_two: Path, visit: Any) -> None:
    with visit(page_of_two) as seen:
        page = seen.page
        tokens(page).nth(4).click()
        page.locator("#token .planes svg").nth(1).wait_for()
        assert page.locator("#token .chart svg").count() == 4
        tables = page.locator("#token table.lens")
        assert tables.count() == 2
        for k, one in enumerate(two.readings):
            rows = tables.nth(k).locator("tbody tr")
            assert rows.count() == one.traj.sizes["layer"]
            last = one.traj.isel(token=4, layer=-1)
            words = [str(word).replace("\n", "↵").replace("\t", "→") for word in last["lens_token"].values]
            shown = rows.last.locator("bdi").all_text_contents()
            assert [word.replace("␣", " ", 1) for word in shown] == words
            chances = [float(c.replace("<", "")) for c in rows.last.locator(".chance").all_text_contents()]
            np.testing.assert_allclose(chances, last["lens_probability"], atol=1e-3)
        bits = float(two.traj["surprisal"].values[4])
        assert f"{bits:.2f} bits of surprisal" in page.locator("#token-body").inner_text()


def test_differences_are_coloured_and_what_has_no_twin_is_not(two: Any, page_of_two: Path, visit: Any) -> None:
    with visit(page_of_two) as seen:
        seen.page.get_by_label("first minus second").check()
        names = [button.get_attribute("aria-label") for button in tokens(seen.page).all()]
        gap = two.difference
        means = {int(i): float(np.nanmean(row)) for i, row in zip(gap["first"].values, gap.values, strict=True)}
        for i, name in enumerate(names):
            if i in means:
                assert float(name.rsplit("difference ", 1)[1]) == pytest.approx(means[i], abs=6e-4)
            else:
                assert name.endswith("not aligned")
        assert tokens(seen.page).nth(1).evaluate("b => b.style.backgroundColor") == ""


def test_every_number_can_be_had(two: Any, page_of_two: Path, visit: Any) -> None:
    with visit(page_of_two) as seen:
        rows = list(csv.DictReader(io.StringIO(downloaded(seen.page, "tokens.csv"))))
        first = two.readings[0]
        count, depth = first.traj.sizes["token"], first.traj.sizes["layer"]
        assert len(rows) == sum(one.traj.sizes["token"] for one in two.readings) * depth
        mine = rows[: count * depth]
        assert [row["piece"] for row in mine[::depth]] == first.pieces
        cse = np.array([float(row["cse"] or "nan") for row in mine]).reshape(count, depth)
        np.testing.assert_allclose(cse, first.cse, rtol=1e-6)
        norm = np.array([float(row["update_norm"]) for row in mine]).reshape(count, depth)
        np.testing.assert_allclose(norm, first.traj["update_norm"], rtol=1e-6)
        assert [row["lens_1"] for row in mine] == first.traj["lens_token"].values[:, :, 0].ravel().tolist()
        gaps = list(csv.DictReader(io.StringIO(downloaded(seen.page, "difference.csv"))))
        values = np.array([float(row["difference"] or "nan") for row in gaps]).reshape(two.difference.shape)
        np.testing.assert_allclose(values, two.difference, atol=1e-6)
        whole = json.loads(downloaded(seen.page, "tokens.json"))
        assert [token["piece"] for token in whole["texts"][1]["tokens"]] == two.readings[1].pieces
        tokens(seen.page).nth(2).click()
        share = list(csv.DictReader(io.StringIO(downloaded(seen.page, "scalogram-2.csv"))))
        np.testing.assert_allclose([float(row["share"]) for row in share], first.share.values[2].ravel(), atol=2e-5)


def test_the_map_opens_what_is_clicked_and_the_table_too(page_of_two: Path, visit: Any) -> None:
    with visit(page_of_two) as seen:
        page = seen.page
        assert page.locator("#maps canvas").count() <= 3
        page.locator("#maps canvas").nth(2).wait_for()
        canvas = page.locator("#maps canvas").first
        box = canvas.bounding_box()
        # the middle of the drawing, whichever token that is
        canvas.click(position={"x": box["width"] * 0.6, "y": box["height"] * 0.5})
        assert page.locator("#token").is_visible()
        page.get_by_role("button", name="Close").click()
        page.locator('[data-table="tokens-1"]').get_by_role("button", name="neighbour").click()
        assert page.locator("#token-name").inner_text() == "neighbour"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_text_is_shown_and_never_run(page_of_hostile: Path, visit: Any, width: int, dark: bool) -> None:
    with visit(page_of_hostile, width=width, dark=dark) as seen:
        page = seen.page
        page.locator("#maps canvas").first.wait_for()
        for k in (3, tokens(page).count() - 1):
            tokens(page).nth(k).click()
            page.locator("#token .planes svg").wait_for()
            page.get_by_role("button", name="Close").click()
        page.locator("#theme").click()
        assert page.title() != "run"
        assert page.locator(".strip img").count() == 0
        shown = "".join(tokens(page).all_text_contents())
        for part in ("<script>", "onerror", "**", "{{", "${"):
            assert part in shown
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # a line of Hebrew would begin at the right; the lines of this text begin with Latin letters
        assert page.locator(".strip > div").count() == 3


@pytest.mark.parametrize("dark", [False, True])
def test_nothing_stands_in_the_way_of_anybody(page_of_two: Path, visit: Any, dark: bool) -> None:
    with visit(page_of_two, dark=dark) as seen:
        seen.page.locator("#maps canvas").nth(2).wait_for()
        assert seen.violations() == []
        seen.page.get_by_label("first minus second").check()
        tokens(seen.page).nth(4).click()
        seen.page.locator("#token .planes svg").nth(1).wait_for()
        assert seen.violations() == []


def test_right_to_left_text_runs_so_and_the_arrows_follow(model: ds.Model, tmp_path: Path, visit: Any) -> None:
    found = ds.show(model, "שלום לכולם\nplain words", lens=0, progress=False)
    with visit(found.save(tmp_path / "rtl.html")) as seen:
        page = seen.page
        lines = page.locator(".strip > div")
        assert [line.evaluate("e => getComputedStyle(e).direction") for line in lines.all()] == ["rtl", "ltr"]
        left, right = (tokens(page).nth(k).bounding_box()["x"] for k in (3, 0))
        assert left < right
        tokens(page).nth(2).focus()
        page.keyboard.press("ArrowLeft")
        assert page.evaluate("document.activeElement.textContent") == found.readings[0].pieces[3]
        # without readings there is no table of them
        page.keyboard.press("Enter")
        page.locator("#token .planes svg").wait_for()
        assert page.locator("table.lens").count() == 0


def test_of_a_thousand_tokens_the_page_stays_below_five_megabytes(model: ds.Model, tmp_path: Path) -> None:
    """By arithmetic on a text of as many tokens as this model reads: what grows, grows with the tokens."""
    long = ds.show(model, "again" + " again" * 127, progress=False)
    short = ds.show(model, "again" + " again" * 63, progress=False)
    sizes = [path.stat().st_size for path in (long.save(tmp_path / "a.html"), short.save(tmp_path / "b.html"))]
    each = (sizes[0] - sizes[1]) / 64
    layers = 30 / model.depth
    assert sizes[1] + 1000 * each * layers < 5e6


def test_many_scalograms_are_kept_in_one_byte_a_cell(two: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def levels() -> int:
        page = reading_page(two.readings, two.pairs, two.settings, two.answer, {}, "")
        return page.data["reading"]["plane"]["levels"]

    assert levels() == 65535
    monkeypatch.setattr("depthscope.studies.show.page.ROOM", 1000)
    assert levels() == 255


def test_colours_of_differences_reach_over_pairs_of_which_both_count(
    model: ds.Model, tmp_path: Path, visit: Any
) -> None:
    found = ds.show(model, "(a shark is a fish", "a shark is a fish", lens=0, progress=False)
    gap = found.difference
    means = np.nanmean(gap.values, axis=1)
    reach = np.abs(means[gap["counted"].values]).max()
    # or the pair that does not count would change nothing
    assert np.abs(means[~gap["counted"].values]).max() > 1.2 * reach
    with visit(found.save(tmp_path / "show.html")) as seen:
        seen.page.get_by_label("first minus second").check()
        ends = [float(end) for end in seen.page.locator("#ramp span").all_inner_texts()]
        assert ends == pytest.approx([-reach, reach], rel=0.1)


def test_means_that_are_close_are_told_apart_on_the_page(model: ds.Model, tmp_path: Path, visit: Any) -> None:
    found = ds.show(model, "a shark \x1bis\u202ea fish", lens=0, progress=False)
    (one,) = found.readings
    close = one.cse * 0 + 0.9999 + 1e-5 * np.arange(len(one.pieces))[:, None]
    same = replace(found, readings=(replace(one, cse=close),))
    with visit(same.save(tmp_path / "show.html")) as seen:
        names = [button.get_attribute("aria-label") for button in tokens(seen.page).all()]
        assert len({name.rsplit(" ", 1)[1] for name in names}) == len(names)
        # nothing that turns the direction, or is not seen, in the name of a token
        assert not any(c in name for name in names for c in "\x1b\u202e")
        cells = seen.page.locator('[data-table="tokens-0"] tbody tr td:nth-child(3)').all_inner_texts()
        assert len(set(cells)) == len(names)
