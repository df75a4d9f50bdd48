"""Summaries fed batch by batch are those of the whole: to rounding (moments), within the stated error (quantiles)."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from depthscope.statistics.online import Moments, Quantiles
from depthscope.statistics.online import moments as moments_module
from depthscope.statistics.online.quantiles import HIGH, LOW

GROUPS, LAYERS = 4, 3
ALPHA = 0.001
ORDINARY = st.floats(-1e6, 1e6, width=32)
HOLES = st.sampled_from([np.nan, np.inf, -np.inf])
# magnitudes of every order for which the error is stated, both signs, and zero
WIDE = st.builds(
    lambda sign, order, digits: sign * digits * 10.0**order,
    st.sampled_from([-1, 0, 1]),
    st.integers(-9, 8),
    st.floats(1, 9.99),
)


def rows(elements):
    return st.integers(0, 40).flatmap(
        lambda n: st.tuples(
            arrays(np.float64, (n, LAYERS), elements=elements), arrays(np.int64, n, elements=st.integers(0, GROUPS - 1))
        )
    )


def fed(summary, values, group, cuts=()):
    for v, g in zip(np.split(values, cuts), np.split(group, cuts), strict=True):
        summary.add(v, g)
    return summary


def expected(values, group, groups=GROUPS):
    """Count, mean and variance of finite values by NumPy, one group and layer at a time."""
    shape = (groups, values.shape[1])
    count, mean, variance = np.zeros(shape, int), np.full(shape, np.nan), np.full(shape, np.nan)
    for g, layer in np.ndindex(shape):
        x = values[group == g, layer].astype(np.float64)
        x = x[np.isfinite(x)]
        count[g, layer] = len(x)
        if len(x):
            mean[g, layer] = x.mean()
        if len(x) > 1:
            variance[g, layer] = x.var(ddof=1)
    return count, mean, variance


def agree(moments, values, group):
    count, mean, variance = expected(values, group, moments.groups)
    size = float(np.abs(values[np.isfinite(values)]).max(initial=0))
    assert (moments.count == count).all()
    assert moments.mean == pytest.approx(mean, rel=1e-12, abs=1e-12 * size, nan_ok=True)
    assert moments.variance == pytest.approx(variance, rel=1e-10, abs=1e-12 * size**2, nan_ok=True)
    seen = np.bincount(group, minlength=moments.groups)
    assert (moments.seen == seen).all()
    assert (moments.missing == seen[:, None] - count).all()


@given(rows(ORDINARY | HOLES), st.lists(st.integers(0, 40), max_size=4).map(sorted))
def test_moments_in_batches_are_those_of_numpy(data, cuts):
    agree(fed(Moments(GROUPS, LAYERS), *data, cuts), *data)


@given(rows(ORDINARY | HOLES), rows(ORDINARY | HOLES))
def test_merged_moments_are_those_of_the_whole(one, other):
    merged = fed(Moments(GROUPS, LAYERS), *one)
    second = fed(Moments(GROUPS, LAYERS), *other)
    merged.merge(second)
    agree(merged, *(np.concatenate(pair) for pair in zip(one, other, strict=True)))
    agree(second, *other)  # and what was merged is left as it was


@given(rows(ORDINARY | HOLES), arrays(np.int8, GROUPS, elements=st.integers(0, 1)))
def test_pooled_moments_are_those_of_the_coarser_groups(data, labels):
    values, group = data
    agree(fed(Moments(GROUPS, LAYERS), values, group).pooled(labels, 2), values, labels[group])


@pytest.mark.parametrize("centre", [1e6, -1e9])
def test_a_mean_far_from_zero_costs_the_variance_no_digits(centre):
    """Sums of squares would lose four digits of sixteen at 1e6 and all of them at 1e9."""
    rng = np.random.default_rng(0)
    values, group = centre + rng.normal(size=(20_000, LAYERS)), rng.integers(0, GROUPS, 20_000)
    _, mean, variance = expected(values, group)
    found = fed(Moments(GROUPS, LAYERS), values, group, range(37, 20_000, 37))
    assert found.variance == pytest.approx(variance, rel=1e-7 if centre < 0 else 1e-10)
    assert found.mean == pytest.approx(mean, rel=1e-14)
    assert found.pooled(np.zeros(GROUPS), 1).variance == pytest.approx(values.var(0, ddof=1)[None], rel=1e-7)


def test_all_groups_are_gone_through_where_they_fill_several_blocks(monkeypatch):
    monkeypatch.setattr(moments_module, "BLOCK", 3)
    rng = np.random.default_rng(1)
    values, group = rng.normal(size=(200, LAYERS)).astype(np.float32), rng.integers(0, 17, 200)
    merged, other = (fed(Moments(17, LAYERS), values[s], group[s]) for s in (slice(0, 90), slice(90, None)))
    merged.merge(other)
    agree(merged, values, group)
    agree(merged.pooled(np.arange(17) % 5, 5), values, group % 5)


def test_some_groups_in_the_order_asked_for():
    values, group = np.arange(12.0).reshape(4, 3), np.array([2, 0, 2, 3])
    few = fed(Moments(GROUPS, LAYERS), values, group).of([3, 2, 1])
    assert few.seen.tolist() == [1, 2, 0]
    assert few.mean[:, 0].tolist() == pytest.approx([9, 3, np.nan], nan_ok=True)
    assert few.variance[1].tolist() == [18, 18, 18]


@pytest.mark.parametrize("kind", [Moments, Quantiles])
@pytest.mark.parametrize(
    ("values", "group", "words"),
    [
        (np.zeros((2, LAYERS)), [0, GROUPS], "0 to 3"),
        (np.zeros((2, LAYERS)), [0, -1], "from -1"),
        (np.zeros((2, LAYERS + 1)), [0, 0], "(N, 3)"),
        (np.zeros((3, LAYERS)), [0, 0], "(N, 3)"),
        (np.zeros(LAYERS), [0, 0, 0], "(N, 3)"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_and_counts_nothing(kind, values, group, words, refuses):
    summary = kind(GROUPS, LAYERS)
    with refuses(words):
        summary.add(values, group)
    assert summary.count.sum() == 0


@pytest.mark.parametrize("kind", [Moments, Quantiles])
def test_summaries_of_different_shapes_are_not_merged(kind, refuses):
    with refuses("cannot be merged"):
        kind(GROUPS, LAYERS).merge(kind(GROUPS, LAYERS + 1))


def test_sketches_of_different_accuracy_are_not_merged(refuses):
    with refuses("cannot be merged", "0.02"):
        Quantiles(1, 1, 0.01).merge(Quantiles(1, 1, 0.02))


@pytest.mark.parametrize("accuracy", [0, 1, np.nan])
def test_an_accuracy_that_is_none_is_refused(accuracy, refuses):
    with refuses("between 0 and 1"):
        Quantiles(1, 1, accuracy)


def test_a_share_beyond_one_is_refused(refuses):
    with refuses("between 0 and 1"):
        Quantiles(1, 1).quantile(1.5)


@given(rows(WIDE | HOLES), st.floats(0, 1), st.sampled_from([ALPHA, 0.01, 0.1]))
@example((np.array([[LOW, -HIGH, 0.0]]), np.array([1])), 0.5, 0.01)
def test_quantiles_are_within_the_stated_error_of_the_lower_empirical_one(data, q, accuracy):
    values, group = data
    found = fed(Quantiles(GROUPS, LAYERS, accuracy), values, group).quantile(q)
    assert found.shape == (GROUPS, LAYERS)
    for g, layer in np.ndindex(GROUPS, LAYERS):
        x = values[group == g, layer]
        x = x[np.isfinite(x)]
        if len(x):
            true = np.quantile(x, q, method="lower")
            assert abs(found[g, layer] - true) <= accuracy * abs(true) * (1 + 1e-9)
        else:
            assert np.isnan(found[g, layer])


@pytest.mark.parametrize("q", [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1])
def test_many_values_of_one_batch_keep_the_error_too(q):
    """Several chunks of a batch; heavy tails, a mixture of signs, hardly any spread, and single precision as measured."""
    rng = np.random.default_rng(2)
    narrow = rng.normal(0.96, 0.01, 200_000)
    values = np.stack([rng.lognormal(0, 3, 200_000), rng.standard_t(2, 200_000), narrow], axis=1)
    values = values.astype(np.float32)
    found = fed(Quantiles(1, LAYERS), values, np.zeros(200_000, int)).quantile(q)
    true = np.quantile(values.astype(np.float64), q, axis=0, method="lower")
    assert (np.abs(found[0] - true) <= ALPHA * np.abs(true) * (1 + 1e-9)).all()


def test_another_implementation_finds_the_same_within_twice_the_error():
    ddsketch = pytest.importorskip("ddsketch")
    values = np.random.default_rng(3).standard_t(2, 5000)
    theirs = ddsketch.DDSketch(ALPHA)
    for value in values:
        theirs.add(value)
    ours = fed(Quantiles(1, 1), values[:, None], np.zeros(5000, int))
    for q in np.linspace(0, 1, 41):
        one, other = ours.quantile(q)[0, 0], theirs.get_quantile_value(q)
        assert one == pytest.approx(other, rel=2 * ALPHA / (1 - ALPHA))


def alike(one, other):
    """Whether nobody can tell two sketches apart by what they answer."""
    assert (one.count == other.count).all()
    assert all(np.array_equal(x, y) for x, y in zip(one.bins(), other.bins(), strict=True))
    for q in (0, 0.3, 0.5, 1):
        assert np.array_equal(one.quantile(q), other.quantile(q), equal_nan=True)


def merged(parts, random):
    """Merged two by two, in any order and any tree."""
    parts = list(parts)
    while len(parts) > 1:
        part = parts.pop(random.randrange(len(parts)))
        random.choice(parts).merge(part)
    return parts[0]


@given(
    rows(WIDE | HOLES | st.floats(0.9, 1)),
    st.lists(st.integers(0, 40), max_size=6).map(sorted),
    st.sampled_from([ALPHA, 0.1, 0.9]),
    st.randoms(use_true_random=False),
)
def test_nothing_depends_on_order_or_batches_or_merging(data, cuts, accuracy, random):
    """Nor, then, on when the store of counts grew, and from which range."""
    values, group = data
    whole = fed(Quantiles(GROUPS, LAYERS, accuracy), values, group)
    order = np.array(random.sample(range(len(group)), len(group)), int)
    batches = list(zip(np.split(values[order], cuts), np.split(group[order], cuts), strict=True))
    alike(fed(Quantiles(GROUPS, LAYERS, accuracy), values[order], group[order], cuts), whole)
    alike(merged((fed(Quantiles(GROUPS, LAYERS, accuracy), *batch) for batch in batches), random), whole)
    coarse = fed(Quantiles(2, LAYERS, accuracy), values, group % 2)
    alike(whole.pooled([0, 1, 0, 1], 2), coarse)


def test_what_was_merged_or_pooled_is_left_as_it_was():
    one, other, same = (fed(Quantiles(1, 1), np.array([[x]]), [0]) for x in (1.0, -1e6, -1e6))
    one.merge(other)
    one.pooled([0], 1).add([[1e9]], [0])
    assert one.count.item() == 2
    alike(other, same)


def test_a_sketch_merged_into_itself_has_everything_twice():
    values, group = np.random.default_rng(6).normal(size=(300, LAYERS)), np.arange(300) % GROUPS
    sketch = fed(Quantiles(GROUPS, LAYERS), values, group)
    sketch.merge(sketch)
    alike(sketch, fed(Quantiles(GROUPS, LAYERS), np.tile(values, (2, 1)), np.tile(group, 2)))


def inside(low, high, x):
    if low == high == 0:
        return x == 0
    return (low <= x) & (x < high) & (x != 0) if high > 0 else (low < x) & (x <= high) & (x != 0)


def test_bins_hold_the_values_between_their_ends_even_on_an_edge():
    rng = np.random.default_rng(4)
    probe = fed(Quantiles(1, 1), np.geomspace(LOW, HIGH, 50_000)[:, None], np.zeros(50_000, int)).bins()
    edges = probe.low[1:]
    assert len(edges) == 20_723  # no bin between 1e-9 and 1e9 was left empty
    chosen = rng.choice(edges, 60, replace=False)
    near = np.concatenate(
        [chosen, np.nextafter(chosen, 0), np.nextafter(chosen, np.inf), [0, 0, 1e-12, 1e12, 1e300, 5e-324]]
    )
    values = np.concatenate([near, -near, [np.nan, np.inf]])
    found = fed(Quantiles(2, 1), values[:, None], np.ones(len(values), int)).bins()
    assert (found.group == 1).all()
    assert (found.layer == 0).all()
    assert (np.diff(found.low) >= 0).all()
    held = [int(inside(low, high, values).sum()) for low, high in zip(found.low, found.high, strict=True)]
    assert found.counts.tolist() == held
    assert sum(held) == len(values) - 2
    assert (found.low[0], found.high[-1]) == (-np.inf, np.inf)
    assert {0.0} < set(found.low)


def columns(low, high):
    """Bins between two magnitudes, both of them within: a decade has 1,151."""
    return np.log(high / low) / (np.log1p(ALPHA) - np.log1p(-ALPHA)) + 2


@pytest.mark.parametrize(("low", "high", "signs"), [(0.9, 1, [1]), (0.1, 1000, [1]), (0.01, 1, [-1, 1])])
def test_memory_is_that_of_the_range_whatever_comes(low, high, signs):
    """The range is met bit by bit, from within outwards: what grows most often. Then nothing grows it any more."""
    rng, (groups, layers) = np.random.default_rng(5), (6, 30)
    least, most = groups * layers * 8 * (1 + len(signs) * columns(low, high) * np.array([0.97, 1.6]))
    sketch, middle = Quantiles(groups, layers), np.sqrt(low * high)
    for spread in np.linspace(0, np.log(high / low) / 2, 60):
        values = middle * np.exp(spread * rng.choice([-1, 1], (40, layers))) * rng.choice(signs, (40, layers))
        fed(sketch, values, np.arange(40) % groups)
    held = sketch.nbytes
    assert least <= held <= most
    for _ in range(20):
        values = np.exp(rng.uniform(np.log(low), np.log(high), (400, layers))) * rng.choice(signs, (400, layers))
        fed(sketch, values, np.arange(400) % groups)
    assert sketch.nbytes == held
    once = fed(Quantiles(groups, layers), np.tile([[low], [high]], layers) * signs[0], [0, 1])
    assert once.nbytes <= groups * layers * 8 * (1 + columns(low, high))  # at once, without room to grow


def test_memory_has_an_end_where_the_range_of_magnitudes_has():
    sketch = Quantiles(1, 1)
    assert sketch.nbytes == 8
    for values in ([1.0], [-1.0], [1e-8, -1e-8, 1e8, -1e8], [1e-300, 1e300, -1e-300, -1e300, 0]):
        fed(sketch, np.array(values)[:, None], np.zeros(len(values), int))
    assert sketch.nbytes == 8 * (2 * 20_724 + 1)
    assert sketch.count.item() == 11
    before = sketch.nbytes
    fed(sketch, np.array([[np.nan], [np.inf], [-np.inf]]), [0, 0, 0])
    assert (sketch.nbytes, sketch.count.item()) == (before, 11)


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_the_store_is_never_much_larger_than_the_range(path):
    """One value at a time, in the steps of a bin: the order that wastes most."""
    sketch, grain = Quantiles(1, 1), np.log1p(ALPHA) - np.log1p(-ALPHA)
    for step in path:
        sketch.add([[np.exp(grain * step)]], [0])
    assert sketch.nbytes / 8 - 1 <= 1.6 * (max(path) - min(path) + 1) + 3


@pytest.mark.parametrize("direction", [-1, 1])
def test_a_tail_is_not_copied_bin_by_bin(direction):
    sketch, grain, sizes = Quantiles(1, 1), np.log1p(ALPHA) - np.log1p(-ALPHA), set()
    for step in range(1000):
        sketch.add([[np.exp(direction * grain * step)]], [0])
        sizes.add(sketch.nbytes)
    assert len(sizes) < 40


def test_every_real_type_is_read_as_it_is():
    values = np.array([[1, 0, -3]])
    for kind in (np.float16, np.float32, np.float64, np.int64):
        moments, sketch = Moments(1, LAYERS), Quantiles(1, LAYERS)
        moments.add(values.astype(kind), [0])
        sketch.add(values.astype(kind), [0])
        assert moments.mean.tolist() == values.tolist()
        assert sketch.quantile(0.5)[0] == pytest.approx(values[0], rel=ALPHA)
