"""A contrast put to measures in which there is nothing, or something, to find."""

import numpy as np
import pytest
from scipy import stats

import depthscope as ds
from depthscope.statistics.nulls import against
from tests.statistics.simulated import measure, smooth

OPTIONS = {"permutations": 200, "resamples": 50}


def texts(effect=0.0, layers=slice(4, 8), seed=0, items=30):
    rng = np.random.default_rng(seed)
    values = np.stack([smooth(rng, items, 12) for _ in range(3)], axis=1)
    values[:, 0, layers] += effect
    return measure(values, "abc")


@pytest.fixture
def h():
    """An effect of a - b in layers 5-8."""
    return texts(1.3)


@pytest.fixture
def real(h):
    return ds.contrast(h, "a-b", **OPTIONS)


def window(one, cluster):
    """a - b of each item, averaged over the layers of the cluster."""
    inside = one.sel(layer=slice(cluster.first, cluster.last))
    return (inside.sel(condition="a") - inside.sel(condition="b")).values.mean(1)


def put(h, real, draws):
    return against(draws, h, real, "shuffled", "nothing was kept", permutations=200)


@pytest.mark.parametrize("count", [3, 45])
def test_what_is_expected_is_the_mean_over_items_of_each_draw(h, real, count):
    draws = [texts(seed=seed + 1) for seed in range(count)]
    found = put(h, real, iter(draws)).expected
    outer = (0.025, 0.975) if count >= 40 else (0, 1)
    for condition in "ab":
        means = []
        for one in draws:
            rows = one.sel(condition=condition).values
            means.append([np.mean(rows[:, layer]) for layer in range(12)])
        low, high = np.quantile(means, outer, axis=0)
        at = found.sel(condition=condition)
        assert at["mean"].values == pytest.approx(np.mean(means, axis=0))
        assert at["low"].values == pytest.approx(low)
        assert at["high"].values == pytest.approx(high)
    gaps = [(one.sel(condition="a") - one.sel(condition="b")).values.mean(0) for one in draws]
    low, high = np.quantile(gaps, outer, axis=0)
    assert found["difference"].values == pytest.approx(np.mean(gaps, axis=0))
    assert found["difference_low"].values == pytest.approx(low)
    assert found["difference_high"].values == pytest.approx(high)
    assert found["condition"].values.tolist() == ["a", "b"]
    assert found["layer"].values.tolist() == list(range(1, 13))


def test_the_excess_is_the_contrast_of_what_the_draws_do_not_explain(h, real):
    draws = [texts(seed=seed + 1) for seed in range(5)]
    excess = put(h, real, draws).excess
    expected = ds.contrast(h - sum(draws) / 5, "a-b", **OPTIONS)
    assert excess.table["t"].values == pytest.approx(expected.table["t"].values)
    assert [c.p for c in excess.clusters] == [c.p for c in expected.clusters]
    assert excess.name == "a - b"


def test_the_excess_keeps_the_settings_of_the_contrast(h):
    options = {
        "forming_p": 0.01,
        "alternative": "greater",
        "bound": 0.4,
        "seed": 7,
        "inference": "bootstrap",
        **OPTIONS,
    }
    excess = put(h, ds.contrast(h, "a-b", **options), [texts(seed=1)]).excess
    assert {name: excess.settings[name] for name in options} == options


def test_what_a_null_explains_leaves_no_excess(h, real):
    """Draws that hold the effect itself, with other noise."""
    draws = [texts(1.3, seed=seed + 1) for seed in range(4)]
    excess = put(h, real, draws).excess
    assert real.significant()
    assert not any(c.first <= 8 and c.last >= 5 for c in excess.significant())


def test_a_null_without_the_effect_finds_it_hardly_ever(h, real):
    null = put(h, real, (texts(seed=seed + 1) for seed in range(60)))
    assert (null.name, null.words) == ("shuffled", "nothing was kept")
    assert null.anywhere.draws == null.there.draws == 60
    assert null.there.found <= null.anywhere.found <= 9


@pytest.mark.parametrize(
    ("effect", "layers", "anywhere", "there"),
    [
        (1.8, slice(4, 8), 10, 10),
        (1.8, slice(10, 12), 10, 0),  # elsewhere
        (-1.8, slice(4, 8), 10, 0),  # in the other direction
    ],
)
def test_an_effect_in_the_null_is_there_where_it_overlaps_in_the_same_direction(
    h, real, effect, layers, anywhere, there
):
    null = put(h, real, [texts(effect, layers, seed=seed + 1) for seed in range(10)])
    assert null.anywhere.found == anywhere
    assert null.there.found == pytest.approx(there, abs=1)


def test_every_draw_is_tested_as_the_contrast_is(h, real):
    draws = [texts(0.5, seed=seed + 1) for seed in range(10)]
    alone = [ds.contrast(one, "a-b", **OPTIONS).significant() for one in draws]
    main = real.strongest()
    there = [
        any(c.mass > 0 and c.first <= main.last and c.last >= main.first for c in found)
        and window(one, main).mean() > 0
        and stats.ttest_1samp(window(one, main), 0).pvalue <= 0.05
        for one, found in zip(draws, alone, strict=True)
    ]
    null = put(h, real, draws)
    assert null.anywhere.found == sum(map(bool, alone))
    assert null.there.found == sum(there)
    assert 0 < sum(there) < 10


@pytest.mark.parametrize("count", [5, 45])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_size_in_the_draws_is_a_share_of_the_real_one(h, count, sign):
    real = ds.contrast(sign * h, "a-b", **OPTIONS)
    main = real.strongest()
    draws = [sign * texts(1.3, seed=seed + 1) for seed in range(count)]
    shares, reached = [], 0
    for one in draws:
        share = window(one, main).mean() / window(sign * h, main).mean()
        shares.append(share)
        reached += int(share >= 1)
    shares.sort()
    low, high = np.quantile(shares, (0.025, 0.975)) if count >= 40 else (shares[0], shares[-1])
    null = put(sign * h, real, draws)
    assert null.size == pytest.approx((sum(shares) / count, low, high))
    assert (null.reached.found, null.reached.draws) == (reached, count)
    assert 0 < reached < count


def test_a_draw_that_equals_what_was_measured_reaches_its_size(h, real):
    null = put(h, real, [h, h + 7.0, h[::-1], texts(seed=1)])
    assert (null.reached.found, null.reached.draws) == (3, 4)


def test_a_cluster_of_a_draw_that_only_touches_the_layers_is_not_there(h, real):
    main = real.strongest()
    assert (main.first, main.last) == (5, 8)
    draws = [texts(1.8, slice(7, 12), seed=seed + 1) for seed in range(4)]
    rng = np.random.default_rng(1)
    for one in draws:
        # as much lower before as it is higher at layer 8: over the layers, only noise is left
        noise = rng.normal(size=30)
        lower = 4 / 3 * (window(one, main) - (noise - noise.mean()))
        one.loc[{"condition": "a", "layer": slice(5, 7)}] -= lower[:, None]
    null = put(h, real, draws)
    touching = [
        any(c.mass > 0 and c.first <= 8 <= c.last for c in ds.contrast(one, "a-b", **OPTIONS).significant())
        for one in draws
    ]
    assert any(touching)
    assert null.there.found == 0


def test_a_contrast_that_found_nothing_has_no_place_to_look_at(h):
    nothing = ds.contrast(texts(), "a-b", **OPTIONS)
    assert not nothing.significant()
    null = put(texts(), nothing, [texts(1.8, seed=1)])
    assert null.there is None
    assert null.reached is None
    assert null.size is None
    assert null.anywhere.found == 1


def test_a_difference_of_differences_is_put_to_the_null_too(h):
    real = ds.contrast(h, "(a-b)-(c-b)", **OPTIONS)
    draws = [texts(seed=seed + 1) for seed in range(3)]
    null = put(h, real, draws)
    gaps = np.mean([(one[:, 0] - one[:, 2]).values.mean(0) for one in draws], axis=0)
    assert null.expected["difference"].values == pytest.approx(gaps)
    assert null.expected["condition"].values.tolist() == ["a", "b", "c"]


def test_rows_of_the_draws_are_found_by_their_names(h, real):
    draws = [texts(seed=seed + 1) for seed in range(3)]
    turned = [one[::-1, ::-1].transpose("layer", "condition", "item") for one in draws]
    there, back = put(h, real, draws), put(h, real, turned)
    for name in there.expected:
        assert back.expected[name].values == pytest.approx(there.expected[name].values), name
    assert back.excess.table["t"].values == pytest.approx(there.excess.table["t"].values)
    assert back.anywhere == there.anywhere


def test_items_that_a_draw_lacks_are_left_out(h, real):
    draws = [texts(seed=1)[3:], texts(seed=2)]
    null = put(h, real, draws)
    means = np.mean([one.sel(condition=["a", "b"]).values.mean(0) for one in draws], axis=0)
    assert null.expected["mean"].values == pytest.approx(means)
    assert null.excess.n == 27
    assert null.excess.incomplete == ["i0", "i1", "i2"]


def test_layers_that_are_missing_stay_missing(h):
    h[:, :, :2] = np.nan
    draw = texts(seed=1)
    draw[:, :, :2] = np.nan
    null = put(h, ds.contrast(h, "a-b", **OPTIONS), [draw])
    assert np.isnan(null.expected["mean"].values[:, :2]).all()
    assert np.isnan(null.excess.table["t"].values[:2]).all()
    assert null.there.found == 0


def test_layers_without_numbers_are_counted_from_1(h, real):
    draws = [texts(0.5, seed=seed + 1) for seed in range(8)]
    plain = [one.drop_vars("layer") for one in draws]
    bare = h.drop_vars("layer")
    there = put(bare, ds.contrast(bare, "a-b", **OPTIONS), plain).there
    assert there == put(h, real, draws).there
    assert 0 < there.found < 8


def test_no_draws_are_refused(h, real, refuses):
    with refuses("'shuffled'", "no draws"):
        put(h, real, [])
