from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

import depthscope as ds
from depthscope.instrument.attribution import contributions, energy_by_part, shares
from tests.instrument import naive

PARTS = ["attention", "mlp", "cross"]
DEPTH = 18
ITEMS, CONDITIONS = ("i", "i", "j", "j"), ("x", "y", "x", "y")

seeds = st.integers(0, 10**6)
options = st.fixed_dictionaries(
    {
        "wavelet": st.sampled_from(["paul(4)", "paul(2)", "dog(2)", "haar"]),
        "signal": st.sampled_from(["update", "direction"]),
        "layers": st.sampled_from([None, (1, 15), (4, 18), (3, 17)]),
        "padding": st.sampled_from(["zero", "reflect", "renormalize"]),
        "normalize": st.booleans(),
        "mask_coi": st.booleans(),
        "relative": st.booleans(),
    }
)


def noise(seed, rows=4, depth=DEPTH, width=5):
    """Attention and MLP, (2, row, layer, feature), of unlike sizes and unlike smoothness."""
    rng = np.random.default_rng(seed)
    attention, mlp = rng.normal(size=(2, rows, depth, width))
    return np.stack([attention, 2 * np.cumsum(mlp, axis=1) / np.sqrt(depth)])


def gram(x, y=None):
    return x @ np.swapaxes(x if y is None else y, -1, -2)


def traced(attention, mlp, items=ITEMS, conditions=CONDITIONS, parts=True, **columns):
    """What ``trace(..., parts=True)`` gives for updates that are ``attention + mlp``, (row, layer, feature)."""
    u = attention + mlp
    rows, depth, width = u.shape
    initial = np.ones((rows, width))
    states = initial[:, None] + np.concatenate([np.zeros((rows, 1, width)), np.cumsum(u, axis=1)], axis=1)
    layers = np.arange(1, depth + 1)
    square = ("stimulus", "layer", "other_layer")
    across = gram(attention, mlp)
    both = {"part_gram": (("stimulus", "part", *square[1:]), np.zeros((rows, 3, depth, depth)))}
    both["part_gram"][1][:] = np.stack([gram(attention), gram(mlp), across + np.swapaxes(across, -1, -2)], axis=1)
    return xr.Dataset(
        {
            "gram": (square, gram(u)),
            "initial_dot": (("stimulus", "layer"), (u @ initial[..., None])[..., 0]),
            "state_norm": (("stimulus", "state"), np.linalg.norm(states, axis=-1)),
            "update_norm": (("stimulus", "layer"), np.linalg.norm(u, axis=-1)),
            **(both if parts else {}),
        },
        {
            "layer": layers,
            "other_layer": layers,
            "state": np.arange(depth + 1),
            **({"part": PARTS} if parts else {}),
            "item": ("stimulus", list(items)),
            "condition": ("stimulus", list(conditions)),
            **{name: ("stimulus", list(values)) for name, values in columns.items()},
        },
    )


def transform(u, name, parameter, scales):
    """W(s, l), (S, L, d), by loops."""
    found = np.zeros((len(scales), *u.shape), dtype=complex)
    for i, scale in enumerate(scales):
        for at in range(len(u)):
            for position in range(len(u)):
                found[i, at] += np.conj(naive.tap(name, parameter, position - at, scale)) * u[position]
    return found


def without(choice, *names):
    return {name: value for name, value in choice.items() if name not in names}


def difference(traj, a, b, **choice):
    h = ds.cse(traj, **choice)
    return (h.sel(condition=a) - h.sel(condition=b)).values


def entropy(p):
    return -sum(x * np.log(x) for x in p if x > 0)


def integrals(after, before):
    """``integral_0^1 (-ln p_s(t) - CSE(t)) dt`` per scale, by adaptive quadrature."""

    def slope(t, scale):
        p = [b + t * (a - b) for a, b in zip(after, before, strict=True)]
        return -np.log(p[scale]) - entropy(p)

    return np.array(
        [
            integrate.quad(slope, 0, 1, args=(s,), epsabs=1e-12, epsrel=1e-12, limit=200)[0]
            if after[s] + before[s] > 0
            else 0.0
            for s in range(len(after))
        ]
    )


def exact_integrals(after, before):
    """The same from the antiderivatives, in 60 decimal digits, where nothing cancels."""
    with localcontext() as context:
        context.prec = 60
        pairs = [(Decimal(float(a)), Decimal(float(b))) for a, b in zip(after, before, strict=True)]

        def mean(f, antiderivative, a, b):
            return f(a) if a == b else (antiderivative(a) - antiderivative(b)) / (a - b)

        logs = [mean(Decimal.ln, lambda x: x * x.ln() - x, a, b) for a, b in pairs]
        turned = [mean(lambda x: x * x.ln(), lambda x: x * x * (x.ln() / 2 - Decimal("0.25")), a, b) for a, b in pairs]
        return np.array([float(sum(turned) - log) for log in logs])


@pytest.mark.parametrize(("name", "parameter"), [("paul", 4.0), ("dog", 2.0), ("morlet", 6.0), ("haar", 0.0)])
def test_the_energies_of_the_parts_equal_the_definition_written_as_loops(name, parameter):
    attention, mlp = noise(0, rows=2, depth=13)
    traj = traced(attention, mlp, "ii", "xy")
    energy = energy_by_part(traj, wavelet=name if name == "haar" else f"{name}({parameter:g})")
    assert energy.dims == ("item", "condition", "part", "scale", "layer")
    assert energy["part"].values.tolist() == PARTS
    for row, condition in enumerate("xy"):
        w_a, w_m = (transform(u[row], name, parameter, energy["scale"].values) for u in (attention, mlp))
        ours = energy.sel(item="i", condition=condition)
        assert ours.sel(part="attention").values == pytest.approx((np.abs(w_a) ** 2).sum(-1), rel=1e-9)
        assert ours.sel(part="mlp").values == pytest.approx((np.abs(w_m) ** 2).sum(-1), rel=1e-9)
        common = 2 * (w_a * w_m.conj()).sum(-1).real
        assert ours.sel(part="cross").values == pytest.approx(common, rel=1e-9, abs=1e-9 * np.abs(common).max())


@given(seeds, options)
@settings(max_examples=20, deadline=None)
def test_the_parts_add_up_to_the_scalogram(seed, choice):
    traj = traced(*noise(seed))
    choice = without(choice, "normalize", "mask_coi", "relative")
    whole = ds.scalogram(traj, **choice)
    total = energy_by_part(traj, **choice).sum("part")
    assert total.dims == whole.dims
    assert total["layer"].values.tolist() == whole["layer"].values.tolist()
    assert total.values == pytest.approx(whole.values, rel=0, abs=1e-12 * float(whole.max()))


def test_what_two_parts_have_in_common_is_negative_where_one_undoes_the_other():
    attention, _ = noise(1)
    for weight in (-0.5, 0.5):
        energy = energy_by_part(traced(attention, weight * attention))
        alone = energy.sel(part="attention").values
        assert energy.sel(part="mlp").values == pytest.approx(weight**2 * alone, rel=1e-9)
        assert energy.sel(part="cross").values == pytest.approx(2 * weight * alone, rel=1e-9)
        assert (np.sign(energy.sel(part="cross").values) == np.sign(weight)).all()


def test_directions_divide_each_part_by_the_length_of_the_whole_update():
    attention, mlp = noise(2) * np.linspace(1, 30, DEPTH)[:, None]
    length = np.linalg.norm(attention + mlp, axis=-1, keepdims=True)
    ours = energy_by_part(traced(attention, mlp), signal="direction", layers=(2, 16))
    expected = energy_by_part(traced(attention / length, mlp / length), layers=(2, 16))
    assert ours.values == pytest.approx(expected.values, rel=1e-9, abs=1e-12)


def test_an_update_of_zero_has_no_direction_and_stays_finite():
    attention, mlp = noise(3)
    mlp[:, 7] = -attention[:, 7]
    traj = traced(attention, mlp)
    total = energy_by_part(traj, signal="direction").sum("part").values
    whole = ds.scalogram(traj, signal="direction").values
    assert total == pytest.approx(whole, rel=0, abs=1e-12 * whole.max())


@given(seeds, options, st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_shares_sum_to_one_where_cse_is_measured_and_their_entropy_is_cse(seed, choice, min_scales):
    traj = traced(*noise(seed), parts=False)
    choice = {**choice, "normalize": False, "min_scales": min_scales}
    p, h = shares(traj, **choice), ds.cse(traj, **choice)
    assert p.dims == ("item", "condition", "scale", "layer")
    measured = np.isfinite(h.values)
    assert (np.isfinite(p.values).any(2) == measured).all()
    assert (np.isfinite(p.values).sum(2) == np.where(measured, h["valid_scales"].values, 0)).all()
    assert p.sum("scale").values[measured] == pytest.approx(1, abs=1e-12)
    assert np.nanmin(p.values) >= 0
    for i, j, k in np.ndindex(h.shape):
        if measured[i, j, k]:
            assert entropy(p.values[i, j, :, k]) == pytest.approx(float(h[i, j, k]), abs=1e-12)


def test_layers_with_too_few_scales_have_no_shares():
    u = noise(4)[0]
    few = ds.filter_bank(DEPTH).valid.sum(0)
    assert ((few > 0) & (few < 12)).any(), "no such layer: the test shows nothing"
    assert np.isnan(shares(u, min_scales=12).values[..., few < 12]).all()
    assert np.isfinite(shares(u, min_scales=12).values[..., few >= 12]).any(-2).all()
    assert np.isfinite(shares(u, min_scales=1).values[..., few > 0]).any(-2).all()


def test_plain_updates_have_the_shares_of_the_dataset_that_holds_them():
    attention, mlp = noise(5)
    expected = shares(traced(attention, mlp)).values.reshape(4, 16, DEPTH)
    for updates in (attention + mlp, torch.from_numpy(attention + mlp)):
        assert shares(updates).values == pytest.approx(expected, rel=1e-9, nan_ok=True)


@given(seeds, options, st.booleans())
@settings(max_examples=25, deadline=None)
def test_contributions_sum_to_the_difference_in_cse(seed, choice, parts):
    traj = traced(*noise(seed), parts=parts)
    found = contributions(traj, "x", "y", **choice)
    assert found.dims == (("item", "part", "scale", "layer") if parts else ("item", "scale", "layer"))
    expected = difference(traj, "x", "y", **choice)
    total = found.sum("part", skipna=False) if parts else found
    assert (np.isfinite(total.values).any(1) == np.isfinite(expected)).all()
    there = np.isfinite(expected)
    assert there.any()
    assert total.sum("scale").values[there] == pytest.approx(expected[there], rel=0, abs=1e-12)


def test_parts_leave_the_contribution_of_each_scale_as_it_is():
    attention, mlp = noise(6)
    split, whole = (contributions(traced(attention, mlp, parts=parts), "x", "y") for parts in (True, False))
    assert split["part"].values.tolist() == PARTS
    total = split.sum("part", skipna=False).values
    assert total == pytest.approx(whole.values, rel=0, abs=1e-13, nan_ok=True)


def test_contributions_are_missing_exactly_in_the_cells_that_do_not_enter_cse():
    traj = traced(*noise(7))
    valid = ds.filter_bank(DEPTH).valid
    entered = valid & (valid.sum(0) >= 12)
    there = np.isfinite(contributions(traj, "x", "y", min_scales=12).values)
    assert 0 < entered.sum() < valid.sum() < valid.size
    assert (there == entered).all()


def test_normalised_contributions_are_those_in_nats_over_the_log_of_the_number_of_scales():
    traj = traced(*noise(8))
    nats, units = (contributions(traj, "x", "y", normalize=choice) for choice in (False, True))
    logs = np.log(np.maximum(ds.filter_bank(DEPTH).valid.sum(0), 2))
    assert (nats / units).values[np.isfinite(nats.values)] == pytest.approx(
        np.broadcast_to(logs, nats.shape)[np.isfinite(nats.values)], rel=1e-12
    )


@pytest.mark.parametrize("seed", range(3))
def test_the_closed_forms_equal_the_integrals(seed):
    traj = traced(*noise(seed))
    choice = {"normalize": False, "mask_coi": False, "scales": 6}
    found = contributions(traj, "x", "y", **choice).sel(item="i")
    p = shares(traj, **choice).sel(item="i")
    energy = energy_by_part(traj, **without(choice, "normalize")).sel(item="i")
    for layer in (3, 9, 14):
        after, before = (p.sel(condition=c, layer=layer).values for c in "xy")
        weight = integrals(after, before)
        q = [(e / e.sum()).sel(layer=layer).values for e in _at(energy, layer)]
        assert found.sel(layer=layer).values == pytest.approx((q[0] - q[1]) * weight, rel=1e-8, abs=1e-11)


def _at(energy, layer):
    """Energies (part, scale, layer) of the two conditions at one layer, which sum to all energy there."""
    return [energy.sel(condition=c, layer=[layer]) for c in "xy"]


@pytest.mark.parametrize("step", [0.0, 1e-15, 1e-13, 1e-10, 1e-7, 1e-5, 9e-5, 1.1e-4, 1e-3, 1e-1])
def test_shares_that_are_nearly_equal_lose_no_digits(step):
    """The parts change places while the whole hardly changes: what is moved is large, and shows every error of its weight."""
    rng = np.random.default_rng(9)
    attention, mlp = noise(9, rows=1)
    whole = (attention + mlp) * (1 + step * rng.normal(size=(DEPTH, 1)))
    traj = traced(np.concatenate([whole - attention, attention]), np.concatenate([attention, mlp]), "ii", "xy")
    choice = {"normalize": False, "mask_coi": False}
    found = contributions(traj, "x", "y", **choice).sel(item="i")
    p = shares(traj, **choice).sel(item="i")
    energy = energy_by_part(traj, mask_coi=False).sel(item="i")
    for layer in (1, 6, 12):
        weight = exact_integrals(*(p.sel(condition=c, layer=layer).values for c in "xy"))
        q = [(e / e.sum()).sel(layer=layer).values for e in _at(energy, layer)]
        assert np.abs(q[0] - q[1]).max() > 0.01
        assert found.sel(layer=layer).values == pytest.approx((q[0] - q[1]) * weight, rel=0, abs=1e-13)


def impulse(layer, depth=25):
    u = np.zeros((1, depth, 3))
    u[0, layer - 1] = [1, -2, 2]
    return u


def test_scales_without_energy_are_finite_and_count_as_in_the_limit():
    """A Haar wavelet of a short scale does not see an impulse a few layers off; one of a long scale does."""
    u = np.concatenate([impulse(11) + 0.5 * impulse(12), impulse(14)])
    traj = traced(0.3 * u, 0.7 * u, "ii", "xy")
    choice = {"wavelet": "haar", "mask_coi": False, "normalize": False, "scales": 8}
    found = contributions(traj, "x", "y", **choice).sel(item="i")
    scales = ds.filter_bank(25, "haar", scales=8).scale
    energy = [naive.scalogram(row, "haar", 0.0, scales) for row in u]
    empty = 0
    seen = np.flatnonzero(np.minimum(*(e.sum(0) for e in energy)) > 0) + 1
    assert len(seen) >= 5
    for layer in seen:
        after, before = (e[:, layer - 1] / e[:, layer - 1].sum() for e in energy)
        empty += ((after == 0) != (before == 0)).sum()
        expected = (after - before) * integrals(after, before)
        ours = found.sel(layer=layer).sum("part", skipna=False).values
        assert ours == pytest.approx(expected, abs=1e-8)
        assert ours.sum() == pytest.approx(entropy(after) - entropy(before), abs=1e-12)
    assert empty > 0, "no scale is empty: the test shows nothing"


@given(seeds, options)
@settings(max_examples=15, deadline=None)
def test_exchanging_the_conditions_turns_the_sign(seed, choice):
    traj = traced(*noise(seed))
    there, back = (contributions(traj, *names, **choice).values for names in (("x", "y"), ("y", "x")))
    assert np.array_equal(there, -back, equal_nan=True)
    assert np.nanmax(np.abs(there)) > 0


@given(seeds, st.floats(1e-3, 1e3), options)
@settings(max_examples=15, deadline=None)
def test_the_size_of_the_updates_of_one_condition_does_not_matter(seed, factor, choice):
    attention, mlp = noise(seed)
    scaled = np.where(np.array(CONDITIONS) == "x", factor, 1.0)[:, None, None]
    plain, other = (contributions(traced(attention * by, mlp * by), "x", "y", **choice).values for by in (1.0, scaled))
    assert other == pytest.approx(plain, rel=0, abs=1e-11, nan_ok=True)


def test_a_condition_that_only_has_more_energy_contributes_nothing():
    attention, mlp = noise(10, rows=1)
    traj = traced(np.concatenate([3 * attention, attention]), np.concatenate([3 * mlp, mlp]), "ii", "xy")
    assert contributions(traj, "x", "y").fillna(0).values == pytest.approx(0, abs=1e-14)


def test_a_part_that_grows_at_all_scales_alike_contributes_nothing():
    """Attention makes a tenth of every update in y, and six tenths in x."""
    u = np.cumsum(noise(11, rows=1)[1], axis=1)
    ways = np.array([0.6, 0.1])[:, None, None]
    traj = traced(ways * u, (1 - ways) * u, "ii", "xy")
    choice = {"mask_coi": False}
    grown = energy_by_part(traj, **choice).sel(item="i")
    assert (grown.sel(condition="x", part="attention") > 30 * grown.sel(condition="y", part="attention")).all()
    found = contributions(traj, "x", "y", **choice).sel(item="i")
    assert float(abs(found).max()) > 1e-3, "within a part, what goes to empty scales broadens and the rest narrows"
    assert found.sum("scale").values == pytest.approx(0, abs=1e-12)


def test_energy_that_goes_where_there_is_little_broadens():
    """An oscillation, and the same with a second one beside it: the scales of the second make up the difference."""
    layers = np.arange(30)
    fast, slow = (np.cos(2 * np.pi * layers / period)[:, None] for period in (3, 10))
    directions = np.eye(2)
    attention = np.stack([fast * directions[0]] * 2)
    mlp = np.stack([0.3 * slow * directions[1], 0 * slow * directions[1]])
    traj = traced(attention, mlp, "ii", "xy")
    choice = {"wavelet": "morlet", "mask_coi": False}
    found = contributions(traj, "x", "y", **choice).sel(item="i", layer=15).sum("part")
    assert float(found.sum()) == pytest.approx(difference(traj, "x", "y", **choice)[0, 14], abs=1e-12)
    assert float(found.sel(scale=found["period"] > 6).sum()) > 0.8 * float(found.sum()) > 0.02


def test_items_that_lack_a_condition_are_missing():
    attention, mlp = noise(12)
    rows = [0, 1, 2]  # j has no y
    some = traced(attention[rows], mlp[rows], "iij", "xyx")
    found = contributions(some, "x", "y")
    assert np.isnan(found.sel(item="j").values).all()
    every = contributions(traced(attention, mlp), "x", "y").sel(item="i").values
    assert found.sel(item="i").values == pytest.approx(every, abs=1e-15, nan_ok=True)
    assert np.isnan(energy_by_part(some).sel(item="j", condition="y").values).all()
    assert np.isnan(shares(some).sel(item="j", condition="y").values).all()


def test_pairs_of_an_item_are_entries_of_their_own_and_remember_it():
    attention, mlp = noise(13)
    found = contributions(traced(attention, mlp, "iiii", pair=["1", "1", "2", "2"]), "x", "y")
    assert found["item"].values.tolist() == ["i/1", "i/2"]
    assert found["group"].values.tolist() == ["i", "i"]
    apart = contributions(traced(attention, mlp), "x", "y")
    assert np.array_equal(found.values, apart.values, equal_nan=True)


def test_the_order_of_rows_and_of_dimensions_does_not_matter():
    traj = traced(*noise(14))
    turned = traj.isel(stimulus=[3, 0, 2, 1]).transpose("other_layer", "layer", "part", "state", "stimulus")
    expected = contributions(traj, "x", "y")
    found = contributions(turned, "x", "y").sel(item=expected["item"])
    assert found.dims == expected.dims
    assert found.values == pytest.approx(expected.values, abs=1e-14, nan_ok=True)


def test_covariates_of_one_condition_do_not_stand_beside_a_difference():
    traj = traced(*noise(15), surprisal=[1.0, 2.0, 3.0, 4.0])
    found = contributions(traj, "x", "y", layers=(3, 17))
    assert "condition" not in found.coords
    assert "surprisal" not in found.coords
    assert {"item", "part", "scale", "period", "layer", "relative_depth"} <= set(found.coords)
    assert found["layer"].values.tolist() == list(range(3, 18))
    assert energy_by_part(traj)["surprisal"].sel(item="j", condition="y") == 4


def test_a_contrast_takes_shares_as_they_are():
    result = ds.contrast(shares(traced(*noise(16))), "x", "y", permutations=10)
    assert result.n == 2
    assert set(result.table["t"].dims) == {"scale", "layer"}


def test_what_cannot_be_attributed_is_refused(refuses):
    whole, bare = traced(*noise(17)), traced(*noise(17), parts=False)
    for call in (
        lambda **o: energy_by_part(whole, **o),
        lambda **o: shares(whole, **o),
        lambda **o: contributions(whole, "x", "y", **o),
    ):
        with refuses("called wavelets", "wavelet, scales"):
            call(wavelets="paul")
    for pair in (("z", "y"), ("x", "z")):
        with refuses("unknown condition 'z'", "x, y"):
            contributions(whole, *pair)
    with refuses("part_gram", "parts=True"):
        energy_by_part(bare)
    for signal in ("norm", "state"):
        with refuses(f"'{signal}'", "update or direction"):
            energy_by_part(whole, signal=signal)
        with refuses(f"'{signal}'", "update or direction"):
            contributions(whole, "x", "y", signal=signal)
    with refuses("layers 0-5"):
        contributions(whole, "x", "y", layers=(0, 5))


def test_states_that_have_no_parts_are_attributed_to_scales_alone():
    bare = traced(*noise(18), parts=False)
    for signal in ("state", "norm"):
        found = contributions(bare, "x", "y", signal=signal).sum("scale", skipna=True).values
        expected = difference(bare, "x", "y", signal=signal)
        there = np.isfinite(expected)
        assert found[there] == pytest.approx(expected[there], abs=1e-12)
