"""The worked example of the guide to scans: it runs on any scan, and says what is there to be said."""

from pathlib import Path

import numpy as np
import pandas as pd
import pingouin
import pytest
from scipy import stats

import depthscope as ds
from examples import surprisal as example
from tests.scan.conftest import WORDS

CHAPTERS, LENGTH = 20, 300
KINDS = np.array(["piece", "punctuation", "word"])


@pytest.fixture
def rows() -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Tokens of twenty chapters, whose they are, and how often each chapter is drawn."""
    rng = np.random.default_rng(0)
    size = CHAPTERS * LENGTH
    token = rng.integers(0, 12, size)
    table = pd.DataFrame(
        {
            "token": token.astype(str),
            "position": np.tile(np.arange(1, LENGTH + 1), CHAPTERS),
            "frequency": -2.0 - token / 3,
            # a rare token surprises, and one token not always as much
            "surprisal": token + rng.gamma(2.0, 1.0, size),
            "kind": KINDS[token % 3],
        }
    )
    return table, np.repeat(np.arange(CHAPTERS), LENGTH), example.weights(CHAPTERS)


def test_it_runs_on_a_scan(tiny: ds.Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = tmp_path / "texts"
    texts.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        chosen = rng.choice(WORDS, 60 + 20 * number, p=np.arange(1, len(WORDS) + 1) / sum(range(1, len(WORDS) + 1)))
        (texts / f"{number:02}.txt").write_text(" ".join(chosen) + ".", encoding="utf-8")
    measures = ["cse", "norm", "surprisal"]
    cse = {"scales": 8, "min_scales": 1}  # so shallow a network has no more
    found = ds.scan_corpus(tiny, texts, tmp_path / "scan", measures=measures, window=96, cse=cse, progress=False)
    example.main(found.folder, tmp_path / "figures")
    said = capsys.readouterr().out
    tokens = found.layers("norm")["count"].iloc[0]
    assert said.startswith(f"{tokens:,} tokens of 12 documents; layers 2-4\nCSE of 12 tokens at position 0")
    assert "nan" not in said.lower()
    for name in ("scan-types", "scan-surprisal"):
        assert (tmp_path / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_correlations_are_those_of_other_libraries(rows) -> None:
    table, group, drawn = rows
    value = np.random.default_rng(1).normal(size=len(table)) + 0.3 * table["surprisal"].to_numpy()
    found = example.correlations(table, value, group, drawn).set_index(["of", "what"])
    ranks = pd.DataFrame({"cse": value, **{name: table[name] for name in example.ASKED}}).rank()
    ranks = ranks.join(pd.get_dummies(table["kind"], drop_first=True).astype(float))
    for name in example.ASKED:
        plain = stats.spearmanr(value, table[name]).statistic
        assert found.loc[(name, "plain"), "rho"] == pytest.approx(plain, abs=1e-9)
        others = [column for column in ranks if column not in ("cse", name)]
        partial = pingouin.partial_corr(ranks, "cse", name, others)["r"].iloc[0]
        # told to some digits only
        assert found.loc[(name, "others held equal"), "rho"] == pytest.approx(partial, abs=1e-4)
    assert ((found["low"] < found["rho"]) & (found["rho"] < found["high"])).all()


def test_one_token_and_many_may_say_the_opposite(rows) -> None:
    table, group, drawn = rows
    typical = table.groupby("token")["surprisal"].transform("mean").to_numpy()
    value = 3 * typical - table["surprisal"].to_numpy()
    found = example.correlations(table, value, group, drawn).set_index(["of", "what"])["rho"]
    assert found["surprisal", "plain"] > 0.5
    assert found["surprisal", "the same token"] < -0.5


def test_shares_are_those_that_were_put_in(rows) -> None:
    table, group, drawn = rows
    rng = np.random.default_rng(2)
    depends = np.sin(table["surprisal"].to_numpy() / 3)  # up and down: no straight line
    value = depends / depends.std() + rng.normal(size=len(table))
    found = example.explain(table, value[:, None], group, drawn).set_index("of")
    half = found.loc["surprisal"]
    assert half["low"] < 0.5 < half["high"]
    assert found.loc["position", "share"] == pytest.approx(0, abs=0.01)
    assert found.loc["all four", "share"] == pytest.approx(half["share"], abs=0.01)
    alone = found.loc["all four", "share"] - found.loc["surprisal beyond the rest", "share"]
    less = [column for name, column in example.design(table).items() if name != "surprisal"]
    left = example.left_over(less, value[:, None], group)
    assert alone == pytest.approx(1 - (left**2).sum() / (len(value) * value.var()), abs=1e-9)


def test_nothing_explains_the_values_of_other_tokens(rows) -> None:
    table, group, drawn = rows
    value = table["surprisal"].to_numpy()[:, None]
    other = example.shifted(value, group, np.random.default_rng(3))
    assert np.array_equal(np.sort(other[group == 5], axis=0), np.sort(value[group == 5], axis=0))
    found = example.explain(table, other, group, drawn).set_index("of")["share"]
    assert found["all four"] < 0.005
    assert example.explain(table, value, group, drawn).set_index("of")["share"]["all four"] > 0.99


@pytest.mark.parametrize("length", [1, 2, 3, 150])
def test_a_short_document_is_moved_as_far_as_it_goes(length: int) -> None:
    value = np.arange(length, dtype=float)
    moved = example.shifted(value, np.zeros(length, int), np.random.default_rng(0))
    assert sorted(moved) == sorted(value)
    assert length == 1 or not np.array_equal(moved, value)


def test_the_curve_goes_through_the_means(rows) -> None:
    table, group, drawn = rows
    bits = table["surprisal"]
    curve = example.binned(bits, 2 * bits.to_numpy() + 1, group, drawn)
    assert curve["mean"].to_numpy() == pytest.approx(2 * curve["bits"].to_numpy() + 1)
    assert ((curve["low"] <= curve["mean"]) & (curve["mean"] <= curve["high"])).all()


def test_a_token_is_compared_with_itself() -> None:
    token = pd.Series(["a"] * 30 + ["b"] * 20 + ["c"] * 5)
    values = np.r_[np.linspace(0, 1, 30), np.linspace(5, 7, 20), np.full(5, 9.0)]
    some, own = example.itself(token, values)
    assert some.tolist() == [True] * 50 + [False] * 5
    assert own == pytest.approx(np.r_[np.linspace(-0.5, 0.5, 30), np.linspace(-1, 1, 20)])
