"""Trajectories without organisation in depth, against updates that are built and shuffled by hand."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import depthscope as ds
from depthscope.instrument.surrogates import SURROGATES, random_cosines, surrogate

TEXTS, DEPTH, WIDTH = 6, 20, 48
DRAWN = ["walk", "rotation"]


@pytest.fixture
def updates():
    """h_0 and updates that grow with depth, smooth from layer to layer: (text, L + 1, d)."""
    noise = np.random.default_rng(0).normal(size=(TEXTS, DEPTH + 2, WIDTH))
    smooth = noise[:, 1:] + noise[:, :-1]
    return smooth * np.linspace(1, 6, DEPTH + 1)[:, None]


def trajectories(updates, **more):
    """As ``trace`` gives them, from h_0 and updates."""
    initial, steps = updates[:, 0], updates[:, 1:]
    states = np.cumsum(updates, axis=1)
    return xr.Dataset(
        {
            "gram": (("stimulus", "layer", "other_layer"), steps @ np.swapaxes(steps, 1, 2)),
            "initial_dot": (("stimulus", "layer"), np.einsum("nd,nld->nl", initial, steps)),
            "update_norm": (("stimulus", "layer"), np.linalg.norm(steps, axis=-1)),
            "state_norm": (("stimulus", "state"), np.linalg.norm(states, axis=-1)),
            **more,
        },
        {
            "layer": np.arange(1, DEPTH + 1),
            "item": ("stimulus", [f"i{k // 2}" for k in range(len(updates))]),
            "condition": ("stimulus", ["a", "b"] * (len(updates) // 2)),
        },
        {"width": WIDTH, "model": "made up"},
    )


@pytest.fixture
def traj(updates):
    return trajectories(updates)


def vectors(traj, text):
    """Vectors with the inner products of h_0 and the updates: (L + 1, L + 1)."""
    whole = np.empty((DEPTH + 1, DEPTH + 1))
    whole[1:, 1:] = traj["gram"].values[text]
    whole[0, 1:] = whole[1:, 0] = traj["initial_dot"].values[text]
    whole[0, 0] = traj["state_norm"].values[text, 0] ** 2
    values, axes = np.linalg.eigh(whole)
    assert values.min() > -1e-9 * values.max()  # or it is no Gram matrix at all
    return axes * np.sqrt(np.maximum(values, 0))


@pytest.mark.parametrize("kind", SURROGATES)
def test_the_four_parts_of_a_surrogate_belong_together(traj, kind):
    found = surrogate(traj, kind, seed=3)
    for text in range(TEXTS):
        steps = vectors(found, text)
        states = np.linalg.norm(np.cumsum(steps, axis=0), axis=-1)
        assert found["state_norm"].values[text] == pytest.approx(states, rel=1e-9)
        assert found["update_norm"].values[text] == pytest.approx(np.linalg.norm(steps[1:], axis=-1), rel=1e-9)
    assert found["state_norm"].values[:, 0].tolist() == traj["state_norm"].values[:, 0].tolist()


@pytest.mark.parametrize("signal", ["update", "direction", "norm", "state"])
def test_shuffled_layers_are_reordered_updates(traj, updates, signal):
    found = surrogate(traj, "order", seed=5)
    order = np.argsort(np.argsort(found["update_norm"].values[0]))
    order = np.argsort(traj["update_norm"].values[0])[order]
    assert order.tolist() != list(range(DEPTH))
    shuffled = updates.copy()
    shuffled[:, 1:] = updates[:, 1:][:, order]
    by_hand = trajectories(shuffled)
    for name in ("gram", "initial_dot", "update_norm", "state_norm"):
        assert found[name].values == pytest.approx(by_hand[name].values, rel=1e-9, abs=1e-9), name
    assert ds.cse(found, signal=signal).values == pytest.approx(ds.cse(by_hand, signal=signal).values, nan_ok=True)
    plain = ds.cse(traj, signal=signal).values
    assert np.nanmax(np.abs(ds.cse(found, signal=signal).values - plain)) > 0.01


@pytest.mark.parametrize("kind", DRAWN)
def test_drawn_directions_keep_the_length_of_every_update(traj, kind):
    found = surrogate(traj, kind, seed=1)
    assert found["update_norm"].values == pytest.approx(traj["update_norm"].values, rel=1e-12)
    # a signal of norms alone cannot tell them from the real ones
    norms = [ds.cse(one, signal="norm").values for one in (found, traj)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-6, nan_ok=True)


def cosines(traj):
    """Between h_0 and all updates: (text, L + 1, L + 1)."""
    found = np.array([vectors(traj, text) for text in range(traj.sizes["stimulus"])])
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    return found @ np.swapaxes(found, 1, 2)


def test_a_rotation_gives_all_texts_the_same_directions_and_a_walk_its_own(traj):
    rotated, walked = (cosines(surrogate(traj, kind, seed=2)) for kind in DRAWN[::-1])
    assert rotated == pytest.approx(np.broadcast_to(rotated[0], rotated.shape), abs=1e-9)
    above = np.triu_indices(DEPTH + 1, 1)
    between = np.corrcoef(walked[:, *above])
    assert np.abs(between[np.triu_indices(TEXTS, 1)]).max() < 0.3
    assert np.abs(rotated[0][above]).max() < 0.8


def test_texts_of_equal_norms_have_equal_gram_matrices_under_rotation_only(updates):
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(WIDTH, WIDTH)))
    twins = np.stack([updates[0], np.einsum("ld,de->le", updates[0][:, ::-1], rotation)])
    assert np.linalg.norm(twins[0], axis=-1) == pytest.approx(np.linalg.norm(twins[1], axis=-1))
    rotated, walked = (surrogate(trajectories(twins), kind)["gram"].values for kind in DRAWN[::-1])
    assert rotated[0] == pytest.approx(rotated[1], rel=1e-9, abs=1e-9)
    assert not np.allclose(walked[0], walked[1], rtol=0.01)


@pytest.mark.parametrize("kind", SURROGATES)
def test_the_seed_decides_and_nothing_is_changed_in_place(traj, kind):
    before = traj.copy(deep=True)
    once, again, other = (surrogate(traj, kind, seed=seed) for seed in (4, 4, 5))
    assert once.identical(again)
    assert not np.allclose(once["gram"], other["gram"])
    assert traj.identical(before)


@pytest.mark.parametrize("kind", SURROGATES)
def test_a_surrogate_is_measured_like_any_trajectories(traj, kind):
    found = surrogate(traj, kind)
    assert found.attrs == traj.attrs
    assert set(found.coords) == set(traj.coords)
    assert ds.cse(found).dims == ("item", "condition", "layer")
    shuffled = traj.transpose("other_layer", "state", "layer", "stimulus")
    assert surrogate(shuffled, kind)["gram"].values == pytest.approx(found["gram"].values)


def test_full_states_are_dropped_because_they_are_no_longer_those(updates):
    states = np.cumsum(updates, axis=1)
    whole = trajectories(updates, states=(("stimulus", "state", "feature"), states))
    assert "states" in whole
    assert "states" not in surrogate(whole, "walk")


def test_what_cannot_be_drawn_is_refused(traj, refuses):
    with refuses("surrogate='shuffle'", "order, walk, rotation"):
        surrogate(traj, "shuffle")
    del traj.attrs["width"]
    for kind in DRAWN:
        with refuses("width", "trace again"):
            surrogate(traj, kind)
    assert surrogate(traj, "order")["gram"].shape == traj["gram"].shape


@pytest.mark.parametrize("kind", SURROGATES)
def test_tokens_and_texts_of_tokens_have_surrogates_as_stimuli_do(traj, kind):
    plain = traj.drop_vars(["item", "condition"])
    tokens = plain.rename(stimulus="token")
    assert surrogate(tokens, kind)["gram"].values == pytest.approx(surrogate(plain, kind)["gram"].values)
    both = xr.concat([tokens, tokens], "text")
    found = surrogate(both, kind)
    for name in ("gram", "initial_dot", "update_norm", "state_norm"):
        assert found[name].dims == both[name].dims, name
    assert ds.cse(found).dims == ("text", "token", "layer")


def test_arrays_are_no_trajectories(updates, traj, refuses):
    for data in (updates, updates.tolist(), xr.DataArray(updates), None):
        with refuses("surrogate needs trajectories", "from_states"):
            surrogate(data, "walk")
        with refuses("baselines needs trajectories", "from_states"):
            ds.baselines(data)
        with refuses("contributions needs trajectories", "from_states"):
            ds.contributions(data, "a", "b")
    with refuses("no gram", "from_states"):
        surrogate(traj.drop_vars("gram"), "order")
    with refuses("seed=-1"):
        surrogate(traj, "order", seed=-1)


def explicit(count, vectors, width):
    drawn = np.random.default_rng(9).normal(size=(count, vectors, width))
    drawn /= np.linalg.norm(drawn, axis=-1, keepdims=True)
    return drawn @ np.swapaxes(drawn, 1, 2)


COUNT = 8000
SHAPES = [(5, 40), (5, 5), (6, 3), (4, 1)]  # vectors, width: more of one, of the other, a single dimension


@pytest.mark.parametrize(("vectors", "width"), SHAPES)
def test_cosines_of_random_directions_have_their_moments(vectors, width):
    found = random_cosines(COUNT, vectors, width, np.random.default_rng(1))
    assert np.diagonal(found, axis1=1, axis2=2) == pytest.approx(1, rel=1e-12)
    assert found == pytest.approx(np.swapaxes(found, 1, 2))
    assert np.linalg.eigvalsh(found[:50]).min() > -1e-9
    assert (np.linalg.matrix_rank(found[:50]) == min(vectors, width)).all()
    for i in range(vectors):
        for j in range(i):
            pair = found[:, i, j]
            # of the mean 1 / sqrt(COUNT width); of the mean square at most sqrt(2) / (width sqrt(COUNT))
            assert abs(pair.mean()) < 4.5 / np.sqrt(COUNT * width)
            assert (pair**2).mean() == pytest.approx(1 / width, abs=4.5 * np.sqrt(2 / COUNT) / width)
    # three at a time: the directions of a pair say nothing of the third beyond what geometry allows
    triple = found[:, 0, 1] * found[:, 1, 2] * found[:, 2, 0]
    assert triple.mean() == pytest.approx(1 / width**2, abs=4.5 * triple.std() / np.sqrt(COUNT) + 1e-9)


@pytest.mark.parametrize(("vectors", "width"), SHAPES[:3])
def test_cosines_of_random_directions_are_distributed_as_if_they_were_drawn(vectors, width):
    ours = random_cosines(3000, vectors, width, np.random.default_rng(2))
    theirs = explicit(3000, vectors, width)
    beta = stats.beta((width - 1) / 2, (width - 1) / 2)
    for i, j in ((1, 0), (vectors - 1, 0), (vectors - 1, vectors - 2)):
        assert stats.kstest((ours[:, i, j] + 1) / 2, beta.cdf).pvalue > 1e-3
        assert stats.ks_2samp(ours[:, i, j], theirs[:, i, j]).pvalue > 1e-3
    for whole in (lambda g: np.linalg.eigvalsh(g)[:, -1], lambda g: np.abs(g).sum((1, 2))):
        assert stats.ks_2samp(whole(ours), whole(theirs)).pvalue > 1e-3
