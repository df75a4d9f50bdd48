"""Networks in which the answer was put by hand: the scale, the layers, the part, and whether it matters."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import xarray as xr

import depthscope as ds
from depthscope.capture.patching import patch
from depthscope.instrument.attribution import contributions, energy_by_part, shares
from depthscope.instrument.carried import by_layer, carried
from depthscope.statistics.contrast import against_zero
from depthscope.statistics.layers import LayerComparison, compare_layers
from depthscope.statistics.result import Cluster, Contrast
from depthscope.studies.mechanism.results import FEW
from tests.model.planted import DEPTH, planted, stimuli

ITEMS = 24
A, B = "marked", "plain"
TESTS: dict[str, Any] = {"permutations": 1000, "resamples": 100}


@cache
def traced(host: str, component: range, period: float, carrying: range = range(0)) -> xr.Dataset:
    model = planted(host=host, component=component, period=period, carrying=carrying)  # type: ignore[arg-type]
    return ds.trace(model, stimuli(ITEMS), parts=True, progress=False)


def strongest(found: Contrast) -> Cluster:
    return max(found.clusters, key=lambda cluster: abs(cluster.mass))


def covered(cluster: Cluster) -> set[int]:
    return set(range(cluster.first, cluster.last + 1))


# ---- a component of one scale --------------------------------------------------------------------

COMPONENTS = [("mlp", range(5, 12), 4.0), ("attention", range(5, 12), 4.0), ("mlp", range(7, 13), 3.0)]


@pytest.mark.parametrize(("host", "component", "period"), COMPONENTS)
def test_a_planted_component_is_found_at_its_scale_and_at_its_layers(
    host: str, component: range, period: float
) -> None:
    found = ds.contrast(shares(traced(host, component, period)), A, B, **TESTS)
    best = strongest(found)
    assert best.p <= 0.01
    assert best.mass > 0  # more of the energy stands there
    assert set(component) <= covered(best)
    assert best.peak_layer in component
    where = found.table["cluster"].values == 1 + found.clusters.index(best)
    periods = found.table["period"].values
    near = np.argsort(np.abs(np.log(periods / period)))[:2]  # the scales on either side of it
    inside = np.isin(found.table["layer"].values, component)
    assert where[np.ix_(near, inside)].all()
    gained = np.nanmean(found.table["difference"].values[:, inside], axis=1)
    assert abs(np.log(periods[gained.argmax()] / period)) < np.log(2) / 4  # within a quarter of an octave
    size = np.abs(found.table["dz"].values[near])
    measured = np.isfinite(size).any(0)
    assert np.nanmax(size[:, ~inside & measured]) < size[:, inside].max() / 4  # at other layers by leakage alone


@pytest.mark.parametrize(("host", "component", "period"), COMPONENTS)
def test_energy_at_one_scale_narrows_the_layers_where_it_is(host: str, component: range, period: float) -> None:
    best = strongest(ds.contrast(ds.cse(traced(host, component, period)), A, B, **TESTS))
    assert best.p <= 0.01
    assert best.mass < 0
    assert covered(best) <= set(component)
    assert len(covered(best)) >= len(component) - 2


@pytest.mark.parametrize(("host", "component", "period"), COMPONENTS)
def test_it_is_put_down_to_the_part_that_it_was_planted_in(host: str, component: range, period: float) -> None:
    traj = traced(host, component, period)
    other = "mlp" if host == "attention" else "attention"
    chosen = {"layer": slice(component[0], component[-1])}
    given = contributions(traj, A, B)
    by_part = given.sum("scale", min_count=1).sel(chosen).sum("layer")
    mean = {str(name): float(by_part.sel(part=name).mean()) for name in given["part"].values}
    h = ds.cse(traj)
    whole = (h.sel(condition=A, drop=True) - h.sel(condition=B, drop=True)).sel(chosen).sum("layer")
    assert sum(mean.values()) == pytest.approx(float(whole.mean()), rel=1e-5)
    assert mean[host] < 0
    assert mean[host] < 2 * min(mean[other], mean["cross"])
    assert abs(mean["cross"]) < 0.5 * abs(mean[host])
    # the energy itself: what came in at that scale came in by that part
    energy = energy_by_part(traj)
    nearest = int(np.argmin(np.abs(energy["period"].values - period)))
    added = (energy.sel(condition=A, drop=True) - energy.sel(condition=B, drop=True)).isel(scale=nearest).sel(chosen)
    tests = {
        str(name): against_zero(added.sel(part=name, drop=True), "energy", **TESTS) for name in energy["part"].values
    }
    assert strongest(tests[host]).p <= 0.01
    assert covered(strongest(tests[host])) == set(component)
    strength = {name: np.abs(found.table["difference"].values).mean() for name, found in tests.items()}
    assert strength[host] > 10 * max(strength[other], strength["cross"])


@pytest.mark.parametrize(("host", "component", "period"), COMPONENTS[:2])
def test_one_part_alone_shows_the_difference_and_the_other_does_not(host: str, component: range, period: float) -> None:
    traj = traced(host, component, period)
    for name in ("attention", "mlp"):
        alone = traj.assign(gram=traj["part_gram"].sel(part=name, drop=True))
        found = ds.contrast(ds.cse(alone), A, B, **TESTS)
        assert bool(found.clusters and strongest(found).p <= 0.01) == (name == host)


def test_without_a_component_nothing_is_found() -> None:
    traj = traced("mlp", range(0), 4.0)
    for measure in (ds.cse(traj), shares(traj)):
        assert all(cluster.p > 0.05 for cluster in ds.contrast(measure, A, B, **TESTS).clusters)


# ---- a layer that matters, and one that does not -------------------------------------------------

CARRYING = range(6, 11)
# the difference of CSE stands where the mark is carried
CAUSAL: tuple[str, range, float, range] = ("mlp", range(6, 11), 4.0, CARRYING)
# it stands later, where the target has given away what it knew
BYSTANDER: tuple[str, range, float, range] = ("mlp", range(9, 14), 4.0, range(4, 7))


@cache
def exchanged(host: str, component: range, period: float, carrying: range) -> xr.Dataset:
    model = planted(host=host, component=component, period=period, carrying=carrying)  # type: ignore[arg-type]
    return carried(patch(model, stimuli(ITEMS), A, B, progress=False))


def judged(case: tuple[str, range, float, range]) -> tuple[Contrast, np.ndarray, LayerComparison]:
    """CSE's contrast, the layers of its strongest cluster, and these layers' exchanges against the others'."""
    found = ds.contrast(ds.cse(traced(*case)), A, B, **TESTS)
    chosen = np.isin(np.arange(1, DEPTH + 1), list(covered(strongest(found))))
    effects = by_layer(exchanged(*case)["effect"], DEPTH).transpose("item", "layer").values
    return found, chosen, compare_layers(effects, chosen, permutations=20_000, resamples=100)


def test_the_model_expects_what_fits_the_mark() -> None:
    moved = exchanged(*CAUSAL)
    assert float(moved["preference"].min()) > 3  # bits, in every text
    assert set(np.sign(moved["most"].values)) == {1.0}


def test_an_exchange_turns_the_model_where_the_state_carries_the_mark_and_nowhere_else() -> None:
    moved = exchanged(*CAUSAL)
    effect = by_layer(moved["effect"], DEPTH)
    inside = np.isin(effect["layer"].values, CARRYING)
    np.testing.assert_allclose(effect.values[:, inside] / moved["most"].values[:, None], 1, atol=0.25)  # all of it
    assert np.abs(effect.values[:, ~inside]).max() < 0.5  # noise of other features, through other tokens
    assert np.abs(effect.values[:, ~inside].mean(0)).max() < 0.05
    assert effect.values[:, inside].mean() > 10


def test_layers_that_differ_and_carry_the_mark_are_called_causal() -> None:
    found, chosen, compared = judged(CAUSAL)
    assert strongest(found).p <= 0.01
    assert chosen.sum() >= 3
    assert set(np.flatnonzero(chosen) + 1) <= set(CARRYING)
    assert compared.exact
    assert compared.p_sets <= 0.05
    assert compared.p_windows <= FEW
    assert compared.excess.difference > 5
    assert compared.excess.p <= 0.001
    assert compared.inside.difference > 10


def test_the_layers_that_carry_the_mark_are_the_first_of_all_sets_of_as_many() -> None:
    effects = by_layer(exchanged(*CAUSAL)["effect"], DEPTH).transpose("item", "layer").values
    compared = compare_layers(effects, np.isin(np.arange(1, DEPTH + 1), CARRYING), permutations=20_000, resamples=100)
    assert compared.p_sets == pytest.approx(1 / 4368)  # 16 over 5
    assert compared.rank == 1
    assert compared.p_windows == pytest.approx(1 / 12)


def test_layers_that_differ_without_effect_are_not_called_causal() -> None:
    found, chosen, compared = judged(BYSTANDER)
    assert strongest(found).p <= 0.01  # CSE does differ
    assert set(np.flatnonzero(chosen) + 1) <= set(BYSTANDER[1])
    assert compared.p_sets > 0.5
    assert compared.excess.difference < 0
    assert abs(compared.inside.difference) < 0.05  # bits, of 11


def test_where_nothing_is_carried_no_exchange_has_an_effect() -> None:
    moved = exchanged("mlp", range(6, 11), 4.0, range(0))
    assert np.abs(moved["effect"].values.mean(0)).max() < 0.05
    _, chosen, compared = judged(("mlp", range(6, 11), 4.0, range(0)))
    assert chosen.any()
    assert compared.p_sets > 0.05 or compared.excess.difference < 0.05
