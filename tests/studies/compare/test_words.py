"""One contrast in many runs: every answer is planted."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from depthscope.statistics.comparison import Source, shared_items
from depthscope.statistics.meta import hedges, pool
from depthscope.studies.compare.results import MECHANISM, direction
from depthscope.studies.compare.study import Comparison
from depthscope.studies.compare.words import answer, cautions, quantities, verdicts
from depthscope.telling import Sheet, plain
from tests.studies.contrast.planted import HIGHER, NOTHING, compare, measure

EARLY = (0.0, 0.6)
ALL = dict.fromkeys(range(1, 21), 1.0)


def source(label, planted, depth=20, *, items=24, seed=5, texts=None, mechanism=None, **options):
    layers = np.arange(1, depth + 1)
    h = measure({"a": planted, "b": NOTHING}, items=items, seed=seed).isel(layer=(layers - 1) % 20)
    h = h.assign_coords(layer=layers, relative_depth=("layer", layers / depth))
    main = compare(h, "a", "b", **options)
    known = {str(item): str(item) for item in main.differences["item"].values}
    return Source(label, f"/m/{label}", f"/runs/{label}", main, layers / depth, known | (texts or {}), mechanism)


def asked(*sources, depth=EARLY, **more):
    return Comparison.of(sources, depth, **more)


def test_the_one_number_is_the_mean_over_the_layers_in_the_range():
    c = asked(source("deep", HIGHER, 20), source("flat", HIGHER, 10), depth=(0.25, 0.4))
    for m, window in zip(c.models, ((5, 8), (3, 4)), strict=True):
        assert (m.window, m.measured) == (window, list(range(window[0], window[1] + 1)))
        assert m.effect == m.main.over(*window)
    g, v = np.array([hedges(np.array(m.effect.dz), m.main.n) for m in c.models]).T
    np.testing.assert_equal(vars(c.pooled), vars(pool(g, v)))
    np.testing.assert_allclose([[m.g, m.variance] for m in c.models], np.column_stack([g, v]))


def test_the_curve_of_a_model_meets_its_contrast_at_its_layers():
    c = asked(source("deep", HIGHER), source("flat", HIGHER, 10))
    table = c.models[0].main.table  # twenty layers, twenty points
    for name in ("dz", "dz_low", "dz_high"):
        np.testing.assert_allclose(c.models[0].curve[name], table[name], rtol=1e-9)
    np.testing.assert_allclose(c.models[1].curve["dz"][1::2], c.models[1].main.table["dz"], rtol=1e-9)
    assert np.isnan(c.models[1].curve["dz"][0])
    assert list(c.curve["k"].values) == [1] + [2] * 19


def test_covariates_held_equal_are_held_equal_along_the_grid():
    rng = np.random.default_rng(0)
    h = measure({"a": HIGHER, "b": NOTHING})
    h = h.assign_coords(x=(("item", "condition"), rng.normal(size=(24, 2))))
    main = compare(h, "a", "b", adjust=["x"])
    one = Source("x", "x", "x", main, np.arange(1, 21) / 20, {})
    c = asked(one)
    for name in ("dz", "dz_low", "dz_high"):
        np.testing.assert_allclose(c.models[0].curve[name], main.table[name], rtol=1e-6)
    assert c.joint is None
    assert any("covariates are held equal" in line for line in cautions(c))


def test_an_effect_in_every_model_is_said_to_be():
    c = asked(*(source(f"m{i}", ALL, 20 - i, items=60, seed=i) for i in range(4)))
    claim, pooled, differ, every, items, clusters, _ = verdicts(c)
    assert claim.startswith(
        "a - b, mean over relative depth 0 to 0.6: higher in 4 of 4 models (m0, m1, m2, m3); lower in 0"
    )
    assert "the mean of models like these is above 0" in pooled
    assert "A new model like these is expected between +" in differ
    assert every.startswith('"Higher in every model" is supported: found in all 4')
    assert items.endswith("60 shared items: on one side of 0.")
    assert "higher at 0.10-1.00" in clusters or "higher at 0.05-1.00" in clusters


def test_models_that_differ_are_said_to_and_one_that_lacks_it_breaks_every():
    c = asked(
        source("up", ALL, items=60),
        source("more", ALL, 16, items=60, seed=2),
        source("none", NOTHING, items=60, seed=3),
    )
    claim, pooled, differ, every, *_ = verdicts(c)
    assert "higher in 2 of 3 models (up, more); lower in 0; not found in 1 (none)" in claim
    assert "not shown to differ from 0" in pooled
    assert "the models differ more than chance would make them" in differ
    assert every.startswith(
        '"Higher in every model" is not supported: it is not found in none; a new model is expected on either'
    )
    assert any("With 3 models" in line for line in cautions(c))
    assert cautions(c)[-1] == '"Not found" is not "absent".'


def test_what_depends_on_no_weight_is_pooled_and_said_in_a_sentence_each():
    lower = dict.fromkeys(range(1, 21), -1.0)
    beside = {"directions": lower, "relative": ALL, "norms": NOTHING}
    made = []
    for i in range(3):
        rows = {
            name: compare(measure({"a": planted, "b": NOTHING}, items=60, seed=i), "a", "b")
            for name, planted in beside.items()
        }
        made.append(replace(source(f"m{i}", ALL, items=60, seed=i), beside=rows))
    c = asked(*made)
    relative, directions = quantities(c)
    assert relative.startswith(
        "CSE relative to norms, which depends on no weight of the scales, over the same range: higher in 3 of 3 models, "
        "lower in 0, not found in 0; pooled g +"
    )
    assert directions.startswith("Slope that directions give, ")
    assert "higher in 0 of 3 models, lower in 3, not found in 0; pooled g -" in directions
    assert directions.endswith("; I² 0%, tau 0.00, Q(2) = 1.6, p = .446.")
    assert {relative, directions} <= set(verdicts(c))
    assert "lower in 3, not found in 0." in answer(c)[1]
    assert list(c.meta["quantity"]) == [
        "relative depth 0 to 0.6",
        "CSE relative to norms, relative depth 0 to 0.6",
        "slope that norms give, relative depth 0 to 0.6",
        "slope that directions give, relative depth 0 to 0.6",
    ]
    one = asked(made[0], source("old", ALL, items=60))
    assert one.beside == {}
    (relative, directions) = quantities(one)
    assert relative.endswith("higher in 1 of 1 model, lower in 0, not found in 0.")
    assert set(one.besides["model"]) == {"m0"}


def test_equivalence_is_told_apart_from_not_found():
    c = asked(source("none", NOTHING, items=400))
    assert "not found in 1 (none), shown to be smaller than |dz| = 0.2 in none" in verdicts(c)[0]


def test_the_other_way_round_contradicts():
    c = asked(
        *(source(f"m{i}", ALL, items=60, seed=i) for i in range(3)),
        source("down", dict.fromkeys(range(1, 21), -1.0), items=60),
    )
    assert '"Higher in every model" is contradicted: the difference has the opposite sign in down.' in verdicts(c)


def test_one_model_is_itself_and_two_say_nothing_of_a_third():
    one = asked(source("alone", HIGHER))
    assert one.pooled.estimate == one.models[0].g
    assert "cannot be known from one" in verdicts(one)[1]
    assert not any("every model" in line for line in verdicts(one))
    two = verdicts(asked(source("x", ALL, items=60), source("y", ALL, items=60, seed=2)))
    assert any("Two models give no prediction interval" in line for line in two)
    assert any("two models say nothing of a third" in line for line in two)


def test_a_model_without_a_layer_in_the_range_does_not_count():
    c = asked(source("deep", HIGHER), source("two", HIGHER, 2), depth=(0.25, 0.4))
    assert [m.label for m in c.asked] == ["deep"]
    assert c.pooled.k == 1
    assert "not measured in 1 (two)" in verdicts(c)[0]
    assert np.isnan(c.to_dataframe()["dz"][1])


def test_ranges_that_are_none_are_refused(refuses):
    for depth in ((0.6, 0.0), (0.2, 0.2), (-0.1, 0.5), (0.5, 1.1)):
        with refuses("range of relative depth"):
            asked(source("x", HIGHER), depth=depth)
    with refuses("no model was measured", "0.01 to 0.02"):
        asked(source("x", HIGHER), depth=(0.01, 0.02))


def test_items_are_shared_if_their_texts_are():
    x, y = source("x", HIGHER), source("y", HIGHER, 10, texts={"i0": "another text"})
    assert shared_items([x, y]) == [f"i{k}" for k in range(1, 24)]
    c = asked(x, y)
    assert c.joint.items == shared_items([x, y])
    z = source("z", HIGHER, texts={f"i{k}": "other" for k in range(24)})
    assert asked(x, z).joint is None
    assert any("share 0 item(s)" in line for line in cautions(asked(x, z)))


def test_the_order_of_items_does_not_matter():
    x, y = source("x", HIGHER), source("y", HIGHER, 10, seed=7)
    turned = measure({"a": HIGHER, "b": NOTHING}, seed=7).isel(layer=np.arange(10), item=np.arange(24)[::-1])
    turned = turned.assign_coords(relative_depth=("layer", np.arange(1, 11) / 10))
    back = Source("y", "", "", compare(turned, "a", "b"), y.depths, y.texts)
    for c in (asked(x, y), asked(x, back)):
        assert c.joint.items == shared_items([x, y])
    np.testing.assert_allclose(asked(x, y).joint.low, asked(x, back).joint.low)
    np.testing.assert_allclose(asked(x, y).joint.curve["t"], asked(x, back).joint.curve["t"])


def parts(*rows):
    table = [
        dict(zip(MECHANISM, (key, key, 24, value, value - 1, value + 1, 0.01, dz, dz - 0.1, dz + 0.1), strict=True))
        for key, value, dz in rows
    ]
    return pd.DataFrame(table)


def test_mechanisms_stand_by_model_in_one_order_and_are_pooled():
    c = asked(
        source("x", HIGHER, mechanism=parts(("mlp", 2.0, 0.5), ("norms", 1.0, 0.2), ("odd", 1.0, 0.2))),
        source("y", HIGHER),
        source("z", HIGHER, mechanism=parts(("mlp", 4.0, 0.1), ("cse", 3.0, 0.8))),
    )
    shown = c.mechanism_headlines
    assert list(zip(shown["model"], shown["key"], strict=True)) == [
        ("x", "mlp"),
        ("x", "odd"),
        ("z", "cse"),
        ("z", "mlp"),
    ]
    assert set(c.mechanisms["key"]) == {"mlp", "norms", "odd", "cse"}
    sheet = [part for part in c.told if isinstance(part, Sheet)][-1]
    assert [row[0] for row in sheet.rows] == ["x", "mlp", "odd", "z", "cse", "mlp"]
    assert sheet.rows[1] == ["mlp", "24", "+2 [+1, +3]", "+0.50 [+0.40, +0.60]", "p = .010"]
    assert list(c.mechanism) == ["mlp"]
    g, v = hedges(np.array([0.5, 0.1]), 24)
    np.testing.assert_equal(vars(c.mechanism["mlp"]), vars(pool(g, v)))
    assert list(c.meta["quantity"]) == ["relative depth 0 to 0.6", "mlp"]
    assert any(line.startswith("mlp: pooled over 2 models") for line in verdicts(c))
    assert asked(source("x", HIGHER)).mechanism_headlines.empty


def test_in_a_terminal_stand_models_and_what_is_pooled_then_every_sentence():
    c = asked(
        source("a|b", HIGHER), source("y", HIGHER, 10), source("two", HIGHER, 2),
        depth=(0.25, 0.4), notes=["y differs from a|b in stimuli."],
    )  # fmt: skip
    models, pooled = (part for part in c.told if isinstance(part, Sheet))
    assert models.title == "a - b, mean over relative depth 0.25 to 0.4"
    assert [row[0] for row in models.rows] == ["a|b", "y", "two"]
    assert models.rows[2][1:] == ["", "24", "", "", ""]
    assert [row[:2] for row in pooled.rows] == [["relative depth 0.25 to 0.4", "2"]]
    assert [*verdicts(c), *(f"note: {line}" for line in cautions(c))] == [line for line in c.told if line][2:]
    assert "note: y differs from a|b in stimuli." in str(c).splitlines()
    assert str(c) == plain(c.told)
    alone = asked(source("alone", HIGHER))
    assert len([part for part in alone.told if isinstance(part, Sheet)]) == 1


def test_a_direction_is_found_at_p_of_a_twentieth_and_not_above():
    effect = asked(source("x", ALL, items=60)).models[0].effect
    assert [direction(replace(effect, p=p, dz=dz)) for p, dz in ((0.05, 1), (0.05, -1), (0.051, 1), (np.nan, 1))] == [
        1,
        -1,
        0,
        0,
    ]


def test_tables_are_tidy_and_complete():
    c = asked(source("x", HIGHER), source("y", HIGHER, 10), source("z", HIGHER, 12))
    assert list(c.to_dataframe()["label"]) == ["x", "y", "z"]
    d = c.depths
    assert list(d.groupby("kind").size()[["model", "pooled", "mean of these models"]]) == [60, 20, 20]
    assert not d.duplicated(["kind", "label", "relative_depth"]).any()
    row = d[(d["kind"] == "pooled") & (d["relative_depth"] == 0.5)].iloc[0]
    assert row["estimate"] == pytest.approx(float(c.curve["estimate"].sel(relative_depth=0.5)))
    assert c.meta["k"][0] == 3
    assert c.meta["these_models_mean"][0] == c.joint.mean


def test_the_figure_is_drawn_from_the_numbers():
    import matplotlib.pyplot as plt

    figure = asked(source("x", HIGHER), source("y", HIGHER, 10)).plot().figure
    assert figure._suptitle.get_text() == "a - b in 2 models, at the same relative depth"
    plt.close(figure)
