"""Contributions of heads add up and are those of the definition; CSE without a head is that of what is left."""

import numpy as np
import pytest
from hypothesis import given, settings

import depthscope as ds
from depthscope.instrument.heads import cse_without_heads, head_contributions
from tests.instrument.test_attribution import (
    DEPTH,
    difference,
    integrals,
    noise,
    options,
    seeds,
    traced,
    transform,
)

HEADS = 3
NAMES = ["attention_block", "attention_head"]


def written(seed, rows=4, depth=DEPTH, width=5):
    """What heads write (row, layer, head, feature), what of attention is of no head, and the MLP, (row, layer, feature)."""
    rng = np.random.default_rng(seed)
    heads = rng.normal(size=(rows, depth, HEADS, width)) * np.array([0.3, 1.0, 2.0])[:, None]
    return heads, 0.2 * rng.normal(size=(depth, width)) + np.zeros((rows, 1, 1)), noise(seed, rows, depth, width)[1]


def split(heads, bias, mlp, **more):
    """What ``trace(..., parts="heads")`` gives."""
    traj = traced(heads.sum(2) + bias, mlp, **more)
    updates = heads.sum(2) + bias + mlp
    names = ("stimulus", "layer", "attention_head", "other_layer")
    return traj.assign(
        head_dot=(names, np.einsum("nkhd,njd->nkhj", heads, updates)), head_square=(names[:3], (heads**2).sum(-1))
    ).assign_coords(attention_head=np.arange(1, HEADS + 1))


@given(seeds, options)
@settings(max_examples=20, deadline=None)
def test_heads_rest_and_mlp_add_up_to_the_difference_in_cse(seed, choice):
    traj = split(*written(seed))
    found = head_contributions(traj, "x", "y", **choice)
    assert found["heads"].dims == ("item", *NAMES, "layer")
    expected = difference(traj, "x", "y", **choice)
    total = (found["heads"].sum(NAMES, skipna=False) + found["rest"] + found["mlp"]).values
    assert (np.isfinite(total) == np.isfinite(expected)).all()
    assert np.isfinite(expected).any()
    assert total == pytest.approx(expected, rel=0, abs=1e-11, nan_ok=True)


@pytest.mark.parametrize("signal", ["update", "direction"])
def test_heads_and_rest_are_attention_and_half_of_what_it_has_in_common_with_the_mlps(signal):
    heads, bias, mlp = written(1)
    traj = split(heads, bias, mlp)
    found = head_contributions(traj, "x", "y", signal=signal)
    parts = ds.contributions(traj, "x", "y", signal=signal).sum("scale", min_count=1)
    attention = (parts.sel(part="attention") + parts.sel(part="cross") / 2).values
    total = (found["heads"].sum(NAMES, skipna=False) + found["rest"]).values
    assert total == pytest.approx(attention, rel=0, abs=1e-12, nan_ok=True)
    # what no head writes is counted as one more head would be
    more = split(np.concatenate([heads[:, :, :2], (heads[:, :, 2] + bias)[:, :, None]], 2), 0 * bias, mlp)
    again = head_contributions(more, "x", "y", signal=signal)
    assert np.nanmax(np.abs(found["rest"])) > 1e-4
    assert np.nanmax(np.abs(again["rest"])) < 1e-12
    third = (found["heads"].sel(attention_head=3).sum("attention_block", skipna=False) + found["rest"]).values
    assert again["heads"].sel(attention_head=3).sum("attention_block", skipna=False).values == pytest.approx(
        third, rel=0, abs=1e-12, nan_ok=True
    )


def test_contributions_are_those_of_the_definition_written_as_loops():
    heads, bias, mlp = (values[:2] for values in written(2, depth=13))
    traj = split(heads, bias, mlp, items="ii", conditions="xy")
    choice = {"wavelet": "dog(2)", "normalize": False, "mask_coi": False, "scales": 5}
    found = head_contributions(traj, "x", "y", **choice)["heads"].sel(item="i")
    scales = ds.filter_bank(13, "dog(2)", scales=5).scale
    updates = heads.sum(2) + bias + mlp
    whole = [transform(u, "dog", 2.0, scales) for u in updates]
    energies = [(np.abs(w) ** 2).sum(-1) for w in whole]
    shares = [e / e.sum(0) for e in energies]
    for layer in (3, 7):
        weight = integrals(*(p[:, layer - 1] for p in shares))
        for block, head in ((2, 1), (6, 3), (7, 2)):
            moved = []
            for row in range(2):
                alone = np.zeros_like(updates[row])
                alone[block - 1] = heads[row, block - 1, head - 1]
                own = (transform(alone, "dog", 2.0, scales) * whole[row].conj()).sum(-1).real
                moved.append((own / energies[row].sum(0))[:, layer - 1])
            expected = float(((moved[0] - moved[1]) * weight).sum())
            ours = float(found.sel(layer=layer, attention_block=block, attention_head=head))
            assert ours == pytest.approx(expected, rel=1e-8, abs=1e-12)


@given(seeds, options)
@settings(max_examples=10, deadline=None)
def test_cse_without_a_head_is_cse_of_the_updates_without_what_it_has_written(seed, choice):
    heads, bias, mlp = written(seed)
    traj = split(heads, bias, mlp)
    choice = {**choice, "signal": "update"}
    without = cse_without_heads(traj, **choice)
    assert without.dims == ("item", "condition", *NAMES, "layer")
    for block, head in ((5, 1), (9, 3)):
        left = heads.copy()
        left[:, block - 1, head - 1] = 0
        expected = ds.cse(split(left, bias, mlp), **choice)
        if block not in expected["layer"].values:
            continue
        ours = without.sel(attention_block=block, attention_head=head)
        assert ours.values == pytest.approx(expected.values, rel=0, abs=1e-9, nan_ok=True)


def test_without_a_head_a_direction_stays_divided_by_the_length_of_the_whole_update():
    heads, bias, mlp = written(3)
    traj = split(heads, bias, mlp)
    length = np.sqrt(np.diagonal(traj["gram"].values, axis1=1, axis2=2))[..., None]
    plain = split(heads / length[:, :, None], bias / length, mlp / length)
    ours, expected = cse_without_heads(traj, signal="direction"), cse_without_heads(plain)
    assert ours.values == pytest.approx(expected.values, rel=0, abs=1e-9, nan_ok=True)


def test_it_does_not_matter_how_many_texts_are_worked_on_at_a_time(monkeypatch):
    traj = split(*written(4))
    whole = cse_without_heads(traj)
    monkeypatch.setattr("depthscope.instrument.heads.STEP", 1)
    assert np.array_equal(cse_without_heads(traj).values, whole.values, equal_nan=True)


def test_the_head_that_carries_the_effect_is_found():
    """One head of layers 5-14 turns once in 3 layers or once in 9; all else is noise of the same kind."""
    rows = 40
    heads, bias, mlp = written(5, rows=rows)
    for start, period in enumerate((3, 9)):
        angle = 2 * np.pi * np.arange(4, 14) / period
        heads[start::2, 4:14, 1, :2] += 10 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    names = [f"i{i // 2}" for i in range(rows)]
    traj = split(heads, bias, mlp, items=names, conditions=["x", "y"] * (rows // 2))
    found = head_contributions(traj, "x", "y").mean("item").sel(layer=slice(7, 12)).mean("layer")
    whole = float(np.mean(difference(traj, "x", "y")[:, 6:12]))
    assert whole > 0.05
    planted = found["heads"].sel(attention_head=2, attention_block=slice(5, 14))
    assert float(planted.sum()) / whole > 0.95
    assert float(np.abs(found["heads"].sel(attention_head=[1, 3])).max()) < 0.1 * float(planted.max())


def test_blocks_without_attention_are_missing_and_the_rest_adds_up():
    heads, bias, mlp = written(6)
    heads[:, 3] = 0
    bias[:, 3] = 0
    traj = split(heads, bias, mlp)
    traj["head_dot"][:, 3], traj["head_square"][:, 3] = np.nan, np.nan
    found = head_contributions(traj, "x", "y")
    assert np.isnan(found["heads"].sel(attention_block=4)).all()
    there = np.isfinite(found["mlp"].values)
    total = found["heads"].sum(NAMES) + found["rest"] + found["mlp"]
    assert total.values[there] == pytest.approx(difference(traj, "x", "y")[there], rel=0, abs=1e-11)
    without = cse_without_heads(traj)
    assert np.isnan(without.sel(attention_block=4)).all()
    assert np.isfinite(without.sel(attention_block=5)).any()


def test_an_item_without_one_of_the_conditions_is_missing_and_covariates_may_be_called_anything():
    values = [value[:3] for value in written(7)]
    more = {"rest": [1.0, 2.0, 3.0], "heads": [1, 2, 3], "mlp": list("abc"), "head": [3, 2, 1], "block": [1, 1, 2]}
    traj = split(*values, items="iij", conditions="xyx").assign_coords({k: ("stimulus", v) for k, v in more.items()})
    found = head_contributions(traj, "x", "y")
    assert np.isnan(found.sel(item="j").to_array()).all()
    assert np.isfinite(found["heads"].sel(item="i")).any()
    assert found["group"].values.tolist() == ["i", "j"]


def test_what_cannot_be_split_is_refused(refuses):
    traj = split(*written(8))
    for call in (lambda t, **o: head_contributions(t, "x", "y", **o), cse_without_heads):
        with refuses("no head_dot", 'parts="heads"'):
            call(traj.drop_vars(["head_dot", "head_square"]))
        for signal in ("norm", "state"):
            with refuses(f"'{signal}'", "update or direction"):
                call(traj, signal=signal)
        with refuses("called wavelets"):
            call(traj, wavelets="paul")
    with refuses("unknown condition 'z'"):
        head_contributions(traj, "z", "y")
