"""What a notebook and a terminal show of an explanation."""

from dataclasses import fields

import pytest

from depthscope.drawing.alt import alt
from depthscope.studies.asr.explained import Explained
from depthscope.telling import Sheet, plain
from tests.studies.asr.made import HOSTILE, explained


def shown(*given, **more) -> Explained:
    one = explained(*given, **more)
    return Explained(**{f.name: getattr(one, f.name) for f in fields(one)}, command="depthscope run asr")


def test_a_notebook_shows_the_answer_the_words_and_the_map():
    made = shown()._repr_html_()
    assert "toy wrote 5 words" in made
    assert "<table" in made
    assert 'alt="the quick brown fox jumps. Maps of 10 tokens' in made


@pytest.mark.parametrize("one", [shown(HOSTILE, windows=2), shown((), depth=0, rivals=())], ids=["hostile", "empty"])
def test_a_card_is_made_of_anything_and_nothing_in_it_is_markup(one):
    made = one._repr_html_()
    assert "<script" not in made
    assert 'onerror="document' not in made.replace("&quot;", "'")


def test_each_window_is_drawn_by_itself(refuses):
    one = shown(windows=2)
    first, second = one.plot(), one.plot(window=1)
    assert first.get_xlim()[0] == pytest.approx(0)
    assert second.get_xlim()[0] == pytest.approx(2.7)
    assert "4 tokens" in alt(second.figure).text
    with refuses("window=2", "2 windows"):
        one.plot(window=2)
    with refuses("0 windows" if not one.windows else "no token"):
        shown((), depth=0, rivals=()).plot()


def test_the_terminal_has_the_answer_and_the_words():
    told = shown().told
    assert isinstance(told[-1], Sheet)
    assert "rests on nothing" in plain(told)
    assert len(shown((), depth=0, rivals=()).told) == len(shown((), depth=0, rivals=()).answer)


def test_a_page_goes_where_it_is_told_or_is_refused(tmp_path, refuses):
    one = shown()
    assert one.report(tmp_path / "a.html").stat().st_size > 50_000
    with refuses("is a folder"):
        one.report(tmp_path)
    with refuses("no folder", "make it first"):
        one.report(tmp_path / "none" / "a.html")
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "depthscope run asr" in text
