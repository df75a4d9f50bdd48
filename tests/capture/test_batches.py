"""Batches: every row once, within the budget, the same every time."""

from itertools import pairwise

import torch
from hypothesis import given
from hypothesis import strategies as st

from depthscope.capture.batches import default_budget, pad, plan

LENGTHS = st.lists(st.integers(1, 300), max_size=60)
BUDGET = st.integers(1, 2000)


@given(LENGTHS, BUDGET)
def test_every_row_runs_once(lengths: list[int], budget: int) -> None:
    assert sorted(row for batch in plan(lengths, budget) for row in batch) == list(range(len(lengths)))


@given(LENGTHS, BUDGET)
def test_padded_tokens_stay_within_the_budget_unless_a_row_exceeds_it_alone(lengths: list[int], budget: int) -> None:
    for batch in plan(lengths, budget):
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget


@given(LENGTHS, BUDGET)
def test_a_batch_ends_only_where_the_next_row_would_not_fit(lengths: list[int], budget: int) -> None:
    batches = plan(lengths, budget)
    for batch, following in pairwise(batches):
        assert (len(batch) + 1) * lengths[following[0]] > budget


@given(LENGTHS, BUDGET)
def test_the_plan_depends_on_the_lengths_alone(lengths: list[int], budget: int) -> None:
    assert plan(lengths, budget) == plan(tuple(lengths), budget)


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), min_size=1, max_size=9), st.integers(0, 9))
def test_padding_stands_on_the_right_and_is_masked(rows: list[list[int]], filler: int) -> None:
    ids, mask = pad(rows, filler, torch.device("cpu"))
    assert ids.shape == mask.shape == (len(rows), max(len(row) for row in rows))
    for row, given_ids, given_mask in zip(rows, ids.tolist(), mask.tolist(), strict=True):
        rest = len(given_ids) - len(row)
        assert given_ids == row + [filler] * rest
        assert given_mask == [1] * len(row) + [0] * rest


def test_a_gpu_takes_larger_batches_than_a_cpu_and_the_unknown_as_a_cpu() -> None:
    assert default_budget(torch.device("cuda")) > default_budget(torch.device("cpu"))
    assert default_budget(torch.device("meta")) == default_budget(torch.device("cpu"))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 9)), min_size=1, max_size=60), st.integers(1, 20))
def test_a_batch_holds_no_more_texts_than_it_may_and_every_row_is_there(rows, most):
    lengths, texts = zip(*rows, strict=True)
    batches = plan(lengths, 10_000, None, texts, most)
    assert sorted(row for batch in batches for row in batch) == list(range(len(rows)))
    assert all(sum(texts[row] for row in batch) <= most or len(batch) == 1 for batch in batches)
    # no two neighbours could have been one
    for one, other in pairwise(batches):
        assert sum(texts[row] for row in one) + texts[other[0]] > most
