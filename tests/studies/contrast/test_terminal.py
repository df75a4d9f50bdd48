"""A contrast and its evidence in a terminal: the tables of the page, and sentences without markup."""

import re

import pytest

from depthscope.statistics.calibration import Rate
from depthscope.studies.contrast.terminal import contrast_told, evidence_told
from depthscope.studies.contrast.verdicts import in_short
from depthscope.telling import plain
from depthscope.words import effect_text, p_text, range_text
from tests.studies.contrast.planted import HALF, HIGHER, NOTHING, compare, evidence, measure


@pytest.fixture(scope="module")
def e():
    h = measure({"a": HIGHER, "b": NOTHING, "c": HALF})
    return evidence(h, swapped=Rate(10, 200))


def test_without_a_cluster_no_cluster_is_spoken_of():
    text = plain(evidence_told(evidence(measure({"a": NOTHING, "b": NOTHING}))))
    assert "layers 1-20, all that were measured" in text
    assert "those of the strongest cluster" not in text


def test_a_terminal_gets_the_table_in_columns_and_the_sentences_without_markup(e):
    lines = plain(evidence_told(e)).splitlines()
    assert lines[0] == "mean CSE over layers 5-8, those of the strongest cluster of a - b:"
    assert [line.strip() for line in lines[2:5:2]] == ["the contrast", "controls"]
    (row,) = (line for line in lines if line.strip().startswith("c - b "))
    c = e.compared[1]
    assert re.split(" {2,}", row.strip()) == [c.label, str(c.n), effect_text(c.dz, c.low, c.high), p_text(c.p), c.said]
    assert lines[-len(in_short(e)) :] == [line.replace("**", "") for line in in_short(e)]


def test_a_terminal_gets_every_cluster_of_a_contrast(e):
    tested, head, *rows = plain(contrast_told(e.main)).splitlines()
    assert tested == str(e.main).splitlines()[0]
    assert re.split(" {2,}", head.strip()) == [
        "layers",
        "mass",
        "p",
        "dz at the peak",
        "dz at the peak, other half",
        "peak layer",
    ]
    assert [row.split()[0] for row in rows] == [range_text(k.first, k.last) for k in e.main.clusters]
    k = e.main.clusters[0]
    cells = [f"{k.mass:.1f}", f"{k.p:.4f} [{k.p_low:.4f}, {k.p_high:.4f}]", k.effect]
    assert re.split(" {2,}", rows[0].strip())[1:4] == cells


def test_a_contrast_without_clusters_says_so():
    nothing = compare(measure({"a": NOTHING, "b": NOTHING}), "a", "b")
    assert plain(contrast_told(nothing)) == str(nothing)
