"""Rules that make the sentences about where a difference comes from, on data in which the answer is known."""

import dataclasses
import re
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from depthscope.instrument.carried import by_layer
from depthscope.statistics.contrast import against_zero
from depthscope.statistics.effects import mean_effect
from depthscope.statistics.layers import compare_layers
from depthscope.studies.mechanism.baselines import Baselines
from depthscope.studies.mechanism.figures import write_mechanism_figures
from depthscope.studies.mechanism.page import PARTS
from depthscope.studies.mechanism.results import (
    CROSS,
    ROWS,
    Attribution,
    Exchange,
    Mechanism,
    carrier,
    mechanism_table,
    mechanism_tables,
    scale_effects,
    share_of,
)
from depthscope.studies.mechanism.words import EXCHANGE, SPLIT, mechanism_in_short, mechanism_words
from tests.studies.contrast.planted import DEPTH, HIGHER, INSIDE, LOWER, NOTHING, QUICK, compare, measure, rows_of
from tests.studies.mechanism.summaries import summary

LAYERS = np.arange(1, DEPTH + 1)
ITEMS = 24
WINDOW = (5, 8)
PERIODS = np.array([2.0, 3.0, 4.5, 6.0, 8.0, 10.0])
PLACE = {"layer": LAYERS, "relative_depth": ("layer", LAYERS / DEPTH)}
PLANE = {"scale": PERIODS / 2, "period": ("scale", PERIODS), "coi": ("layer", np.full(DEPTH, 1.0))}
LITTLE = {name: QUICK[name] for name in ("permutations", "resamples")}


def noise(*shape, seed=3):
    """The second half of the items has the noise of the first half with the other sign."""
    half = np.random.default_rng(seed).normal(size=(ITEMS // 2, *shape))
    return np.concatenate([half, -half])


def items(values, dims, **coords):
    return xr.DataArray(values, {"item": [f"i{k}" for k in range(ITEMS)], **PLACE, **coords}, ("item", *dims))


def shares(blocks):
    """A contrast over scale and layer with a difference in each of the blocks: (scale, first layer, last layer, size)."""
    values = np.stack([noise(len(PERIODS), DEPTH), noise(len(PERIODS), DEPTH, seed=4)], 1)
    for scale, first, last, size in blocks:
        values[:, 0, scale, first - 1 : last] += size
    h = items(values, ("condition", "scale", "layer"), condition=["a", "b"], **PLANE)
    return compare(h.rename("share"), "a", "b", forming_p=0.001)


def attribution(main, parts, scales=(0.4, 0.1, 0.2, 0.1, 0.15, 0.05), blocks=()):
    """Every item's difference, shared out among scales and parts in these proportions."""
    whole = main.differences.transpose("item", "layer").values
    given = whole[:, None, :] * np.array(scales)[None, :, None]
    contributions = against_zero(items(given, ("scale", "layer"), **PLANE), "contribution", **LITTLE)
    made, alone = {}, {}
    jitter = noise(DEPTH, seed=8) * 1e-3
    for sign, (name, share) in zip((1, -1, 0), parts.items(), strict=False):
        made[name] = against_zero(items(whole * share + sign * jitter, ("layer",)), name, **LITTLE)
        if name != CROSS:
            alone[name] = against_zero(items(whole * share * 0.5 + jitter, ("layer",)), name, **LITTLE)
    return Attribution(shares(blocks), contributions, made, alone, "the modules" if parts else "a gate acts on it")


def exchange(main, profile, fit=(9.0, 8.0), found=True, without=()):
    """The effect at each layer (DEPTH,) is planted; so is how much either text prefers its probe."""
    first = np.array([0, *LAYERS, WINDOW[0]])
    last = np.array([0, *LAYERS, WINDOW[1]])
    effects = noise(DEPTH + 2, seed=6) * 0.2 + np.array([0.0, *profile, np.mean(profile) + 1])
    runs = np.stack([effects + 0.5, effects - 0.5], 1)
    preference = noise(2, seed=7) + np.array(fit)
    coords = {"item": [f"i{k}" for k in range(ITEMS)], "run": ["a", "b"]}
    spans = {"first": ("patch", first), "last": ("patch", last)}
    carried = xr.Dataset(
        {
            "effect": (("item", "patch"), effects),
            "effect_run": (("item", "run", "patch"), runs),
            "preference": (("item", "run"), preference),
            "most": ("item", preference.sum(1)),
        },
        {**coords, **spans},
    )
    layer = by_layer(carried["effect"], DEPTH)
    each = against_zero(layer, "exchange", **LITTLE)
    inside = np.isin(LAYERS, INSIDE)
    return Exchange(
        each,
        carried,
        compare_layers(layer.values, inside, **LITTLE) if found else None,
        mean_effect(effects[:, -1], **LITTLE) if found else None,
        {name: mean_effect(preference[:, i], **LITTLE) for i, name in enumerate("ab")},
        0.0,
        list(without),
    )


def mechanism(shift=HIGHER, parts=None, blocks=(), **more):
    parts = {"attention": 0.2, "mlp": 0.7, CROSS: 0.1} if parts is None else parts
    return dataclasses.replace(made(tuple(shift.items()), tuple(parts.items()), tuple(blocks)), **more)


@cache
def made(shift, parts, blocks):
    main = compare(measure({"a": dict(shift), "b": NOTHING}), "a", "b")
    return Mechanism(main, attribution(main, dict(parts), blocks=blocks))


def everything():
    m = mechanism(blocks=[(0, 5, 8, 6)])
    rho = pd.DataFrame(columns=["a", "b", "over", "rho", "low", "high", "n", "items"])
    simple = Baselines(m.main, m.window, {"norm": m.main}, {"norm": "log | norm"}, {"norm": "ln"}, correlations=rho)
    special = np.where(np.isin(LAYERS, INSIDE), 2.0, 0.1)
    return dataclasses.replace(m, baselines=simple, exchange=exchange(m.main, special, without=["odd | item"]))


def told(m, start):
    (line,) = [line for line in mechanism_in_short(m) if line.replace("**", "").startswith(start)]
    return line


@pytest.mark.parametrize(("shift", "word", "sign"), [(HIGHER, "higher", "+"), (LOWER, "lower", "-")])
def test_the_claim_comes_first_with_its_place_its_direction_and_a_warning(shift, word, sign):
    first = mechanism_in_short(mechanism(shift))[0]
    assert first.startswith(f"**a - b: CSE is {word} at layers 5-8** (p")
    assert f"by {sign}4.0000 [" in first
    assert f"dz {sign}" in first
    assert first.endswith("too large because these layers were chosen by it.")


def test_without_a_cluster_that_is_said_and_no_part_can_carry_anything():
    m = mechanism(NOTHING, no_exchange="none were asked for")
    assert m.found is None
    lines = mechanism_in_short(m)
    assert lines[0].startswith("**a - b: no cluster of layers with p <= .05** (n = 24); what follows is of layer")
    assert told(m, "No difference is shown that a part could carry")
    assert carrier(m) is None
    assert "No states were exchanged: none were asked for." in lines


def test_the_window_is_that_of_the_strongest_cluster_else_all_that_was_measured():
    assert mechanism().window == WINDOW
    m = mechanism(NOTHING)
    strongest = m.main.strongest()
    assert m.window == ((strongest.first, strongest.last) if strongest else (1, DEPTH))
    h = measure({"a": NOTHING, "b": NOTHING}).where(lambda h: (h["layer"] > 2) & (h["layer"] < 19))
    none = compare(h, "a", "b", forming_p=1e-9)
    assert none.clusters == ()
    assert dataclasses.replace(m, main=none).window == (3, 18)


@pytest.mark.parametrize(
    ("parts", "carrying", "said"),
    [
        ({"attention": 0.2, "mlp": 0.7, CROSS: 0.1}, "mlp", "MLP carries the difference"),
        ({"attention": 0.8, "mlp": 0.3, CROSS: -0.1}, "attention", "Attention carries the difference"),
        ({"attention": 0.1, "mlp": 0.1, CROSS: 0.8}, CROSS, "What the two have in common carries the difference"),
        ({"attention": 0.4, "mlp": 0.4, CROSS: 0.2}, None, "No part carries most of the difference by itself"),
    ],
)
@pytest.mark.parametrize("shift", [HIGHER, LOWER])
def test_a_part_carries_what_is_more_than_half_its_own(shift, parts, carrying, said):
    m = mechanism(shift, parts)
    assert carrier(m) == carrying
    line = told(m, said)
    assert line.startswith("**")
    for name, share in zip(("attention", "MLP", "what the two have in common"), parts.values(), strict=True):
        assert f"{name} {share:+.0%} (p" in line


def test_a_part_that_grows_the_other_way_does_not_carry():
    m = mechanism(parts={"attention": -0.9, "mlp": 1.0, CROSS: 0.9})
    assert carrier(m) == "mlp"
    assert share_of(m.attribution.parts["attention"].over(*WINDOW), m.main.over(*WINDOW)) == pytest.approx(
        -0.9, rel=0.01
    )


def test_a_part_of_more_than_half_that_varies_too_much_does_not_carry():
    m = mechanism()
    wild = noise(DEPTH, seed=11) * 100
    parts = {
        "attention": against_zero(items(m.main.differences.values * 0.8 + wild, ("layer",)), "attention", **LITTLE),
        "mlp": against_zero(items(m.main.differences.values * 0.2 - wild, ("layer",)), "mlp", **LITTLE),
    }
    assert parts["attention"].over(*WINDOW).p > 0.05
    again = dataclasses.replace(m, attribution=dataclasses.replace(m.attribution, parts=parts))
    assert carrier(again) is None


def test_what_each_part_shows_by_itself_is_told_apart():
    line = told(mechanism(), "By itself")
    assert re.search(r"the trajectory of attention has dz \+\d", line)
    assert re.search(r"the trajectory of the MLPs has dz \+\d.* at layers 5-8\.$", line)


def test_a_model_that_cannot_be_split_says_so_and_has_no_rows_of_parts():
    m = mechanism(parts={})
    assert told(m, "Attention and MLP are not separated") == "Attention and MLP are not separated: a gate acts on it."
    assert list(mechanism_table(m)["key"]) == ["cse"]
    assert "parts.csv" not in mechanism_tables(m)


def test_octaves_add_up_to_the_whole_and_hold_their_scales():
    m = mechanism()
    line = told(m, "Of the difference in CSE at layers 5-8")
    bands = re.findall(r"([+-]\d+)% at periods of (\S+) to ([\d.]+)", line)
    assert bands == [("+50", "2", "4"), ("+30", "4", "8"), ("+20", "8", "10")]
    assert sum(int(share) for share, *_ in bands) == 100
    table = scale_effects(m)
    assert table["difference"].sum() == pytest.approx(m.main.over(*WINDOW).difference)
    assert list(table["period"]) == list(PERIODS)
    assert set(table["layers"]) == {4}


def test_a_scale_that_is_missing_at_some_layers_adds_nothing_there():
    m = mechanism()
    cut = against_zero(
        m.attribution.scales.differences.where(
            (m.attribution.scales.differences["scale"] < 5) | (m.attribution.scales.differences["layer"] > 6)
        ),
        "contribution",
        **LITTLE,
    )
    again = dataclasses.replace(m, attribution=dataclasses.replace(m.attribution, scales=cut))
    last = scale_effects(again).iloc[-1]
    assert last["layers"] == 2
    values = m.attribution.scales.differences.sel(scale=5, layer=[7, 8]).sum("layer") / 4
    assert last["difference"] == pytest.approx(float(values.mean()))


def test_without_a_difference_scales_have_nothing_to_share():
    m = mechanism(NOTHING)
    nothing = m.main.differences.copy(data=np.zeros(m.main.differences.shape))
    for one in (m, dataclasses.replace(m, main=against_zero(nothing, "a", **LITTLE))):
        assert told(one, "No difference is shown that scales") == "No difference is shown that scales could share."


def test_clusters_over_scale_and_layer_are_told_the_largest_first():
    assert told(mechanism(), "No cluster of scales and layers").endswith("(p <= .05).")
    line = told(mechanism(blocks=[(0, 2, 3, 6), (4, 5, 8, -6)]), "Share of the energy")
    assert line.count("periods of") == 2
    assert line.index("less at periods of 8.0 layers, layers 5-8 (p") < line.index(
        "more at periods of 2.0 layers, layers 2-3"
    )
    assert "smaller ones" not in line


def test_of_many_clusters_four_are_told_and_the_others_counted():
    m = mechanism(blocks=[(2 * (k % 3), 1 + 3 * k, 2 + 3 * k, 6) for k in range(6)])
    count = len(m.attribution.share.significant())
    assert count > 4
    line = told(m, "Share of the energy")
    assert line.count("periods of") == 4
    assert line.endswith(f"; and {count - 4} smaller ones.")


SPECIAL = np.where(np.isin(LAYERS, INSIDE), 2.0, 0.1)


def exchanged(profile, **more):
    m = mechanism()
    return dataclasses.replace(m, exchange=exchange(m.main, profile, **more))


def test_layers_that_turn_the_reading_more_than_others_matter():
    m = exchanged(SPECIAL)
    assert m.exchange.causal is True
    line = told(m, "Layers where CSE differs matter for the reading, and more than as many others")
    for words in ("makes 2.00 [", "elsewhere 0.10 [", "difference 1.90 [", "p = .005, rank 1 of 17 windows"):
        assert words in line, (words, line)


@pytest.mark.parametrize("profile", [-SPECIAL, SPECIAL - 3], ids=["reversed", "reversed, and less so"])
def test_layers_that_do_not_are_not_shown_to(profile):
    m = exchanged(profile)
    assert m.exchange.causal is False
    assert m.exchange.matters is False
    line = told(m, "Layers where CSE differs are not shown to matter for the reading:")
    assert "against sets of as many layers p = " in line
    assert "differs matter for" not in "".join(mechanism_in_short(m))


@pytest.mark.parametrize(
    "profile",
    [np.where(np.isin(LAYERS, INSIDE), 1.0, 2.0), np.full(DEPTH, 2.0)],
    ids=["more elsewhere", "everywhere"],
)
def test_layers_that_turn_the_reading_no_more_than_others_are_told_so(profile):
    m = exchanged(profile)
    assert m.exchange.causal is False
    assert m.exchange.matters is True
    assert told(
        m, "Layers where CSE differs matter for the reading, but are not shown to matter more than as many others"
    )


def test_one_half_of_the_depth_against_the_other_makes_no_layer_in_it_special():
    m = exchanged(np.where(LAYERS <= 10, 2.0, 0.0))
    assert m.exchange.layers.p_sets <= 0.05
    assert m.exchange.layers.p_windows > 0.25
    assert m.exchange.matters is True
    assert m.exchange.causal is False


def test_without_layers_to_compare_it_is_neither():
    m = exchanged(SPECIAL, found=False)
    assert m.exchange.causal is None
    assert "No cluster of CSE to compare with the other layers." in mechanism_in_short(m)
    assert not [key for key in mechanism_table(m)["key"] if key.startswith("patch")]


def test_an_effect_inside_that_is_large_by_place_but_not_by_items_is_not_causal():
    m = exchanged(SPECIAL)
    unsure = dataclasses.replace(m.exchange.layers, inside=mean_effect(noise(seed=1) + 0.01, **LITTLE))
    assert dataclasses.replace(m.exchange, layers=unsure).causal is False


def test_probes_work_where_every_text_prefers_its_own():
    assert told(exchanged(SPECIAL), "The probes work: a texts prefer theirs by 9.00 [")
    line = told(exchanged(SPECIAL, fit=(9.0, -3.0)), "The probes: ")
    assert "b texts prefer theirs by -3.00 [" in line


def test_the_largest_effect_is_told_as_a_share_of_all_that_the_text_makes():
    profile = np.where(LAYERS == 11, 3.4, 0.1)
    line = told(exchanged(profile), "Exchanging the target's state turns the reading most after layer 11")
    assert "3.40 bits, 20% of the 17.0 bits" in line
    assert told(exchanged(profile), "All states of layers 5-8 exchanged at once: ")


def test_rows_are_those_that_runs_are_compared_by():
    table = mechanism_table(everything())
    assert tuple(table) == ROWS
    keys = ["cse", "attention", "mlp", "interaction", "attention_alone", "mlp_alone"]
    assert list(table["key"]) == [*keys, "patch_cluster", "patch_other", "patch_difference", "patch_together"]
    row = table.set_index("key")
    assert row.loc["mlp", "value"] == pytest.approx(0.7 * 4, rel=1e-3)
    assert row.loc[["attention", "mlp", "interaction"], "value"].sum() == pytest.approx(row.loc["cse", "value"])
    assert row.loc["patch_difference", "value"] == pytest.approx(1.9)
    assert (row["low"] <= row["value"]).all()
    assert (row["value"] <= row["high"]).all()
    assert (table["n"] == ITEMS).all()


def test_tables_are_tidy():
    tables = mechanism_tables(everything())
    assert set(tables["parts.csv"]["part"]) == {"attention", "mlp", CROSS, "attention alone", "mlp alone"}
    assert not tables["parts.csv"].duplicated(["part", "layer"]).any()
    assert len(tables["scales.csv"]) == len(PERIODS) * DEPTH
    assert len(tables["scale-contributions.csv"]) == len(PERIODS)
    assert len(tables["patching.csv"]) == DEPTH
    assert not {"patching.csv", "patching-clusters.csv"} & set(mechanism_tables(mechanism()))


SECTIONS = (
    *(
        "# the title",
        "## In short",
        "Every value is a mean over layers 5-8.",
        "All quantities at the layers of the cluster:",
    ),
    *("## The difference, with clusters", "**a - b: CSE is higher", "## Scalograms", "## Attention and MLP"),
    *("## Beside simpler measures", "## Causal tests: exchange of states", "## Left out, and noticed", "## Settings"),
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What a run would write of everything."""
    return summary(tmp_path_factory.mktemp("everything"), everything(), ["A remark."], {"stimuli": "a|b$c"})


def test_the_summary_has_every_section_figure_and_number_in_order(shown):
    places = [shown.index(words) for words in (*SECTIONS, "To repeat it:")]
    assert places == sorted(places)
    for name in ("scales", "parts", "patching", "baselines"):
        assert f"(figures/{name}.png)" in shown
    for reading in (SPLIT, EXCHANGE):
        assert " ".join(reading.split()) in shown
    assert "- A remark.\n- Without probes in both conditions, left out of the exchange: odd | item." in shown
    assert "```\ndepthscope run mechanism\n```" in shown
    for line in mechanism_in_short(everything()):
        assert line in shown
    assert not re.search(r"\bnan\b", shown)


def test_a_terminal_is_told_what_was_found_and_not_how_to_read_it():
    lines = mechanism_in_short(everything())
    assert len([line for line in lines if "simpler measures" in line]) == 1
    assert not any("partitions" in line or line.startswith("Every value") for line in lines)


def test_words_stand_in_the_order_of_the_page():
    told = [part for part in mechanism_words(everything()) if not part.endswith("_reading")]
    assert told == [part.key for part in PARTS if part.key in told]


def test_what_is_not_there_is_not_shown(tmp_path):
    text = summary(tmp_path, mechanism(parts={}, no_exchange="none were asked for"))
    assert "figures/parts" not in text
    assert "figures/patching" not in text
    assert "## Beside simpler measures" not in text
    assert "## Left out, and noticed" not in text


def test_markdown_has_a_row_for_every_quantity_and_a_bar_stays_in_its_cell(shown):
    rows = {row[0]: row for row in reversed(rows_of(shown))}
    assert rows["stimuli"] == ["stimuli", "`a|b$c`"]
    for label, value in mechanism_table(everything())[["label", "value"]].values:
        assert len(rows[label]) == 5
        assert rows[label][2].startswith(f"{value:+.4g} [")
    assert rows["of which MLP"][1] == str(ITEMS)
    assert rows["of which MLP"][4] == "p = .005"


@pytest.mark.usefixtures("every_format")
def test_figures_are_written_twice_and_the_same_again(tmp_path):
    m = everything()
    names = [f"{name}.{kind}" for name in ("scales", "parts", "patching") for kind in ("png", "svg", "pdf")]
    one = write_mechanism_figures(tmp_path / "one", m, "a $model$")
    again = write_mechanism_figures(tmp_path / "again", m, "a $model$")
    assert sorted(path.name for path in one) == sorted(names)
    assert [a.read_bytes() for a in one] == [b.read_bytes() for b in again]
    assert plt.get_fignums() == []
    bare = write_mechanism_figures(tmp_path / "bare", mechanism(parts={}), "")
    assert {path.stem for path in bare} == {"scales"}
