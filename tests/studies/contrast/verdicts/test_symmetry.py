"""What is said of skewed differences: p both ways, and nothing where they are not skewed."""

import numpy as np

import depthscope as ds
from depthscope.statistics.permutation import cluster_test
from depthscope.studies.contrast.answer import points
from depthscope.studies.contrast.tables import clusters_table
from depthscope.studies.contrast.verdicts.contrast import verdict
from depthscope.words import p_text
from tests.statistics.simulated import measure, smooth


def contrast(shift, *, tail=1.0, items=40, seed=3, **options):
    noise = tail * (np.exp(1.2 * smooth(np.random.default_rng(seed), items, 8)) - np.exp(0.72)) + shift
    values = np.stack([noise, np.zeros_like(noise)], axis=1)
    return ds.contrast(measure(values), "a", "b", **{"permutations": 1000, "resamples": 100} | options)


def test_skewed_differences_have_p_by_flips_and_by_a_bootstrap():
    c = contrast(1.5)
    told = verdict(c, 8)
    (cluster,) = c.significant()
    test = cluster_test(c.differences.values, permutations=1000, inference="bootstrap")
    p = test.p_value(cluster.mass)[0]
    assert "The differences are skewed (a long tail upwards; triples test, p < .001)" in told
    assert "p by sign flips may be too small" in told
    assert f"a studentised bootstrap gives {p_text(p)} at layers {cluster.first}-{cluster.last}." in told
    assert any(f"a studentised bootstrap gives {p_text(p)}, which agrees" in line for line in points(c, None, 8))


def test_a_finding_that_only_flips_make_is_said_to_be_one():
    c = contrast(0.0, items=14, seed=9)
    strongest = c.strongest(0.05)
    assert c.otherwise.p[c.clusters.index(strongest)] > 0.05
    assert any("which does not find it" in line for line in points(c, None, 8))


def test_a_bootstrap_names_the_flips():
    assert "which allows for that; sign flips give p" in verdict(contrast(1.5, inference="bootstrap"), 8)


def test_equivalence_of_skewed_differences_is_told_both_ways():
    c = contrast(0.0, tail=-0.3, items=1500, bound=0.3, permutations=50)
    assert not c.significant()
    assert "a long tail downwards" in (told := verdict(c, 8))
    assert f"equivalence by a studentised bootstrap has {p_text(c.otherwise.equivalence)}" in told


def test_symmetric_differences_are_not_spoken_of():
    noise = smooth(np.random.default_rng(0), 30, 8) + 0.6
    values = np.stack([noise, np.zeros_like(noise)], axis=1)
    c = ds.contrast(measure(values), "a", "b", permutations=200, resamples=20)
    assert not c.skewed
    assert "skewed" not in verdict(c, 8)
    assert not any("skewed" in line for line in points(c, None, 8))
    assert clusters_table([c])["p_other"].isna().all()


def test_the_table_of_clusters_holds_the_other_p_and_the_halves_of_the_strongest():
    c = contrast(1.5)
    table = clusters_table([c])
    assert table["p_other"].tolist() == list(c.otherwise.p)
    (row,) = table[table["mass"] == c.strongest().mass].to_dict("records")
    assert (row["dz_half"], row["window_dz_half"]) == (c.halves.peak, c.halves.window)
    assert row["window_dz"] == c.over(row["first"], row["last"]).dz
    assert table[["dz_half", "window_dz", "window_dz_half"]].notna().sum().tolist() == [1, 1, 1]
