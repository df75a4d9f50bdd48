"""The page of a sound in a real browser: it plays, words are chosen by key and click, and no word of a model is ever run."""

import base64
import csv
import io
import json
import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import depthscope.studies.asr.page as page_module
from depthscope.report.page.render import render
from depthscope.report.page.run import write_report
from depthscope.store.record import RunRecord
from depthscope.store.sealed import seal
from depthscope.store.tables import write_csv
from depthscope.studies.asr.depth import by_layer
from depthscope.studies.asr.explained import Explained
from depthscope.studies.asr.page import LAYOUT, explanation_page
from depthscope.studies.asr.recording import Recording
from depthscope.studies.asr.results import NOTHING, Explanation, together
from depthscope.studies.asr.shown import ROOM, data_of, steps_for
from depthscope.studies.asr.words import answer
from tests.studies.asr.made import HOSTILE, PLAIN, explained

OPTIONS = '.transcript [role="option"]'
# a place on a canvas that is painted: share of its pixels that are not clear
PAINTED = """one => {
  const { data } = one.getContext('2d').getImageData(0, 0, one.width, one.height);
  let count = 0;
  for (let k = 3; k < data.length; k += 4) count += data[k] > 0;
  return count / (data.length / 4);
}"""


def written(one: Explanation, folder: Path, name: str = "sound.html") -> Path:
    shown = Explained(**{f.name: getattr(one, f.name) for f in fields(one)})
    return shown.report(folder / name)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: Any) -> Path:
    return written(explained(windows=2), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: Any) -> Path:
    one = explained(HOSTILE, windows=3, name="</script><b>.wav", notes=('<img src=x onerror="alert(1)">',))
    return written(one, tmp_path_factory.mktemp("hostile"))


def test_nothing_that_was_heard_becomes_markup(hostile: Path) -> None:
    text = hostile.read_text(encoding="utf-8")
    assert text.count("</script>") == text.count("<script")
    assert "<img" not in text
    assert "<b>" not in text
    data = json.loads(re.search(r'id="data-sounds">(.*?)</script>', text, re.DOTALL)[1])
    assert [word["text"] for word in data[0]["words"]] == list(HOSTILE)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert "default-src &#39;none&#39;" in policy
    assert "media-src data:" in policy
    assert "unsafe-eval" not in policy


def test_hostile_words_are_shown_and_chosen_as_they_are(hostile: Path, visit: Any) -> None:
    with visit(hostile) as seen:
        page = seen.page
        title = page.title()
        options = page.locator(OPTIONS)
        assert options.all_text_contents() == list(HOSTILE)
        for k in range(len(HOSTILE)):
            options.nth(k).click()
            assert page.locator(".word-told bdi").inner_text() == f"“{HOSTILE[k]}”"
        assert page.title() == title
        assert page.locator("main img, main script, main b, td script").count() == 0


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["desktop, light", "phone, dark"])
def test_it_reads_for_everyone(plain: Path, visit: Any, width: int, dark: bool) -> None:
    with visit(plain, width=width, dark=dark) as seen:
        page = seen.page
        page.locator(OPTIONS).nth(2).click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate("document.querySelector('.timeline').getBoundingClientRect().right <= innerWidth")
        assert seen.violations() == []


def test_a_click_on_a_word_shows_its_map_and_its_numbers(plain: Path, visit: Any) -> None:
    one = explained(windows=2)
    with visit(plain) as seen:
        page = seen.page
        page.locator(OPTIONS).nth(3).click()
        told = page.locator(".word-told").inner_text()
        row = one.words.iloc[3]
        assert f"“fox”, {row['start']:.2f} to {row['end']:.2f} s: rests on the sound." in told
        peak = float(re.search(r"highest at ([\d.]+) s", told)[1])
        assert row["start"] - 0.01 <= peak <= row["end"] + 0.01
        assert f"highest at {peak:.2f} s" in page.locator(".timeline canvas").nth(1).get_attribute("aria-label")
        numbers = page.locator(".word-numbers dd").all_inner_texts()
        assert "6.25 nats" in numbers
        assert f"{row['log_p']:.2f}" in numbers
        names = page.locator(".timeline-names div").all_inner_texts()
        assert [name.split("\n")[0] for name in names[4:]] == [
            *(f"layer {k}" for k in (1, 2, 3, 4)),
            "raw mean",
            "occlusion",
        ]
        # maps get sharper with depth: so does the mass inside the word
        masses = [float(name.split("\n")[1]) for name in names[4:8]]
        assert masses == sorted(masses)
        painted = [page.locator(".timeline canvas").nth(k).evaluate(PAINTED) for k in (0, 1)]
        assert all(0.02 < share < 0.9 for share in painted)


def test_the_map_that_is_drawn_is_the_map_of_the_word(plain: Path, visit: Any) -> None:
    one = explained(windows=2)
    with visit(plain) as seen:
        page = seen.page
        page.locator(OPTIONS).nth(4).click()
        with page.expect_download() as download:
            page.get_by_role("link", name="map-5.csv").click()
        rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    mine = one.map.values[one.tokens["word"] == 4].mean(0)
    frames = one.map["window"].values == 1
    np.testing.assert_allclose([float(row["seconds"]) for row in rows], one.map["seconds"].values[frames], atol=1e-4)
    # 255 steps of a root
    shares = [float(row["share"]) for row in rows]
    np.testing.assert_allclose(shares, mine[frames], atol=mine.max() / 200)
    assert {row["word"] for row in rows} == {PLAIN[4]}


def test_keys_walk_along_the_words_play_and_pause(plain: Path, visit: Any) -> None:
    one = explained(windows=2)
    with visit(plain) as seen:
        page = seen.page
        options = page.locator(OPTIONS)
        assert page.locator(f'{OPTIONS}[tabindex="0"]').count() == 1
        options.first.focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.textContent") == "quick"
        assert page.locator(f'{OPTIONS}[aria-selected="true"]').all_text_contents() == ["quick"]
        # the player was moved to the word, which is lit
        page.wait_for_function(
            f"() => Math.abs(document.querySelector('audio').currentTime - {one.words['start'][1]}) < .02"
        )
        page.locator(".transcript .lit").wait_for()
        assert page.locator(".transcript .lit").all_text_contents() == ["quick"]
        page.keyboard.press("End")
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.textContent") == "jumps"
        page.keyboard.press("Home")
        page.keyboard.press(" ")
        page.wait_for_function("() => !document.querySelector('audio').paused")
        page.keyboard.press(" ")
        page.wait_for_function("() => document.querySelector('audio').paused")
        page.keyboard.press("Enter")
        # one word is played, and then it stops
        page.wait_for_function(f"() => document.querySelector('audio').currentTime >= {one.words['end'][0]}")
        page.wait_for_function("() => document.querySelector('audio').paused")


def test_words_that_rest_on_nothing_are_marked_by_more_than_colour(plain: Path, visit: Any) -> None:
    one = explained(windows=2)
    with visit(plain) as seen:
        page = seen.page
        marked = page.locator(f"{OPTIONS}.nothing")
        assert marked.all_text_contents() == one.words["text"][one.words["verdict"] == NOTHING].tolist() == ["brown"]
        assert marked.get_attribute("aria-label") == "brown, rests on nothing"
        assert marked.evaluate("m => getComputedStyle(m).borderTopStyle") == "dashed"
        assert "∅" in marked.evaluate("m => getComputedStyle(m, '::after').content")
        assert page.locator(".legend").is_visible()


def test_a_click_on_the_time_axis_moves_the_player(plain: Path, visit: Any) -> None:
    with visit(plain) as seen:
        page = seen.page
        box = page.locator(".timeline canvas").first.bounding_box()
        page.locator(".timeline canvas").first.click(position={"x": box["width"] / 2, "y": 10})
        page.wait_for_function("() => document.querySelector('audio').currentTime > 1")
        page.locator("input[type=range]").evaluate("z => { z.value = 100; z.dispatchEvent(new Event('input')); }")
        assert page.locator(".timeline-scroll").evaluate("s => s.scrollWidth > s.clientWidth")


def test_without_a_script_the_words_and_their_numbers_are_there(plain: Path) -> None:
    text = re.sub(r"<script.*?</script>", "", plain.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert re.findall(r'<span class="heard-word \w+"[^>]*>(.*?)</span>', text)[:5] == list(PLAIN)
    assert 'data-table="words"' in text
    assert "<audio controls" in text


def test_what_is_played_is_the_recording(plain: Path) -> None:
    one = explained(windows=2)
    found = re.search(r'src="data:audio/flac;base64,([^"]*)"', plain.read_text(encoding="utf-8"))[1]
    assert base64.b64decode(found) == one.recording.data


def test_an_empty_a_silent_and_an_unmeasured_sound_have_pages_too(visit: Any, tmp_path: Path) -> None:
    bare = explained(depth=0, rivals=(), heard=False, played=False)
    assert "media-src" not in render(explanation_page(bare))
    for number, one in enumerate((explained((), rivals=(), depth=0), bare)):
        with visit(written(one, tmp_path, f"{number}.html")) as seen:
            if len(one.words):
                seen.page.locator(OPTIONS).nth(1).click()
                assert "not measured" in seen.page.locator(".word-told").inner_text()
                assert seen.page.locator(".legend").count() == 0
            else:
                assert "wrote nothing" in seen.page.locator("main").inner_text()


def test_maps_take_no_more_room_than_there_is() -> None:
    one = explained(PLAIN * 6, depth=6, seconds=12.0)
    whole = sum(len(w) for w in data_of(one)["windows"][0].values() if isinstance(w, str))
    small = data_of(one, room=60_000)["windows"][0]
    coded = sum(len(w) for w in small.values() if isinstance(w, str))
    # base64 takes four characters for three bytes
    assert coded <= 60_000 * 4 / 3 * 1.05 < whole <= ROOM * 4 / 3
    # the map itself stays the finest
    assert small["step"] < small["coarse"]
    owners = [0] * 30
    assert steps_for(one, owners, 10**9).own == steps_for(one, owners, 10**9).others == 1
    assert steps_for(one, owners, 5_000).others == 0  # too coarse to be of use: left out
    assert data_of(one, room=5_000)["depth"] == 0


def test_words_behind_what_is_played_are_left_to_the_table() -> None:
    one = explained(windows=2)
    cut = Recording(one.recording.data, "flac", 1.0, 0.01, one.recording.low, one.recording.high)
    shorter = Explanation(**{f.name: getattr(one, f.name) for f in fields(one)} | {"recording": cut})
    begun = [text for text, start in zip(one.words["text"], one.words["start"], strict=True) if start <= 1]
    assert [word["text"] for word in data_of(shorter)["words"]] == begun
    text = render(explanation_page(shorter))
    assert "the first 1 s are on this page" in text
    assert text.count("<tr>") > len(one.words)


def test_a_word_without_a_time_is_left_to_the_table() -> None:
    one = explained()
    lost = replace(one, words=one.words.assign(end=[np.nan, *one.words["end"][1:]]))
    assert [word["text"] for word in data_of(lost)["words"]] == list(PLAIN[1:])
    assert "the" in render(explanation_page(lost))


@pytest.fixture
def run_of_three(tmp_path: Path) -> Path:
    ones = [
        explained(name="a.wav"),
        explained(HOSTILE, windows=2, name="b.wav"),
        explained((), depth=0, rivals=(), name="c.wav"),
    ]
    for one in ones:
        one.save(tmp_path / "sounds" / one.name)
    write_csv(tmp_path / "words.csv", together(ones, "words"))
    write_csv(tmp_path / "layers.csv", by_layer(ones))
    record = RunRecord("asr", {"model": "toy"}, status="finished", title="Three sounds", answer=answer(ones))
    record.words = {"sound": ["Listen to **all** of them."]}
    LAYOUT.check(record.words)
    record.files = seal(tmp_path)
    record.write(tmp_path / "run.json")
    return tmp_path


def test_a_run_of_several_sounds_is_one_page_made_of_its_folder(run_of_three: Path, visit: Any) -> None:
    with visit(write_report(run_of_three, LAYOUT)) as seen:
        page = seen.page
        assert page.locator(".sound h3").all_inner_texts() == ["a.wav", "b.wav", "c.wav"]
        second = page.locator(".sound").nth(1)
        second.locator(OPTIONS).nth(3).click()
        assert second.locator(".word-told bdi").inner_text() == "“NA”"
        assert page.locator(".sound").first.locator(".word-told bdi").inner_text() == "“the”"
        assert page.locator("#sound strong").inner_text() == "all"
        assert page.locator("main h2").all_inner_texts()[:3] == ["Listen", "Word by word", "By depth"]


def test_sounds_beyond_the_room_of_a_page_are_named(run_of_three: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(page_module, "TOTAL", 1000)
    text = write_report(run_of_three, LAYOUT).read_text(encoding="utf-8")
    assert text.count('class="sound"') == 1
    assert "For 2 more there is no room on this page; each is in its folder: sounds/b.wav and sounds/c.wav." in text


def test_a_damaged_sound_of_a_run_is_refused(run_of_three: Path, refuses: Any) -> None:
    (run_of_three / "sounds" / "b.wav" / "map.nc").write_bytes(b"other")
    with refuses("map.nc", "changed since the run wrote it"):
        write_report(run_of_three, LAYOUT)
