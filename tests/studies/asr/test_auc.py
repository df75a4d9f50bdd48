"""Wrong words: which they are, by hand, and how well a score tells them, by scikit-learn."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from depthscope.studies.asr.detection.auc import added, auc, detector, difference
from depthscope.studies.asr.truth.spoken import plain_words, wrong_words


@pytest.mark.parametrize(
    ("said", "written", "status", "deleted", "wer"),
    [
        ("he was not ill", "He was not ill.", "c c c c", (), 0),
        ("he was not ill", "he is not ill", "c s c c", (), 1 / 4),
        ("he was not ill", "he was ill", "c c c", ("not",), 1 / 4),
        ("he was not ill", "oh he was not ill", "i c c c c", (), 1 / 4),
        ("he was", "he was thanks for watching", "c c i i i", (), 3 / 2),
        ("a b", "", "", ("a", "b"), 1),
        ("mister john", "Mr. John", "c c", (), 0),
        ("not an ill disposed man", "not an ill-disposed man", "c c c c", (), 0),
        ("not an ill disposed man", "not an ill-composed man", "c c s c", (), 1 / 5),
        ("it is", "it - is", "c b c", (), 0),
        ("don't stop", "don’t stop", "c c", (), 0),
        ("ten to one", "10 to 1", "s c s", (), 2 / 3),
    ],
)
def test_words_are_aligned_by_the_fewest_edits(
    said: str, written: str, status: str, deleted: tuple[str, ...], wer: float
) -> None:
    names = {"c": "correct", "s": "substituted", "i": "inserted", "b": "blank"}
    found = wrong_words(said, written)
    assert found.status == tuple(names[one] for one in status.split())
    assert found.deleted == deleted
    assert found.wer == pytest.approx(wer)
    assert found.wrong.tolist() == [one in "si" for one in status.split()]


def test_nothing_said_has_no_rate() -> None:
    found = wrong_words("", "thank you")
    assert found.status == ("inserted", "inserted")
    assert np.isnan(found.wer)


def test_numbers_keep_their_points() -> None:
    assert plain_words("It's 3.5 ÉTÉ, co-op: 1,000!") == ["its", "3.5", "été", "co", "op", "1,000"]


def test_the_area_is_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    score, wrong = generator.integers(0, 6, 60).astype(float), generator.random(60) < 0.3  # many ties
    assert auc(score, wrong) == pytest.approx(roc_auc_score(wrong, score))
    counts = generator.integers(0, 4, (5, 60)).astype(float)
    theirs = [roc_auc_score(wrong, score, sample_weight=row) for row in counts]
    np.testing.assert_allclose(auc(score, wrong, counts), theirs)
    assert np.isnan(auc(score, np.zeros(60, bool)))


def planted(words: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[int]]:
    """A score that knows something, one that knows nothing, which words are wrong, and their clips."""
    generator = np.random.default_rng(seed)
    wrong = generator.random(words) < 0.25
    return wrong + generator.normal(size=words), generator.normal(size=words), wrong, (np.arange(words) // 20).tolist()


def test_a_detector_has_an_interval_over_clips() -> None:
    good, poor, wrong, clips = planted()
    found, chance = detector(good, wrong, clips), detector(poor, wrong, clips)
    assert (found.over, found.words, found.wrong) == ("clips", 400, int(wrong.sum()))
    # of two normal distributions one standard deviation apart
    assert found.low < 0.760 < found.high
    assert chance.low < 0.5 < chance.high
    assert detector(good, wrong).over == "words"


def test_a_difference_is_paired() -> None:
    good, poor, wrong, clips = planted()
    better = difference(good, poor, wrong, clips)
    assert better.value == pytest.approx(auc(good, wrong) - auc(poor, wrong))
    assert better.low > 0
    near = difference(good, good + 0.01 * poor, wrong, clips)
    assert near.high - near.low < 0.02 < better.high - better.low
    same = difference(good, good, wrong, clips)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_what_a_score_adds() -> None:
    good, poor, wrong, clips = planted()
    first = np.random.default_rng(9).normal(size=400) + wrong
    real, none = added(good, first, wrong, clips), added(poor, first, wrong, clips)
    assert real.gain.low > 0
    assert real.p < 1e-6
    assert none.gain.low < 0.02
    assert none.p > 0.01
    assert real.without.value == pytest.approx(none.without.value)
    again = added(first, first, wrong, clips)
    assert again.gain.value == pytest.approx(0, abs=0.01)
    assert again.p > 0.5 or np.isnan(again.p)
    both = added(np.column_stack([good, poor]), first, wrong, clips)
    assert both.gain.value == pytest.approx(real.gain.value, abs=0.02)
    assert both.ratio == pytest.approx(real.ratio, abs=3)


def test_folds_that_differ_in_their_share_of_wrong_words_lose_nothing() -> None:
    """One score: its regression is itself, whatever the intercepts are."""
    generator = np.random.default_rng(3)
    clips = np.repeat(np.arange(6), 30)
    wrong = generator.random(180) < np.array([0.05, 0.05, 0.1, 0.1, 0.2, 0.95])[clips]
    score = wrong + generator.normal(size=180)
    assert added(generator.normal(size=180), score, wrong, clips.tolist()).without.value == pytest.approx(
        auc(score, wrong)
    )


def test_the_likelihood_ratio_is_that_of_a_regression_by_hand() -> None:
    from scipy.optimize import minimize

    good, _, wrong, clips = planted(120)
    first = np.random.default_rng(9).normal(size=120) + wrong

    def least(*columns: np.ndarray) -> float:
        x = np.column_stack([np.ones(120), *columns])
        return float(
            minimize(lambda b: np.logaddexp(0, np.where(wrong, -1, 1) * (x @ b)).sum(), np.zeros(x.shape[1])).fun
        )

    assert added(good, first, wrong, clips).ratio == pytest.approx(2 * (least(first) - least(first, good)), rel=1e-3)


def test_too_few_wrong_words_say_nothing() -> None:
    good, poor, _, clips = planted(40)
    few = np.arange(40) < 3
    assert added(good, poor, few, clips) is None


def test_scores_that_do_not_fit_are_refused(refuses: Any) -> None:
    with refuses("scores for 3 words"):
        detector(np.zeros(2), np.zeros(3, bool))
    with refuses("1 scores are not finite"):
        detector(np.array([0, np.nan]), np.array([True, False]))
