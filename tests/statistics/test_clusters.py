import numpy as np
import pytest
from scipy import ndimage

from depthscope.statistics.clusters import find_clusters, largest_mass


def test_neighbours_of_one_sign_beyond_the_threshold_belong_together():
    t = np.array([0, 3, 4, 0, -5, -3, 3, 0.0])
    found = [(np.flatnonzero(c.where).tolist(), c.mass) for c in find_clusters(t, 2, 0)]
    assert found == [([1, 2], 7.0), ([4, 5], -8.0), ([6], 3.0)]


@pytest.mark.parametrize(("tail", "masses"), [(1, [7.0, 3.0]), (-1, [-8.0])])
def test_one_tail_looks_one_way(tail, masses):
    t = np.array([0, 3, 4, 0, -5, -3, 3, 0.0])
    assert [c.mass for c in find_clusters(t, 2, tail)] == masses


def test_a_missing_cell_separates():
    assert len(find_clusters(np.array([3, 0, 3.0]), 2, 0)) == 2


def test_in_two_dimensions_cells_touch_along_edges_only():
    t = np.array([[3, 3, 0], [0, 0, 3], [0, 3, 3.0]])
    assert sorted(c.mass for c in find_clusters(t, 2, 0)) == [6.0, 9.0]


@pytest.mark.parametrize("shape", [(12,), (5, 7)])
@pytest.mark.parametrize("tail", [0, 1, -1])
def test_the_largest_mass_is_that_of_a_loop_over_maps(shape, tail):
    maps = np.random.default_rng(0).normal(size=(300, *shape)) * 2
    expected = []
    for t in maps:
        masses = [0.0]
        for sign in (1, -1) if tail == 0 else (tail,):
            labels, count = ndimage.label(sign * t > 1.5)
            masses += [abs(t[labels == k].sum()) for k in range(1, count + 1)]
        expected.append(max(masses))
    assert largest_mass(maps, 1.5, tail) == pytest.approx(expected, rel=1e-12)


def test_maps_without_a_cluster_have_mass_zero():
    assert largest_mass(np.zeros((3, 4)), 2, 0).tolist() == [0, 0, 0]
    assert largest_mass(np.zeros((3, 4, 5)), 2, 0).tolist() == [0, 0, 0]
