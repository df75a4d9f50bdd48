"""What is said of a text is what its numbers say."""

import numpy as np
import pytest
import xarray as xr

from depthscope.studies.show.results import TextReading, layer_means
from depthscope.studies.show.words import LISTED, answer, names_of, quoted, settings_text, word_sheet


def reading(pieces, cse, special=(), surprisal=None, text=None):
    """A text whose pieces follow each other without gaps; ``cse`` (token,) is the same at layers 2 and 3, unknown at 1."""
    special = np.isin(np.arange(len(pieces)), special)
    lengths = np.where(special, 0, [len(piece) for piece in pieces])
    ends = lengths.cumsum()
    starts = np.where(special, 0, ends - lengths)
    values = np.column_stack([np.full(len(pieces), np.nan), cse, cse])
    coords = {
        "layer": [1, 2, 3],
        "piece": ("token", np.array(pieces, dtype=object)),
        "start": ("token", starts),
        "end": ("token", np.where(special, 0, ends)),
        "special": ("token", special),
        "surprisal": ("token", np.arange(len(pieces), dtype=float) if surprisal is None else np.array(surprisal)),
    }
    h = xr.DataArray(values, dims=("token", "layer"), coords=coords)
    whole = "".join(piece for piece, added in zip(pieces, special, strict=True) if not added)
    traj = xr.Dataset({"update_norm": h * 0 + 1.0}, attrs={"text": text or whole})
    return TextReading(traj, h, h)


@pytest.fixture
def one():
    return reading(["The", " law", "yer", " is", " a", " shark", "."], [0.1, 0.6, 0.8, 0.5, 0.9, 0.7, 0.65])


def test_means_are_over_the_layers_that_are_measured(one):
    np.testing.assert_allclose(one.means, [0.1, 0.6, 0.8, 0.5, 0.9, 0.7, 0.65])
    assert one.layers == (2, 3)
    rows = xr.DataArray([[np.nan, 1, 3], [np.nan] * 3], dims=("pair", "layer"))
    np.testing.assert_array_equal(layer_means(rows), [2, np.nan])


def test_position_0_and_special_tokens_do_not_count(one):
    assert one.counted.tolist() == [False, *[True] * 6]
    marked = reading(["<bos>", "A", " b", "</s>"], [0.1, 0.2, 0.3, 0.4], special=[0, 3])
    assert marked.counted.tolist() == [False, True, True, False]
    # a text of one token is all there is
    assert reading(["A"], [0.4]).counted.tolist() == [True]
    assert reading(["A", "</s>"], [0.4, 0.5], special=[1]).counted.tolist() == [True, False]
    assert one.ordered() == [4, 2, 5, 6, 1, 3]


def test_the_answer_names_size_mean_and_extremes(one):
    size, extremes, left_out = answer([one])
    assert size == "7 tokens at 3 layers: mean CSE 0.692 over layers 2-3."
    assert extremes == (
        "CSE is highest at “a” (token 4, 0.900), “yer” (token 2, 0.800), “shark” (token 5, 0.700), and lowest at "
        "“is” (token 3, 0.500), “law” (token 1, 0.600), “.” (token 6, 0.650)."
    )
    assert "position 0" in left_out


def test_of_few_tokens_none_is_named_twice():
    few = reading(["x", "a", "b", "c"], [0, 0.1, 0.2, 0.3])
    assert "“c” (token 3, 0.300), and lowest at “a” (token 1, 0.100)." in answer([few])[1]


def test_two_texts_are_told_apart_and_their_difference_comes_first(one):
    gap = xr.DataArray(
        [[np.nan, 0.5, 0.5], [np.nan, 0.1, 0.2], [np.nan, -0.4, -0.2]],
        dims=("pair", "layer"),
        coords={
            "first": ("pair", [0, 3, 4]),
            "second": ("pair", [0, 2, 5]),
            "piece": ("pair", ["The", " is", " a"]),
            "counted": ("pair", [False, True, True]),
        },
    )
    size, difference, first, second, _ = answer([one, one], gap)
    assert size.startswith("7 tokens and 7 tokens at 3 layers: mean CSE 0.692 and 0.692")
    assert difference == (
        "3 tokens of the two texts are aligned; their CSE, first minus second, is -0.0750 on average, and farthest from 0 "
        "at “a” (tokens 4 and 5, -0.3000)."
    )
    assert first.startswith("In the first text, CSE is highest")
    assert second.startswith("In the second text, ")
    assert names_of([one, one]) == ["first text", "second text"]


def test_texts_that_share_nothing_have_no_difference(one):
    gap = xr.DataArray(
        np.empty((0, 3)),
        dims=("pair", "layer"),
        coords={
            "first": ("pair", np.array([], int)),
            "second": ("pair", np.array([], int)),
            "piece": ("pair", []),
            "counted": ("pair", np.array([], bool)),
        },
    )
    assert answer([one, one], gap)[1] == "No token of the two texts is aligned."


def test_words_are_means_of_their_tokens_and_sums_of_their_bits(one):
    words = one.words()
    assert words["word"].tolist() == ["The", "lawyer", "is", "a", "shark."]
    assert words["tokens"].tolist() == [1, 2, 1, 1, 2]
    np.testing.assert_allclose(words["cse"], [np.nan, 0.7, 0.5, 0.9, 0.675])
    np.testing.assert_allclose(words["surprisal"], [0, 3, 3, 4, 11])


def test_a_token_of_blank_space_belongs_to_no_word_and_one_across_two_to_the_first():
    one = reading(["a", " b", "\n\n", "c d", " e"], [0.1, 0.2, 0.3, 0.4, 0.5])
    words = one.words()
    assert words["word"].tolist() == ["a", "b", "c", "d", "e"]
    assert words["tokens"].tolist() == [1, 1, 1, 0, 1]
    assert words["cse"].isna().tolist() == [True, False, False, True, False]


def test_a_word_that_begins_at_position_0_is_whole():
    one = reading(["sh", "ar", "k"], [0.1, 0.6, 0.8], surprisal=[np.nan, 2, 3])
    (word,) = one.words().itertuples()
    assert (word.tokens, word.cse) == (3, pytest.approx(0.7))
    # the bits of a part are not the bits of the word
    assert np.isnan(word.surprisal)
    assert word_sheet(one).rows == [("shark", "3", "0.700", "")]


def test_the_table_of_words_leaves_out_what_is_not_known(one):
    sheet = word_sheet(one)
    assert sheet.title == "Mean CSE by word"
    assert [row[0] for row in sheet.rows] == ["lawyer", "is", "a", "shark."]
    assert sheet.rows[0] == ("lawyer", "2", "0.700", "3.0")
    unknown = reading(["A", " b"], [0.1, 0.2], surprisal=[np.nan, np.nan])
    assert word_sheet(unknown, "first text").rows == [("b", "1", "0.200", "")]
    assert word_sheet(unknown, "first text").title == "first text: Mean CSE by word"


def test_of_many_words_those_with_the_highest_cse_are_listed():
    count = LISTED + 5
    many = reading([f" w{k}" for k in range(count)], np.linspace(0, 1, count))
    sheet = word_sheet(many)
    assert f"the {LISTED} highest of {count - 1}" in sheet.title
    assert [row[0] for row in sheet.rows[:2]] == [f"w{count - 1}", f"w{count - 2}"]
    assert len(sheet.rows) == LISTED


def test_settings_and_quotes_stand_on_one_line():
    cse = {
        "wavelet": "paul(4)",
        "scales": [2.0, 3.0],
        "padding": "zero",
        "signal": "update",
        "mask_coi": True,
        "min_scales": 4,
    }
    line = settings_text({"model": "m", "lens": 0, "cse": cse})
    assert line == (
        "Settings: model m, paul(4), 2 scales, padding zero, signal update, outside the cone of influence, at least 4 scales "
        "a layer, no logit lens."
    )
    assert "16 scales" in settings_text({"model": "m", "lens": 2, "cse": {**cse, "scales": 16}})
    assert quoted("a\n b") == "a b"
    assert len(quoted("word " * 50)) <= 70


def test_a_text_of_one_token_is_told_to_be_an_attention_sink_and_no_other_is(one):
    alone = reading(["A"], [0.4])
    size, sink = answer([alone])
    assert size == "1 token at 3 layers: mean CSE 0.400 over layers 2-3."
    assert sink.startswith("The only token of the text stands at position 0")
    both = answer([alone, one])
    assert any(line.startswith("The only token of the first text stands at position 0") for line in both)
    assert any(line.startswith("Means and extremes of the second text leave out") for line in both)
    # each is left alone: nothing was left out
    assert not any("leave out" in line for line in answer([alone, alone]))
    assert not any("only token" in line for line in answer([one, one]))


def test_means_that_are_close_have_the_digits_to_tell_them_apart():
    close = reading(["x", "a", "b"], [0.1, 0.99995, 0.99992])
    size, extremes, _ = answer([close])
    assert "mean CSE 0.999935 over" in size
    assert extremes == "CSE is highest at “a” (token 1, 0.999950), and lowest at “b” (token 2, 0.999920)."
    assert [row[2] for row in word_sheet(close).rows] == ["0.999935"]
    singles = [reading(["a"], [0.9998]), reading(["b"], [0.9995])]
    assert "mean CSE 0.99980 and 0.99950" in answer(singles)[0]


@pytest.mark.parametrize(
    ("values", "counted", "said"),
    [
        (
            [0.2],
            [True],
            "1 token of the two texts is aligned; CSE, first minus second, is +0.2000 at “p0” (tokens 1 and 2).",
        ),
        ([0.2], [False], "1 token of the two texts is aligned."),
        (
            [2e-5, 1e-5],
            [True, True],
            "is +0.000015 on average, and farthest from 0 at “p0” (tokens 1 and 2, +0.000020).",
        ),
    ],
)
def test_differences_are_told_in_good_grammar_and_enough_digits(one, values, counted, said):
    count = len(values)
    coords = {
        "first": ("pair", np.arange(count) + 1),
        "second": ("pair", np.arange(count) + 2),
        "piece": ("pair", [f"p{k}" for k in range(count)]),
        "counted": ("pair", counted),
    }
    gap = xr.DataArray(np.array(values)[:, None], dims=("pair", "layer"), coords=coords)
    assert answer([one, one], gap)[1].endswith(said)


def test_one_of_anything_is_told_as_one():
    cse = {"wavelet": "w", "scales": [2.0], "padding": "zero", "signal": "update", "mask_coi": False, "min_scales": 1}
    line = settings_text({"model": "m", "lens": 1, "cse": cse})
    assert "w, 1 scale, " in line
    assert "at least 1 scale a layer, 1 reading a layer." in line
