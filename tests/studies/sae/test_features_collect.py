"""What is collected of latents, against loops over every token, and however the text comes."""

from collections import Counter, defaultdict
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from depthscope.capture.windows import Window
from depthscope.studies.sae.features.collect import Collector, collect
from depthscope.studies.sae.features.collected import EDGES, Collected, Collecting
from depthscope.studies.sae.features.fired import Fired, entries
from depthscope.studies.sae.features.tally import Tally
from depthscope.studies.sae.sparse import Sparse
from tests.studies.sae.fired_texts import LATENTS, cut, dense_fired, text_of, tokens_of

SMALL = Collecting(top=5, random=3, before=3, after=2, tokens=3, partners=4)
VOCABULARY = 40


@pytest.fixture(scope="module")
def windows() -> list[Window]:
    """Three documents, one of them longer than the others together."""
    rng = np.random.default_rng(3)
    lengths = {"one": 35, "two": 300, "three": 70}
    return [w for name, length in lengths.items() for w in cut(name, rng.integers(0, VOCABULARY, length))]


@pytest.fixture(scope="module")
def values(windows: list[Window]) -> np.ndarray:
    """Activations of every token: some latents fire often, some hardly ever, two together, one on one token alone."""
    rng = np.random.default_rng(4)
    window, position = tokens_of(windows)
    rate = np.geomspace(0.6, 0.01, LATENTS)
    fires = rng.random((len(window), LATENTS)) < rate
    fires[:, 5] = fires[:, 4] & (rng.random(len(window)) < 0.9)
    fires[:, 6] = np.array([windows[w].ids[p] for w, p in zip(window, position, strict=True)]) == 7
    fires[:, 7] = False
    return np.where(fires, rng.lognormal(0, 2, fires.shape), 0)


@pytest.fixture(scope="module")
def found(windows: list[Window], values: np.ndarray) -> Collected:
    collector = Collector(LATENTS, SMALL)
    collector.add(dense_fired(values), text_of(windows))
    return collector.collected()


def naive_top(
    windows: list[Window], values: np.ndarray, latent: int
) -> list[tuple[float, str, int, list[int], list[float]]]:
    """The strongest occurrences of a latent: value, document, place, ids around, activations around."""
    activation = {
        (w, p): values[i, latent]
        for i, (w, p) in enumerate(zip(*map(np.ndarray.tolist, tokens_of(windows)), strict=True))
    }
    pieces: dict[Any, list[tuple[float, int, int]]] = defaultdict(list)
    for (w, p), value in activation.items():
        if value:
            pieces[w, p // SMALL.width].append((value, w, p))
    by_document = defaultdict(list)
    for some in pieces.values():
        by_document[windows[max(some)[1]].document].append(max(some))
    ranked = [
        (rank, -value, w, p)
        for some in by_document.values()
        for rank, (value, w, p) in enumerate(sorted(some, reverse=True))
    ]
    shown = []
    for _, negative, w, p in sorted(ranked)[: SMALL.top]:
        places = range(p - SMALL.before, p + SMALL.after + 1)
        inside = [0 <= q < len(windows[w].ids) for q in places]
        ids = [int(windows[w].ids[q]) if there else -1 for q, there in zip(places, inside, strict=True)]
        lit = [activation.get((w, q), np.nan) for q in places]
        shown.append((-negative, windows[w].document, windows[w].first - windows[w].measured[0] + p, ids, lit))
    return sorted(shown, key=lambda one: -one[0])


def test_counts_means_and_histograms(found: Collected, values: np.ndarray) -> None:
    assert found.total == len(values)
    for latent in range(LATENTS):
        own = [float(np.float32(value)) for value in values[:, latent] if value]
        assert found.count[latent] == len(own)
        assert found.density[latent] == len(own) / len(values)
        assert found.mean[latent] == pytest.approx(sum(own) / len(own) if own else 0, rel=1e-12)
        assert found.maximum[latent] == max(own, default=0)
        expected = np.histogram(np.clip(own, EDGES[0], EDGES[-1] * 0.999), EDGES)[0]
        np.testing.assert_array_equal(found.histogram[latent], expected)


def test_the_strongest_are_from_as_many_documents_as_can_be_with_what_is_around_them(
    found: Collected, windows: list[Window], values: np.ndarray
) -> None:
    for latent in range(LATENTS):
        expected = naive_top(windows, values, latent)
        top = found.top.at(latent)
        assert (top.value > 0).sum() == len(expected)
        for i, (value, document, place, ids, lit) in enumerate(expected):
            assert top.value[i] == np.float32(value)
            assert (top.document[i], top.place[i], top.ids[i].tolist()) == (document, place, ids)
            np.testing.assert_array_equal(top.lit[i], np.float32(lit))
    # the frequent ones have occurrences in all three documents
    assert all(len({*found.top.document[latent]}) == 3 for latent in range(4))


def test_random_occurrences_are_occurrences_and_lie_at_all_quantiles(found: Collected, values: np.ndarray) -> None:
    for latent in range(LATENTS):
        own = np.sort(np.float32(values[:, latent][values[:, latent] > 0]))[::-1]
        shown = found.random.value[latent]
        count = min(len(own), SMALL.random)
        assert (shown > 0).sum() == count
        assert np.isin(shown[:count], own).all()
        assert (np.diff(shown[:count]) <= 0).all()
        lit = found.random.lit[latent, :count, SMALL.before]
        np.testing.assert_array_equal(lit, shown[:count])


def test_a_random_sample_is_one() -> None:
    """Over seeds, every occurrence is in the sample equally often."""
    rng = np.random.default_rng(0)
    windows = list(cut("one", rng.permutation(40), 40))
    text = text_of(windows)
    found = dense_fired(np.arange(1, 40)[:, None] / 8)
    seen: Counter[int] = Counter()
    for seed in range(300):
        collector = Collector(1, Collecting(top=1, random=4, before=9, after=0, partners=0, seed=seed))
        collector.add(found, text)
        seen.update(collector._random.kept.place[0].tolist())
    assert chisquare([seen[place] for place in range(1, 40)]).pvalue > 0.001


def test_tokens_that_it_fires_on(found: Collected, windows: list[Window], values: np.ndarray) -> None:
    ids = text_of(windows).ids
    for latent in range(LATENTS):
        own = Counter(ids[values[:, latent] > 0].tolist())
        best = sorted(own.items(), key=lambda one: (-one[1], one[0]))[: SMALL.tokens]
        assert found.token[latent].tolist()[: len(best)] == [token for token, _ in best]
        for i, (token, count) in enumerate(best):
            assert found.token_share[latent, i] == pytest.approx(count / own.total())
            assert found.token_rate[latent, i] == pytest.approx(count / (ids == token).sum())
    # the planted one fires on one token, and whenever it comes
    assert found.token[6].tolist() == [7, -1, -1]
    assert found.token_share[6, 0] == found.token_rate[6, 0] == 1


def test_latents_that_fire_together(found: Collected, values: np.ndarray) -> None:
    fires = values > 0
    assert found.partner[4, 0] == 5
    assert found.partner[5, 0] == 4
    both, either = (fires[:, 4] & fires[:, 5]).sum(), (fires[:, 4] | fires[:, 5]).sum()
    assert found.partner_jaccard[4, 0] == pytest.approx(both / either)
    chance = fires[:, 4].mean() * fires[:, 5].mean() * len(fires)
    assert found.partner_pmi[4, 0] == pytest.approx(np.log2(both / chance))
    # all others are independent: with so many pairs, one or two by chance
    others = np.delete(found.partner, (4, 5, 6), axis=0)
    assert (others >= 0).sum() <= 4


def test_of_many_latents_at_a_token_the_strongest_make_pairs() -> None:
    windows = list(cut("one", np.arange(30), 30))
    values = np.tile(np.arange(1, 41), (29, 1)) / 8
    collector = Collector(40, Collecting(before=0, after=0))
    collector.add(dense_fired(values), text_of(windows))
    assert collector._paired.tolist() == [0] * 8 + [29] * 32
    keys, counts = collector._pairs.counts()
    assert len(keys) == 32 * 31 // 2
    assert set(counts.tolist()) == {29}


@pytest.mark.parametrize("order", ["as they come", "backwards", "in two parts"])
def test_however_the_text_comes_the_same_is_kept(
    found: Collected, windows: list[Window], values: np.ndarray, order: str
) -> None:
    owner, _ = tokens_of(windows)
    numbers = list(range(len(windows)))
    parts = {
        "as they come": [[i] for i in numbers],
        "backwards": [[i] for i in reversed(numbers)],
        "in two parts": [numbers[1::2], numbers[::2]],
    }[order]
    collector = Collector(LATENTS, SMALL)
    for part in parts:
        rows = np.concatenate([np.flatnonzero(owner == i) for i in part])
        collector.add(dense_fired(values[rows]), text_of([windows[i] for i in part]))
    again = collector.collected()
    for field in fields(Collected):
        one, other = getattr(found, field.name), getattr(again, field.name)
        if field.name in ("top", "random"):
            for a, b in zip(one, other, strict=True):
                np.testing.assert_array_equal(a, b)
        elif field.name != "settings":
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_text_that_comes_again_and_again_is_shown_once() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 30, 20)
    others = [rng.integers(0, 30, 20) for _ in range(2)]
    windows = [w for k in range(6) for w in cut(f"copy {k}", ids, 20)]
    windows += [w for k, some in enumerate(others) for w in cut(f"other {k}", some, 20)]
    values = np.zeros((len(tokens_of(windows)[0]), 2))
    # of each document the token at place 15, in the copies a little stronger each time
    values[14::19, 0] = [1, 2, 3, 6, 5, 4, 0.5, 0.25]
    collector = Collector(2, Collecting(top=5, before=10, after=4))
    collector.add(dense_fired(values), text_of(windows))
    top = collector.collected().top.at(0)
    assert top.document.tolist() == ["copy 3", "other 0", "other 1", "", ""]
    assert top.value.tolist() == [6, 0.5, 0.25, 0, 0]


def test_a_burst_is_one_passage() -> None:
    """A latent that fires on every token of a passage does not fill all places with it."""
    windows = list(cut("one", np.arange(200), 100, 0))
    values = np.zeros((len(tokens_of(windows)[0]), 1))
    values[30:38, 0] = np.arange(8) + 10
    values[150, 0] = 1
    collector = Collector(1, Collecting(top=3, before=5, after=4))
    collector.add(dense_fired(values), text_of(windows))
    top = collector.collected().top.at(0)
    assert top.value.tolist() == [17, 1, 0]


def test_nothing_fires(refuses: Any) -> None:
    windows = list(cut("one", np.arange(20), 20))
    collector = Collector(3)
    with refuses("no token", "longer text"):
        collector.collected()
    collector.add(dense_fired(np.zeros((19, 3))), text_of(windows))
    found = collector.collected()
    assert found.total == 19
    assert not found.count.any()
    assert (found.top.value == 0).all()
    assert (found.partner == -1).all()
    assert (found.token == -1).all()


def test_what_is_not_finite_is_named(refuses: Any) -> None:
    import torch

    values = torch.ones(4, 2)
    values[2, 1] = torch.nan
    with refuses("token 7", "NaN"):
        entries(Sparse(values, torch.tensor([[0, 1]] * 4), 3), first=5)


def test_entries_stand_in_order() -> None:
    import torch

    code = Sparse(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([[4, 1], [0, 2]]), 5)
    found = entries(code)
    assert found.token.tolist() == [0, 0, 1]
    assert found.latent.tolist() == [1, 4, 2]
    assert found.value.tolist() == [1, 2, 3]
    rows = np.array([[0, 1, -1]])
    np.testing.assert_array_equal(found.at(rows, np.array([4])), [[2, 0, np.nan]])


@pytest.mark.parametrize("wrong", [{"top": 0}, {"before": -1}, {"random": 1.5}, {"tokens": True}])
def test_settings_that_make_no_sense(refuses: Any, wrong: dict[str, Any]) -> None:
    with refuses(next(iter(wrong))):
        Collecting(**wrong)


@given(st.lists(st.lists(st.integers(0, 30), max_size=40), max_size=8), st.integers(4, 40))
def test_a_tally_counts_and_says_what_it_missed(parts: list[list[int]], most: int) -> None:
    tally = Tally(most)
    for part in parts:
        tally.add(np.array(part, dtype=np.int64))
        tally.counts()
    keys, counts = tally.counts()
    truth = Counter(key for part in parts for key in part)
    assert (np.diff(keys) > 0).all()
    assert len(keys) <= most
    held = dict(zip(keys.tolist(), counts.tolist(), strict=True))
    for key, count in truth.items():
        assert 0 <= count - held.get(key, 0) <= tally.missed
    if len(truth) <= most:
        assert held == dict(truth)


def test_many_tokens_take_seconds() -> None:
    """No loop over tokens: 5,000 of them with 32 of 4,096 latents each."""
    import time

    rng = np.random.default_rng(0)
    windows = [w for k in range(10) for w in cut(f"document {k}", rng.integers(0, 40_000, 500), 500, 100)]
    count = len(tokens_of(windows)[0])
    token = np.repeat(np.arange(count), 32)
    latent = np.sort((rng.integers(0, 128, (count, 32)) + np.arange(32) * 128), axis=1).ravel()
    found = Fired(token, latent, rng.lognormal(0, 1, len(token)).astype(np.float32), count, 4096)
    collector = Collector(4096)
    begin = time.process_time()
    collector.add(found, text_of(windows))
    collector.collected()
    assert time.process_time() - begin < 8


def test_no_dictionary_collects_nothing() -> None:
    assert collect({}, []) == {}
