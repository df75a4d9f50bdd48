"""CSE of copies of a target: unchanged what ``trace`` gives, changed what an edit of a single pass gives."""

from typing import Any

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.tokens import Tokenized, tokenize
from depthscope.model.branching import branches, largest
from depthscope.stimuli.read import read_stimuli
from depthscope.store.shards import Shards
from depthscope.studies.sae.question.copies import copied_cse
from tests.conftest import four_pairs, tiny_llama

LAYER, COPIES = 3, 4


@pytest.fixture(scope="module")
def double(tokenizer: Any) -> ds.Model:
    return ds.load(tiny_llama(len(tokenizer)).double(), tokenizer)


@pytest.fixture(scope="module")
def rows(double: ds.Model) -> list[Tokenized]:
    return tokenize(double.tokenizer, read_stimuli(four_pairs()))


@pytest.fixture(scope="module")
def added() -> torch.Tensor:
    """(text, copy, d): nothing in the first copy, as large as a state in the others."""
    drawn = torch.randn(8, 60, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    drawn[:, 0] = 0
    return drawn


def run(model: ds.Model, rows: list[Tokenized], added: torch.Tensor, layer: int = LAYER, **options: Any) -> np.ndarray:
    copies = options.pop("copies", COPIES)
    return copied_cse(model, rows, layer, lambda texts: added[texts, :copies], copies, progress=False, **options)


def test_nothing_added_is_the_trace(double: ds.Model, rows: list[Tokenized], added: torch.Tensor) -> None:
    intact = run(double, rows, added)[0]
    traced = ds.cse(ds.trace(double, four_pairs(), progress=False))
    table = read_stimuli(four_pairs())
    expected = [traced.sel(item=item, condition=condition) for item, condition in table[["item", "condition"]].values]
    np.testing.assert_allclose(intact, np.stack(expected), rtol=1e-9)


def test_to_add_nothing_changes_no_bit(double: ds.Model, rows: list[Tokenized], added: torch.Tensor) -> None:
    """Wherever it is added: before the first layer, where all that follows would be another, or behind the last."""
    nothing = torch.zeros_like(added)
    first, *others = (run(double, rows, nothing, layer) for layer in (0, LAYER, double.depth))
    for other in others:
        np.testing.assert_array_equal(first, other)


@pytest.mark.parametrize("layer", [0, 3, 6])
def test_each_copy_is_what_an_edit_of_its_own_pass_gives(
    double: ds.Model, rows: list[Tokenized], added: torch.Tensor, layer: int
) -> None:
    found = run(double, rows, added, layer)
    taps = Taps(double, [Site("resid", number) for number in range(double.depth + 1)])
    for text, row in enumerate(rows[:3]):
        for copy in range(COPIES):
            states: list[torch.Tensor] = []
            change = added[text, copy]
            with (
                taps.editing(Site("resid", layer), lambda state, change=change: state[0, -1].add_(change)),
                taps.listening(lambda _, state, heard=states: heard.append(state[0, -1])),
            ):
                taps.run(torch.tensor([row.ids[: row.positions[-1] + 1]]), torch.ones(1, row.positions[-1] + 1))
            updates = torch.stack(states).diff(dim=0)
            if layer:
                # what is added is no update
                updates[layer - 1] -= change
            own = ds.cse(updates)
            np.testing.assert_allclose(found[copy, text], own.numpy(), rtol=1e-9)
    # and what is added does something, if there are layers behind it
    moved = np.nanmax(np.abs(found[1:] - found[:1]), axis=(1, 2))
    assert (moved > 1e-4).all() if layer < double.depth else (moved < 1e-9).all()


def test_more_copies_than_a_row_holds_and_rows_of_their_own(
    double: ds.Model, rows: list[Tokenized], added: torch.Tensor
) -> None:
    assert branches(double, 16)
    many = run(double, rows, added, copies=60)
    assert largest(16) - max(len(row.ids) for row in rows) < 60
    np.testing.assert_allclose(many[:COPIES], run(double, rows, added), rtol=1e-9)
    # a budget of one token: nothing runs beside anything
    np.testing.assert_allclose(run(double, rows[:2], added, token_budget=1), many[:COPIES, :2], rtol=1e-9)


def test_what_is_done_is_not_done_again(
    double: ds.Model, rows: list[Tokenized], added: torch.Tensor, tmp_path: Any
) -> None:
    shards = Shards(tmp_path / "shards")
    first = run(double, rows, added, token_budget=40, shards=shards)
    assert shards.count() > 1
    again = run(double, rows, torch.full_like(added, torch.nan), token_budget=40, shards=shards)
    np.testing.assert_array_equal(first, again)


def test_a_change_that_breaks_the_model_is_named(
    double: ds.Model, rows: list[Tokenized], added: torch.Tensor, refuses: Any
) -> None:
    with refuses("NaN or infinity", "layer 3"):
        run(double, rows, torch.full_like(added, torch.inf))
