"""The result in words: everything is told, once, in tables that stay whole."""

import re

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.statistics.calibration import Rate
from depthscope.studies.contrast.results import Evidence, every_contrast
from depthscope.studies.contrast.verdicts import in_short
from depthscope.studies.contrast.verdicts.contrast import verdict
from depthscope.studies.contrast.words import contrast_told, evidence_told, summarize, words
from depthscope.telling import plain
from depthscope.words import effect_text
from tests.studies.contrast.planted import DEPTH, HALF, HIGHER, NOTHING, compare, evidence, measure, rows_of

ANSWER = ("What was asked?", "What was found.")


@pytest.fixture
def with_gaps():
    """Item i3 lacks condition b; items i5 and i6 have the same text up to the target."""
    contexts = np.array([[f"{k}a", f"{k}b"] for k in range(24)], dtype=object)
    contexts[5, 1], contexts[6, 1] = contexts[5, 0], contexts[6, 0]
    h = measure({"a": HIGHER, "b": NOTHING}, context=(("item", "condition"), contexts))
    h[3, 1] = np.nan
    return h


def told(contrasts, e: Evidence | None = None, remarks=(), settings=None) -> str:
    said, tested = words(contrasts, DEPTH, remarks, e), every_contrast(contrasts, e)
    return summarize("The title", ANSWER, said, tested, e, settings or {"wavelet": "haar"}, "depthscope run x")


def test_the_summary_holds_every_contrast_cluster_remark_and_setting(with_gaps):
    contrasts = [compare(with_gaps, "a", "b"), compare(with_gaps, "b", "a")]
    text = told(contrasts, remarks=["Layers 1 have too few scales."])
    assert text.startswith("# The title\n\nWhat was asked?\n\nWhat was found.\n\n**a - b: found**")
    assert "**b - a: found**" in text
    rows = [row for row in rows_of(text) if row[0] in ("a - b", "b - a")]
    expected = [(c, k) for c in contrasts for k in c.clusters]
    assert len(rows) == len(expected)
    for row, (c, k) in zip(rows, expected, strict=True):
        assert row[:4] == [c.name, f"{k.first}-{k.last}", f"{k.mass:.1f}", f"{k.p:.4f}"]
    assert "- Layers 1 have too few scales.\n" in text
    assert text.count("left out: i5, i6.") == 2
    assert "| wavelet | `haar` |" in text
    assert "```\ndepthscope run x\n```" in text
    assert "it does not say where" in text


def test_an_empty_summary_says_so():
    text = told([compare(measure({"a": NOTHING, "b": NOTHING}), "a", "b")])
    assert "None: no layer passes the forming threshold." in text
    assert "## Left out, and noticed\n\nNothing.\n" in text
    assert "## The evidence" not in text


@pytest.fixture(scope="module")
def e():
    h = measure({"a": HIGHER, "b": NOTHING, "c": HALF})
    return evidence(h, swapped=Rate(10, 200))


def test_the_evidence_stands_in_sentences_and_in_a_table(e):
    text = told([e.main], e)
    for line in in_short(e):
        assert f"- {line}\n" in text
    assert "Every analysis at the same layers 5-8, those of the strongest cluster of a - b: CSE" in text
    start = text.index("## The evidence")
    table = rows_of(text[start : text.index("## How to read")])[2:]
    assert [row[0] for row in table] == ["the contrast", "controls", ""]  # a group is named once
    for row, compared in zip(table, e.compared, strict=True):
        effect = effect_text(compared.dz, compared.low, compared.high)
        assert row[1:] == [compared.label, str(compared.n), effect, f"{compared.p:.4f}", compared.said]


def test_what_p_is_of_is_said_as_it_was_computed():
    h = measure({"a": HIGHER, "b": NOTHING})
    for inference, drawn in (("flips", "sign flips"), ("bootstrap", "resamples")):
        main = compare(h, "a", "b", inference=inference)
        text = told([main], Evidence(main))
        assert f"p is of {drawn}." in text
        assert f"p ({drawn})" in text


def test_the_sentences_follow_the_verdict_and_the_table_follows_them(e):
    text = told([e.main], e)
    places = [text.index(part) for part in ("**a - b: found", "**Specific to a", "## The evidence", "## All clusters")]
    assert places == sorted(places)


def test_the_clusters_of_the_controls_are_in_the_table_of_all_clusters(e):
    text = told([e.main], e)
    clusters = rows_of(text[text.index("## All clusters") : text.index("## Left out")])[2:]
    assert [row[0] for row in clusters] == ["a - b", "c - b", "a - c"]
    # the verdict is on what was asked; the controls have their sentence
    assert "**c - b: " not in text


def test_a_control_that_was_asked_for_stands_there_once(e):
    asked = e.controls[0].excess
    text = told([e.main, asked], e)
    clusters = rows_of(text[text.index("## All clusters") : text.index("## Left out")])[2:]
    assert [row[0] for row in clusters] == ["a - b", "a - c", "c - b"]
    assert verdict(asked, DEPTH) in text


def test_a_condition_that_cannot_be_a_control_is_noticed():
    h = measure({"a": HIGHER, "b": NOTHING})
    text = told([compare(h, "a", "b")], evidence(h, no_controls={"c": "c - b: the texts are the same"}))
    assert "## Left out, and noticed\n\n- c is no control: c - b: the texts are the same.\n" in text


def test_without_a_cluster_no_cluster_is_spoken_of():
    nothing = evidence(measure({"a": NOTHING, "b": NOTHING}))
    for text in (told([nothing.main], nothing), plain(evidence_told(nothing))):
        assert "layers 1-20, all that were measured" in text
        assert "those of the strongest cluster" not in text


def test_a_terminal_gets_the_table_in_columns_and_the_sentences_without_markup(e):
    lines = plain(evidence_told(e)).splitlines()
    assert lines[0] == "mean CSE over layers 5-8, those of the strongest cluster of a - b:"
    assert [line.strip() for line in lines[2:5:2]] == ["the contrast", "controls"]
    (row,) = (line for line in lines if line.strip().startswith("c - b "))
    c = e.compared[1]
    assert re.split(" {2,}", row.strip()) == [c.label, str(c.n), effect_text(c.dz, c.low, c.high), f"{c.p:.4f}", c.said]
    assert lines[-len(in_short(e)) :] == [line.replace("**", "") for line in in_short(e)]


def test_a_terminal_gets_every_cluster_of_a_contrast(e):
    tested, head, *rows = plain(contrast_told(e.main)).splitlines()
    assert tested == str(e.main).splitlines()[0]
    assert re.split(" {2,}", head) == [
        "layers",
        "mass",
        "p",
        "p interval",
        "dz at peak",
        "peak layer",
        "dz in the other half",
    ]
    assert [row.split()[0] for row in rows] == [f"{k.first}-{k.last}" for k in e.main.clusters]
    k = e.main.clusters[0]
    assert [f"{k.mass:.1f}", f"{k.p:.4f}", str(k.effect)] == [re.split(" {2,}", rows[0].strip())[i] for i in (1, 2, 4)]


def test_a_contrast_without_clusters_says_so():
    nothing = compare(measure({"a": NOTHING, "b": NOTHING}), "a", "b")
    assert plain(contrast_told(nothing)) == str(nothing)


@pytest.mark.parametrize("name", ["a|b", "||", "a\\|b", "x\ny"])
def test_no_name_breaks_a_table(name):
    odd = evidence(measure({name: HIGHER, "b": NOTHING, f"{name}?": HALF}), name, "b")
    text = told([odd.main], odd, settings={"stimuli": f"{name}.csv"})
    widths = [{len(row) for row in rows_of(part)} for part in text.split("## ")]
    assert [width for width in widths if width] == [{6}, {9}, {2}]
    shown = " ".join(name.split())
    assert f"{shown} - b" in [row[1].replace("\\\\", "\\") for row in rows_of(text) if len(row) == 6]


def test_too_few_items_for_an_interval_are_told_as_such():
    few = evidence(measure({"a": HIGHER, "b": NOTHING}, items=4))
    text = told([few.main], few)
    assert "cannot be decided" in text
    assert "[no interval]" in text
    assert "nan" not in text


def test_a_difference_of_differences_has_a_whole_summary():
    h = measure({"a": HIGHER, "b": NOTHING, "c": NOTHING, "d": NOTHING})
    four = Evidence(ds.contrast(h, "(a-b)-(c-d)", permutations=200, resamples=50), swapped=Rate(10, 200))
    text = told([four.main], four)
    assert "| (a - b) - (c - d) | 5-8 |" in text
    assert "those of the strongest cluster of (a - b) - (c - d)" in text


def test_missing_layers_leave_no_hole_in_the_words():
    h: xr.DataArray = measure({"a": HIGHER, "b": NOTHING})
    h[:, :, [0, 1, 18, 19]] = np.nan
    gaps = evidence(h)
    assert "nan" not in told([gaps.main], gaps)
    empty = evidence(h.copy(data=np.broadcast_to(h[:, :1], h.shape)))
    # all layers there are: those that were measured
    assert empty.window == (3, 18)
    assert "nan" not in told([empty.main], empty)
