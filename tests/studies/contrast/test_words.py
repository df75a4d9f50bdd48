"""The result in words: everything is told, once, in tables that stay whole."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.report.codebook import write_tables
from depthscope.report.markdown import markdown
from depthscope.report.page.run import run_page
from depthscope.statistics.calibration import Rate
from depthscope.store.record import RunRecord
from depthscope.store.sealed import seal
from depthscope.studies.contrast.codebook import TABLES
from depthscope.studies.contrast.page import LAYOUT
from depthscope.studies.contrast.results import Evidence, every_contrast
from depthscope.studies.contrast.tables import clusters_table, evidence_tables
from depthscope.studies.contrast.verdicts import in_short
from depthscope.studies.contrast.verdicts.contrast import verdict
from depthscope.studies.contrast.words import compared_reading, words
from depthscope.words import effect_text, p_text, range_text
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
    """The summary of a run folder that holds the tables of these results and no more."""
    record = RunRecord("metaphor", {}, title="The title", answer=list(ANSWER))
    record.words = words(contrasts, DEPTH, remarks, e) | ({"controls_reading": [compared_reading(e)]} if e else {})
    LAYOUT.check(record.words)
    tables = {"clusters.csv": clusters_table(every_contrast(contrasts, e)), **(evidence_tables(e) if e else {})}
    with TemporaryDirectory() as name:
        write_tables(Path(name), {file: frame for file, frame in tables.items() if len(frame)}, TABLES)
        record.files = seal(Path(name))
        page = run_page(Path(name), LAYOUT, record)
    return markdown(page, settings or {"wavelet": "haar"}, "depthscope run x")


def table_below(text: str, caption: str) -> list[list[str]]:
    """Rows of the table under its caption, without the head."""
    return rows_of(text.partition(f"{caption}:\n\n")[2].partition("\n\n")[0])[2:]


CLUSTERS = "All clusters, whatever their p"


def test_the_summary_holds_every_contrast_cluster_remark_and_setting(with_gaps):
    contrasts = [compare(with_gaps, "a", "b"), compare(with_gaps, "b", "a")]
    text = told(contrasts, remarks=["Layers 1 have too few scales."])
    assert text.startswith("# The title\n\nWhat was asked?\n\nWhat was found.\n\n")
    assert "- **a - b: found**" in text
    assert "- **b - a: found**" in text
    rows = table_below(text, CLUSTERS)
    expected = [(c, k) for c in contrasts for k in c.clusters]
    assert len(rows) == len(expected)
    for row, (c, k) in zip(rows, expected, strict=True):
        assert row[:3] == [c.name, range_text(k.first, k.last), f"{k.mass:.1f}"]
        assert row[3] == f"{k.p:.4f} [{k.p_low:.4f}, {k.p_high:.4f}]"
    assert "- Layers 1 have too few scales.\n" in text
    assert text.count("left out: i5, i6.") == 2
    assert "| wavelet | `haar` |" in text
    assert "```\ndepthscope run x\n```" in text
    assert "it does not say where" in text


def test_where_nothing_is_found_and_nothing_left_out_no_empty_part_stands():
    text = told([compare(measure({"a": NOTHING, "b": NOTHING}), "a", "b")])
    assert "**a - b: not found.** No cluster of layers reaches" in text
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## The difference, with clusters",
        "## Settings",
    ]
    assert CLUSTERS not in text


@pytest.fixture(scope="module")
def e():
    h = measure({"a": HIGHER, "b": NOTHING, "c": HALF})
    return evidence(h, swapped=Rate(10, 200))


def test_the_evidence_stands_in_sentences_and_in_a_table(e):
    text = told([e.main], e)
    for line in in_short(e):
        assert f"\n{line}\n" in text.replace("- **", "**")
    assert "Every analysis at the same layers 5-8, those of the strongest cluster of a - b: CSE" in text
    table = table_below(text, "The contrast and its controls at the same layers")
    assert [row[0] for row in table] == ["the contrast", "controls", ""]  # a group is named once
    for row, compared in zip(table, e.compared, strict=True):
        effect = effect_text(compared.dz, compared.low, compared.high)
        assert row[1:] == [compared.label, str(compared.n), effect, p_text(compared.p), compared.said]


def test_what_p_is_of_is_said_as_it_was_computed():
    h = measure({"a": HIGHER, "b": NOTHING})
    for inference, drawn in (("flips", "sign flips"), ("bootstrap", "resamples")):
        main = compare(h, "a", "b", inference=inference)
        text = told([main], Evidence(main))
        assert f"p is of {drawn}." in text
        assert f"p ({drawn})" in text


def test_the_sentences_follow_the_verdict_and_the_table_follows_them(e):
    text = told([e.main], e)
    parts = ("**a - b: found", f"{CLUSTERS}:", "**Specific to a", "The contrast and its controls", "## Settings")
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_the_clusters_of_the_controls_are_in_the_table_of_all_clusters(e):
    text = told([e.main], e)
    clusters = table_below(text, CLUSTERS)
    assert [row[0] for row in clusters] == ["a - b", "c - b", "a - c"]
    # the verdict is on what was asked; the controls have their sentence
    assert "**c - b: " not in text


def test_a_control_that_was_asked_for_stands_there_once(e):
    asked = e.controls[0].excess
    text = told([e.main, asked], e)
    clusters = table_below(text, CLUSTERS)
    assert [row[0] for row in clusters] == ["a - b", "a - c", "c - b"]
    assert verdict(asked, DEPTH) in text


def test_a_condition_that_cannot_be_a_control_is_noticed():
    h = measure({"a": HIGHER, "b": NOTHING})
    text = told([compare(h, "a", "b")], evidence(h, no_controls={"c": "c - b: the texts are the same"}))
    assert "## Left out, and noticed\n\nc is no control: c - b: the texts are the same.\n" in text


def test_without_a_cluster_no_cluster_is_spoken_of():
    nothing = evidence(measure({"a": NOTHING, "b": NOTHING}))
    text = told([nothing.main], nothing)
    assert "layers 1-20, all that were measured" in text
    assert "those of the strongest cluster" not in text


@pytest.mark.parametrize("name", ["a|b", "||", "a\\|b", "x\ny"])
def test_no_name_breaks_a_table(name):
    odd = evidence(measure({name: HIGHER, "b": NOTHING, f"{name}?": HALF}), name, "b")
    text = told([odd.main], odd, settings={"stimuli": f"{name}.csv"})
    widths = [{len(row) for row in rows_of(part)} for part in text.split("## ")]
    assert [len(width) for width in widths if width] == [1, 1, 1]
    shown = " ".join(name.split())
    rows = table_below(text, "The contrast and its controls at the same layers")
    assert f"{shown} - b" in [row[1].replace("\\\\", "\\") for row in rows]


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
