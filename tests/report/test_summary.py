"""The result in words, by rules that hold for every contrast alike."""

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.report.summary import exclusions, p_text, summarize, verdict
from depthscope.report.tables import clusters_table

DEPTH = 20


def measured(effect: dict[int, float], items: int = 12, **coords) -> xr.DataArray:
    """(item, condition, layer): noise, and a shift of condition a at the layers of ``effect``."""
    values = np.random.default_rng(5).normal(size=(items, 2, DEPTH))
    for layer, size in effect.items():
        values[:, 0, layer - 1] += size
    labels = {"item": [f"i{k}" for k in range(items)], "condition": ["a", "b"], "layer": np.arange(1, DEPTH + 1)}
    return xr.DataArray(values, labels | coords, ("item", "condition", "layer"), name="cse")


HIGHER = dict.fromkeys(range(5, 9), 4.0)
LOWER = dict.fromkeys(range(14, 17), -4.0)


def test_an_effect_is_found_with_direction_layers_depth_p_and_size():
    c = ds.contrast(measured(HIGHER), "a", "b")
    text = verdict(c, DEPTH)
    (k,) = c.significant()
    assert text.startswith("**a - b: found** in 12 items. CSE is higher for a than for b over layers 5 to 8 of 20")
    assert "(relative depth 0.25 to 0.40)" in text
    assert p_text(k) in text
    assert f"dz = {k.dz:+.2f} [{k.dz_low:+.2f}, {k.dz_high:+.2f}] at layer {k.peak_layer}" in text
    assert "changes along depth" not in text
    assert "not found" not in text


def test_the_direction_turns_with_the_contrast():
    text = verdict(ds.contrast(measured(HIGHER), "b", "a"), DEPTH)
    assert "CSE is lower for b than for a over layers 5 to 8" in text


def test_effects_in_both_directions_are_both_told():
    text = verdict(ds.contrast(measured(HIGHER | LOWER), "a", "b"), DEPTH)
    assert "higher for a than for b over layers 5 to 8" in text
    assert "lower for a than for b over layers 14 to 16" in text
    assert "The direction changes along depth." in text


def test_what_is_not_found_is_no_evidence_of_sameness():
    c = ds.contrast(measured({3: 0.9}), "a", "b")
    assert c.clusters
    assert not c.significant()
    text = verdict(c, DEPTH)
    assert text.startswith("**a - b: not found.** No cluster of layers reaches family-wise p <= 0.05 in 12 items.")
    assert "no evidence that the conditions are the same" in text
    nearest = min(c.clusters, key=lambda k: k.p)
    assert f"The nearest: layers {nearest.first} to {nearest.last}, {p_text(nearest)}." in text


def test_where_no_layer_passes_the_threshold_there_is_no_nearest():
    h = measured({})
    c = ds.contrast(h.copy(data=np.broadcast_to(h[:, :1], h.shape)), "a", "b")
    assert "not found" in verdict(c, DEPTH)
    assert "nearest" not in verdict(c, DEPTH)


def test_p_says_whether_it_is_exact():
    exact = ds.contrast(measured(HIGHER), "a", "b").clusters[0]
    drawn = ds.contrast(measured(HIGHER), "a", "b", permutations=500).clusters[0]
    assert p_text(exact) == f"p = {exact.p:.4f} (exact)"
    assert p_text(drawn) == (f"p = {drawn.p:.4f} (Monte-Carlo 95 % interval {drawn.p_low:.4f} to {drawn.p_high:.4f})")


@pytest.fixture
def with_gaps():
    """Item i3 lacks condition b; items i5 and i6 have the same text up to the target."""
    contexts = np.array([[f"{k}a", f"{k}b"] for k in range(12)], dtype=object)
    contexts[5, 1], contexts[6, 1] = contexts[5, 0], contexts[6, 0]
    h = measured(HIGHER, context=(("item", "condition"), contexts))
    h[3, 1] = np.nan
    return h


def test_what_was_left_out_is_named_with_its_reason(with_gaps):
    c = ds.contrast(with_gaps, "a", "b")
    same, incomplete = exclusions(c)
    assert c.n == 9
    assert "2 pair(s) with the same text up to the target" in same
    assert "left out: i5, i6." in same
    assert "1 item(s) without both conditions left out: i3." in incomplete


def test_pairs_that_were_kept_on_request_are_named_as_kept(with_gaps):
    c = ds.contrast(with_gaps, "a", "b", include_same_context=True)
    assert c.n == 11
    assert "kept: i5, i6." in exclusions(c)[0]


def test_nothing_left_out_needs_no_line():
    assert exclusions(ds.contrast(measured(HIGHER), "a", "b")) == []


def summary(h: xr.DataArray, remarks: list[str]) -> str:
    contrasts = [ds.contrast(h, "a", "b"), ds.contrast(h, "b", "a")]
    return summarize(
        "The title", contrasts, clusters_table(contrasts), DEPTH, remarks, {"wavelet": "haar"}, "depthscope run x"
    )


def test_the_summary_holds_every_contrast_cluster_remark_and_setting(with_gaps):
    text = summary(with_gaps, ["Layers 1 have too few scales."])
    assert text.startswith("# The title\n\n**a - b: found**")
    assert "**b - a: found**" in text
    rows = [line for line in text.splitlines() if line.startswith(("| a - b |", "| b - a |"))]
    expected = ds.contrast(with_gaps, "a", "b").clusters + ds.contrast(with_gaps, "b", "a").clusters
    assert len(rows) == len(expected)
    for row, k in zip(rows, expected, strict=True):
        assert f"| {k.first}-{k.last} | {k.mass:.1f} | {k.p:.4f} |" in row
    assert "- Layers 1 have too few scales.\n" in text
    assert text.count("left out: i5, i6.") == 2
    assert "| wavelet | `haar` |" in text
    assert "```\ndepthscope run x\n```" in text
    assert "it does not say where" in text


def test_an_empty_summary_says_so():
    h = measured({})
    text = summary(h.copy(data=np.broadcast_to(h[:, :1], h.shape)), [])
    assert "None: no layer passes the forming threshold." in text
    assert "## Left out, and noticed\n\nNothing.\n" in text


def test_too_few_items_are_not_called_not_found():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 2, 6)) + np.array([3.0, 0.0])[None, :, None]
    h = xr.DataArray(
        values,
        {"item": list("abcd"), "condition": ["x", "y"], "layer": np.arange(1, 7)},
        ("item", "condition", "layer"),
    )
    words = verdict(ds.contrast(h, "x", "y"), 6)
    assert "cannot be decided" in words
    assert "0.125" in words
