"""One call: every token measured, two texts aligned, a page, a figure, words."""

import json
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import xarray as xr

import depthscope as ds
from depthscope.capture.text import trace_text
from depthscope.report.page.place import check_page
from depthscope.studies.show import study as show
from depthscope.telling import Sheet

FIRST, SECOND = "My lawyer is a shark, and 🦈.", "My neighbour saw a shark, and 🦈."
HOSTILE = "</script><script>alert(1)</script> <b>bold</b> `q` {{ 7 * 7 }}"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def one(model):
    return ds.show(model, FIRST, progress=False)


@pytest.fixture(scope="module")
def two(model):
    return ds.show(model, FIRST, SECOND, lens=1, progress=False, min_scales=2)


def test_the_numbers_are_those_of_the_instruments(model, one):
    traj = trace_text(model, FIRST, lens=3, progress=False)
    xr.testing.assert_identical(one.traj, traj)
    xr.testing.assert_identical(one.cse, ds.cse(traj))
    xr.testing.assert_identical(one.readings[0].share, ds.scalogram(traj, share=True))
    assert one.pairs == []


def test_options_of_cse_reach_it_and_are_on_record(model, two):
    traj = trace_text(model, SECOND, lens=1, progress=False)
    xr.testing.assert_identical(two.readings[1].cse, ds.cse(traj, min_scales=2))
    assert two.settings["cse"]["min_scales"] == 2
    assert two.settings["cse"]["wavelet"] == "paul(4)"
    assert two.settings["lens"] == 1
    assert two.checks == model.checks
    assert {"torch", "depthscope", "threads"} <= set(two.environment)


def test_differences_are_taken_between_tokens_that_are_the_same(two):
    first, second = two.readings
    gap = two.difference
    assert gap.dims == ("pair", "layer")
    pieces = first.traj["piece"].values, second.traj["piece"].values
    aligned = [(i, j) for i, j in two.pairs if i is not None and j is not None]
    assert len(aligned) == gap.sizes["pair"] == len(first.pieces) - 2
    for k, (i, j) in enumerate(aligned):
        assert pieces[0][i] == pieces[1][j] == str(gap["piece"].values[k])
        np.testing.assert_array_equal(gap.values[k], first.cse.values[i] - second.cse.values[j])
    # the same beginning: a causal model cannot tell the two apart
    np.testing.assert_allclose(gap.values[0][np.isfinite(gap.values[0])], 0, atol=1e-6)
    assert gap["counted"].values.tolist() == [False, *[True] * (len(aligned) - 1)]


def test_a_text_beside_itself_differs_nowhere(model):
    same = ds.show(model, FIRST, FIRST, lens=0, progress=False)
    assert same.difference.sizes["pair"] == len(same.readings[0].pieces)
    assert float(np.nanmax(np.abs(same.difference))) == 0


def test_a_name_is_loaded(model_folder):
    found = ds.show(str(model_folder), "A shark.", lens=0, progress=False)
    assert found.settings["model"] == str(model_folder)
    assert "lens_token" not in found.traj


def test_what_it_tells_are_sentences_and_words(one, two):
    assert one.answer[0].startswith(f"{len(one.readings[0].pieces)} tokens at 10 layers: mean CSE")
    assert [line.title for line in one.told if isinstance(line, Sheet)] == ["Mean CSE by word"]
    assert one.told[-1].startswith("Settings: model ")
    assert "aligned" in two.answer[1]
    assert [line.title for line in two.told if isinstance(line, Sheet)] == [
        "first text: Mean CSE by word",
        "second text: Mean CSE by word",
    ]


def test_it_draws_what_it_measured(one, two):
    ax = one.plot()
    np.testing.assert_allclose(
        np.ma.filled(ax.collections[0].get_array(), np.nan).reshape(one.cse.shape), one.cse.values
    )
    _, mine = plt.subplots()
    assert two.plot(mine, part="second") is mine
    drawn = two.plot(part="difference").collections[0].get_array()
    np.testing.assert_allclose(np.ma.filled(drawn, np.nan).reshape(two.difference.shape), two.difference.values)


def test_what_needs_two_texts_says_so(one, refuses):
    with refuses("a second needs compare="):
        one.plot(part="second")
    for ask in (lambda: one.difference, lambda: one.plot(part="difference")):
        with refuses("there is one text", "compare="):
            ask()
    with refuses("part='third'", "first, second, difference"):
        one.plot(part="third")


def test_a_notebook_shows_a_strip_and_a_picture_and_runs_nothing(one, two, model):
    html = one._repr_html_()
    assert html.count("<span") == len(one.readings[0].pieces)
    assert "data:image/png;base64," in html
    assert html.startswith('<div class="depthscope-card"')
    assert "Settings: model " in html
    assert two._repr_html_().count("<p dir") == 2
    hostile = ds.show(model, HOSTILE, lens=0, progress=False)._repr_html_()
    assert "<script" not in hostile
    assert "<b>" not in hostile
    assert not plt.get_fignums()


def data_of(path):
    """What the page's script reads."""
    found = re.search(
        r'<script type="application/json" id="data-reading">(.*?)</script>', path.read_text(encoding="utf-8"), re.S
    )
    return json.loads(found.group(1))


def test_the_page_holds_the_text_and_what_was_measured(two, tmp_path):
    path = two.save(tmp_path / "show.html")
    assert path == tmp_path / "show.html"
    data = data_of(path)
    assert [text["pieces"] for text in data["texts"]] == [one.pieces for one in two.readings]
    assert data["pairs"] == [[i, j] for i, j in two.pairs if i is not None and j is not None]
    np.testing.assert_allclose(data["texts"][0]["mean"], two.readings[0].means, atol=1e-6)
    assert list(tmp_path.iterdir()) == [path]


def test_a_page_has_no_place_in_no_folder(one, tmp_path, refuses):
    with refuses("is a folder", "show.html"):
        one.save(tmp_path)
    with refuses("no folder", "make it first"):
        one.save(tmp_path / "nowhere" / "show.html")
    for place in (tmp_path / ("x" * 300), tmp_path / ("x" * 250), Path("/proc/x.html")):
        for write in (check_page, one.save):
            with refuses("cannot be written there", "give another file"):
                write(place)
    assert not list(tmp_path.iterdir())
    assert check_page(tmp_path / "show.html") == tmp_path / "show.html"
    assert not list(tmp_path.iterdir())


def test_a_place_that_is_lost_while_the_page_is_made_is_one_sentence(one, tmp_path, refuses, monkeypatch):
    place = tmp_path / "gone" / "show.html"
    place.parent.mkdir()
    made = show.reading_page

    def slow(*all_of_it):
        place.parent.rmdir()
        return made(*all_of_it)

    monkeypatch.setattr(show, "reading_page", slow)
    with refuses("cannot be written there"):
        one.save(place)


def test_bad_settings_are_refused_before_the_text_is_read(model, refuses):
    with refuses("no option of show is called wavelets", "wavelet"):
        ds.show(model, FIRST, wavelets="haar")
    with refuses("cone of influence"):
        ds.show(model, "", min_scales=40)
    with refuses("the text is empty"):
        ds.show(model, "", progress=False)
    with refuses("second text: the text is empty"):
        ds.show(model, FIRST, "  ", lens=0, progress=False)
    with refuses("first text: the text is", "at most 128"):
        ds.show(model, "shark " * 200, FIRST, lens=0, progress=False)


def test_texts_that_share_no_token_have_no_difference_to_draw(model, refuses):
    apart = ds.show(model, "shark", "The lawyer is", lens=0, progress=False)
    assert apart.answer[1] == "No token of the two texts is aligned."
    with refuses("no token of the two texts is aligned", "share a token"):
        apart.plot(part="difference")
    assert "data:image/png;base64," in apart._repr_html_()


def test_of_an_encoder_there_are_no_readings_and_none_are_promised(model, tmp_path):
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(model.tokenizer),
        hidden_size=32,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=64,
    )
    encoder = ds.load(BertModel(config).eval(), model.tokenizer, stack="encoder")
    found = ds.show(encoder, FIRST, progress=False)
    assert found.settings["lens"] == 0
    assert "no logit lens" in found.told[-1]
    path = found.save(tmp_path / "show.html")
    assert "and what the model would say after each layer" not in path.read_text(encoding="utf-8")
    assert data_of(path)["ranks"] == 0


def test_pairs_count_if_both_of_their_tokens_do(model, tmp_path):
    # what stands at position 0 of the second text stands later in the first
    found = ds.show(model, "(a shark", "a shark", lens=0, progress=False)
    gap = found.difference
    assert [(int(i), int(j)) for i, j in zip(gap["first"], gap["second"], strict=True)] == [(1, 0), (2, 1)]
    assert data_of(found.save(tmp_path / "show.html"))["counted"] == gap["counted"].values.tolist() == [False, True]
