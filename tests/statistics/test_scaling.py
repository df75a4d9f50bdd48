"""Scaling laws: planted ones come back, intervals hold what they promise, and too little is refused."""

import numpy as np
import pytest
from scipy import optimize

import depthscope as ds
from depthscope.drawing.alt import alt
from depthscope.statistics.scaling import joint_law, power_law

# as the paper has them for GPT-4, but for a slope and a floor that a few sizes show
TRUE = {"alpha": -0.5, "beta_k": 0.26, "beta_n": -0.17, "gamma": -0.042, "zeta": -2.32, "eta": -0.085}
MANY = ([512, 1024, 2048, 4096, 8192, 16384, 65536], [8, 16, 32, 64, 128])
FEW = ([1024, 4096, 16384, 65536], [8, 32, 128])


def truth(n, k, floor=True):
    log_n, log_k = np.log(n), np.log(k)
    p = TRUE
    power = np.exp(p["alpha"] + p["beta_k"] * log_k + p["beta_n"] * log_n + p["gamma"] * log_k * log_n)
    return power + floor * np.exp(p["zeta"] + p["eta"] * log_k)


def runs(sizes=MANY, spread=0.005, seed=0, floor=True):
    n, k = (one.ravel() for one in np.meshgrid(*sizes))
    return n, k, truth(n, k, floor) * np.exp(spread * np.random.default_rng(seed).standard_normal(len(n)))


def test_a_planted_law_is_found_within_its_intervals():
    law = joint_law(*runs())
    table = law.to_dataframe().set_index("parameter")
    assert list(table.index) == list(TRUE)
    for name, value in TRUE.items():
        assert table["low"][name] < value < table["high"][name], name
        assert table["high"][name] - table["low"][name] < 0.35
    assert law.floor_found
    assert table["identified"].all()
    assert 0.003 < law.spread < 0.007
    floors = law.floor([8, 128])
    expected = np.exp(TRUE["zeta"] + TRUE["eta"] * np.log([8, 128]))
    assert ((floors["low"] < expected) & (expected < floors["high"])).all()
    assert (floors["high"] / floors["low"] < 1.4).all()


def test_a_law_without_noise_is_found_to_the_last_digits():
    law = joint_law(*runs(spread=0.0))
    for name, value in TRUE.items():
        assert law.parameters[name] == pytest.approx(value, abs=1e-5)
    assert law.spread < 1e-6
    np.testing.assert_allclose(law.points["fitted"], law.points["loss"], rtol=1e-6)


def test_no_other_start_leaves_less():
    n, k, loss = runs(FEW, 0.02, 3)
    law = joint_law(n, k, loss, resamples=100)
    least = ((np.log(loss) - np.log(law.points["fitted"])) ** 2).sum()

    def left(p):
        log_n, log_k = np.log(n), np.log(k)
        return np.logaddexp(p[0] + p[1] * log_k + p[2] * log_n + p[3] * log_n * log_k, p[4] + p[5] * log_k) - np.log(
            loss
        )

    generator = np.random.default_rng(0)
    for _ in range(12):
        start = np.array(list(TRUE.values())) + generator.normal(0, [1, 0.2, 0.1, 0.02, 1, 0.2])
        assert 2 * optimize.least_squares(left, start).cost > least * (1 - 1e-6)


def test_the_same_numbers_give_the_same_law_and_another_unit_another_level_alone():
    n, k, loss = runs(FEW, 0.02)
    one, other = joint_law(n, k, loss), joint_law(n, k, 100 * loss)
    np.testing.assert_array_equal(one.draws, joint_law(n, k, loss).draws)
    for name in TRUE:
        moved = np.log(100) if name in ("alpha", "zeta") else 0
        assert other.parameters[name] == pytest.approx(one.parameters[name] + moved, abs=1e-4)


def test_without_a_floor_in_the_runs_none_is_claimed():
    claimed = [joint_law(*runs(floor=False, spread=0.02, seed=seed), resamples=200).floor_found for seed in range(12)]
    assert sum(claimed) <= 2
    law = joint_law(*runs(floor=False, spread=0.02))
    assert not law.floor_found
    assert law.floor_p > 0.05
    assert law.unidentified == ("zeta", "eta")
    table = law.to_dataframe().set_index("parameter")
    assert table.loc[["zeta", "eta"], ["low", "high"]].isna().to_numpy().all()
    assert table["low"]["beta_n"] < TRUE["beta_n"] < table["high"]["beta_n"]
    assert law.floor([8])["loss"].isna().all()
    assert "the irreducible term is not identified" in str(law)
    plain = joint_law(*runs(floor=False, spread=0.02), floor=False)
    assert list(plain.parameters) == ["alpha", "beta_k", "beta_n", "gamma"]
    assert plain.unidentified == ()
    assert "zeta" not in plain.formula


def test_predictions_hold_the_law_and_say_what_lies_beyond():
    law = joint_law(*runs())
    sizes = np.array([4096, 131072])
    table = law.predict(sizes, 32)
    expected = truth(sizes, 32)
    assert ((table["low"] < expected) & (expected < table["high"])).all()
    assert (table["run_low"] < table["low"]).all()
    assert (table["run_high"] > table["high"]).all()
    assert list(table["beyond"]) == [False, True]
    assert list(law.predict(4096, [4, 32])["beyond"]) == [True, False]
    # the farther from what was tried, the less is known
    assert table["high"][1] / table["low"][1] > table["high"][0] / table["low"][0]
    with pytest.raises(ds.DepthscopeError, match="predict takes n and k, and was given 1 sizes"):
        law.predict(4096)
    with pytest.raises(ds.DepthscopeError, match=r"n: number 2 is -1\.0"):
        law.predict([4, -1], 32)


def test_a_power_law_is_a_line_of_logarithms():
    x = np.geomspace(10, 1e5, 12)
    y = 3 * x**-0.5 * np.exp(0.1 * np.random.default_rng(1).standard_normal(12))
    law = power_law(x, y)
    slope, level = np.polyfit(np.log(x), np.log(y), 1)
    assert law.parameters["b"] == pytest.approx(slope)
    assert law.parameters["a"] == pytest.approx(np.exp(level))
    table = law.to_dataframe().set_index("parameter")
    assert table["low"]["a"] < 3 < table["high"]["a"]
    assert table["low"]["b"] < -0.5 < table["high"]["b"]
    # the interval of the slope is that of the textbook, as near as draws tell it
    residuals = np.log(y) - slope * np.log(x) - level
    error = np.sqrt((residuals**2).sum() / 10 / ((np.log(x) - np.log(x).mean()) ** 2).sum())
    assert (table["high"]["b"] - table["low"]["b"]) / (2 * 2.228 * error) == pytest.approx(1, abs=0.15)


def test_the_floor_of_a_power_law():
    x = np.geomspace(10, 1e5, 12)
    noise = np.exp(0.02 * np.random.default_rng(1).standard_normal(12))
    law = power_law(x, (3 * x**-0.5 + 0.1) * noise, floor=True)
    low, high = law.floor()[["low", "high"]].iloc[0]
    assert low < 0.1 < high < 0.12
    assert law.formula == "y = a x^b + c"
    none = power_law(x, 3 * x**-0.5 * noise, floor=True)
    assert none.unidentified == ("c",)
    assert np.isnan(none.floor()["loss"][0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda n, k, y: (n[:7], k[:7], y[:7]),
            "with 6 parameters .* needs 8 runs at least, and there are 7; train more, or",
        ),
        (lambda n, k, y: (n[:9], k[:10], y[:10]), "needs as many sizes as losses"),
        (
            lambda n, k, y: (n, np.full(len(k), 32), y),
            "needs 2 different values of k at least, and there is 1: a slope",
        ),
        (
            lambda n, k, y: (np.where(n > 2000, 4096, 512), k, y),
            "needs 3 different values of n at least, and there are 2",
        ),
        (lambda n, k, y: (n, k, np.where(n == 512, np.nan, y)), "loss: number 1 is nan, and a law of powers needs"),
        (lambda n, k, y: (n, k * 0, y), r"k: number 1 is 0\.0"),
        (lambda n, k, y: (["a"], k, y), "n: holds what is no number"),
    ],
)
def test_what_no_law_can_be_told_from(change, said):
    with pytest.raises(ds.DepthscopeError, match=said):
        joint_law(*change(*runs()))


def test_settings_that_make_no_interval():
    with pytest.raises(ds.DepthscopeError, match="resamples=10"):
        joint_law(*runs(), resamples=10)
    with pytest.raises(ds.DepthscopeError, match="confidence=95"):
        joint_law(*runs(), confidence=95)
    with pytest.raises(
        ds.DepthscopeError, match=r"with 2 parameters .* needs 4 runs at least, and there are 3; train more$"
    ):
        power_law([1, 2, 3], [3, 2, 1])


def test_the_figure_has_a_line_for_each_k_and_says_its_settings():
    n, k, loss = runs(FEW)
    law = joint_law(n, k, loss, measure="normalised MSE")
    ax = law.plot()
    dots = np.concatenate([line.get_xydata() for line in ax.lines if line.get_marker() == "o"])
    assert sorted(map(tuple, dots)) == sorted(zip(n, loss, strict=True))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["k = 8", "k = 32", "k = 128"]
    assert ax.get_ylabel() == "normalised MSE"
    told = alt(ax.figure)
    assert told.title == "Scaling law: normalised MSE over latents"
    assert "of 12 runs with k of 8, 32 and 128" in told.text
    assert "1,000 draws of residuals, seed 0" in told.text
    ax.figure.draw_without_rendering()
    assert all("$" not in label.get_text() for label in ax.get_xticklabels())
    single = power_law(np.geomspace(1, 100, 6), np.geomspace(2, 1, 6)).plot()
    assert [text.get_text() for text in single.get_legend().get_texts()] == ["law"]


@pytest.mark.thorough
def test_intervals_hold_the_truth_as_often_as_they_say():
    inside, ahead, more = [], [], []
    for seed in range(300):
        law = joint_law(*runs(FEW, 0.005, seed), resamples=400, seed=seed)
        table = law.to_dataframe()
        true = np.array(list(TRUE.values()))
        inside.append((table["low"] < true) & (true < table["high"]))
        there = law.predict(2e5, 32).iloc[0]
        ahead.append(there["low"] < truth(2e5, 32) < there["high"])
        here = law.predict(8192, 32).iloc[0]
        run = truth(8192, 32) * np.exp(0.005 * np.random.default_rng([seed, 7]).standard_normal())
        more.append(here["run_low"] < run < here["run_high"])
    # three standard errors of a rate of .95 over 300 are .038
    np.testing.assert_allclose(np.mean(inside, axis=0), 0.95, atol=0.04)
    assert np.mean(ahead) == pytest.approx(0.95, abs=0.04)
    assert np.mean(more) == pytest.approx(0.95, abs=0.04)
