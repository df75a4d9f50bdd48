import numpy as np
import pytest
import torch

from depthscope import arrays


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy])
def test_the_gram_matrix_is_that_of_a_naive_loop_and_does_not_depend_on_chunks(kind, monkeypatch):
    x = np.random.default_rng(0).normal(size=(5, 3, 6, 4)).astype(np.float32)
    expected = np.einsum("abkd,abld->abkl", x.astype(float), x.astype(float))
    whole = arrays.depth_gram(kind(x)).full()
    monkeypatch.setattr(arrays, "CHUNK_BYTES", 8 * 6 * 4 * 2)
    parts = arrays.depth_gram(kind(x)).full()
    assert np.asarray(whole) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert np.asarray(parts) == pytest.approx(np.asarray(whole), rel=1e-15, abs=0)


def test_splitting_at_the_mean_loses_nothing():
    x = np.random.default_rng(1).normal(size=(2, 7, 9))
    split = arrays.split_at_mean(x @ np.swapaxes(x, -1, -2))
    made = arrays.depth_gram(x)
    assert split.centred == pytest.approx(made.centred, abs=1e-12)
    assert split.mean_dot == pytest.approx(made.mean_dot, abs=1e-12)
    assert split.mean_square == pytest.approx(made.mean_square, abs=1e-12)
