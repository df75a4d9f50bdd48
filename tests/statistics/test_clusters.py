import numpy as np
import pytest
from scipy import ndimage

from depthscope.statistics.clusters import find_clusters, largest_mass
from tests.statistics.simulated import largest_cluster


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
    mass, peak = largest_mass(maps, 1.5, tail)
    assert mass == pytest.approx(expected, rel=1e-12)
    assert peak.size == 0


def test_the_peak_is_that_of_the_largest_cluster_of_a_loop_over_maps():
    maps = np.random.default_rng(0).normal(size=(300, 12)) * 2
    mass, peak = largest_mass(maps, 3.5, 0, peaks=True)
    expected = np.array([largest_cluster(t, 3.5) for t in maps])
    assert 50 < (expected[:, 0] == 0).sum() < 250
    assert np.column_stack([mass, peak]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("tail", "expected"), [(0, (9.0, -6.0)), (1, (8.0, 5.0)), (-1, (9.0, -6.0))])
def test_the_peak_belongs_to_the_largest_mass_not_to_the_largest_t(tail, expected):
    t = np.array([[3, 5, 0, -6, -3, 0, 7, 0.0]])
    mass, peak = largest_mass(t, 2, tail, peaks=True)
    assert (mass[0], peak[0]) == expected


def test_without_a_cluster_the_peak_is_the_largest_t():
    t = np.array([[0.5, -1.5, 1.0], [0.0, 0.0, 0.0]])
    mass, peak = largest_mass(t, 2, 0, peaks=True)
    assert mass.tolist() == [0, 0]
    assert peak.tolist() == [-1.5, 0]


def test_maps_without_a_cluster_have_mass_zero():
    assert largest_mass(np.zeros((3, 4)), 2, 0)[0].tolist() == [0, 0, 0]
    assert largest_mass(np.zeros((3, 4, 5)), 2, 0)[0].tolist() == [0, 0, 0]
