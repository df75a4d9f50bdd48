"""Surprisal by its definition: text up to each token of the target, full logits, probabilities in float64."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers as t

import depthscope as ds
from depthscope.capture.record import record
from depthscope.capture.surprisal import CHUNK
from depthscope.capture.tokens import Subtoken, Tokenized, tokenize
from depthscope.stimuli.read import read_stimuli
from tests.conftest import tiny_llama
from tests.model.families import GROUPED, build

# float32 kernels sum in another order for another shape
MODEL = 1e-5
LONG = "antidisestablishmentarianism"
TEXTS = [
    ("short", "A shark.", "shark"),
    ("middle", "The old hedge by the river became a wall last year.", "wall"),
    ("split", f"Everybody knows {LONG} well", LONG),
    ("longer", f"Although they are not quite sure about it, almost everybody knows {LONG} well enough.", LONG),
    ("phrase", "In the end they gave up the ghost.", "gave up the ghost"),
    ("end", "After a long and difficult negotiation the new lawyer turned out to be a shark.", "shark"),
]
TABLE = pd.DataFrame(TEXTS, columns=["item", "text", "target"]).assign(condition="only")

HEADS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "gemma2": (
        "Gemma2ForCausalLM",
        "Gemma2Config",
        {"head_dim": 8, "sliding_window": 4, "final_logit_softcapping": 2.0},
    ),
    "cohere": ("CohereForCausalLM", "CohereConfig", {"logit_scale": 0.25}),
    "granite": ("GraniteForCausalLM", "GraniteConfig", {"logits_scaling": 4.0}),
}


def headed(family: str, vocabulary: int, **changes: Any) -> Any:
    """A random-weight model that does something to its logits after the head; ``changes`` switch it off."""
    network, config, settings = HEADS[family]
    # wide logits, so that a cap or a scale that is forgotten shows
    given = {**GROUPED, "initializer_range": 0.3, "vocab_size": vocabulary, "pad_token_id": 0, **settings, **changes}
    torch.manual_seed(7)
    return getattr(t, network)(getattr(t, config)(**given)).eval()


def bits(network: Any, row: Tokenized) -> float:
    """The definition: one forward pass for each token of the target, over the tokens before it and nothing else."""
    total = 0.0
    for k in row.covering:
        with torch.inference_mode():
            logits = network(torch.tensor([row.ids[:k]])).logits[0, -1].numpy().astype(np.float64)
        weight = np.exp(logits - logits.max())
        total -= np.log2(weight[row.ids[k]] / weight.sum())
    return total


def rows_of(model: ds.Model, table: pd.DataFrame = TABLE, subtoken: Subtoken = "last") -> list[Tokenized]:
    return tokenize(model.tokenizer, read_stimuli(table, paired=False), subtoken)


def assert_by_definition(model: ds.Model) -> None:
    rows = rows_of(model)
    expected = np.array([bits(model.network, row) for row in rows])
    assert (expected > 1).all()
    assert len({round(value, 3) for value in expected}) == len(rows)
    alone = np.concatenate([record(model, [row])["surprisal"] for row in rows])
    together = record(model, rows)["surprisal"]
    assert together.dtype == np.float64
    np.testing.assert_allclose(alone, expected, rtol=MODEL)
    np.testing.assert_allclose(together, expected, rtol=MODEL)


@pytest.mark.parametrize("family", ["gpt2", "gpt-neox", "gemma3", "opt", "bloom", "mixtral"])
def test_surprisal_is_what_the_definition_says_in_any_family(family: str, tokenizer: Any) -> None:
    assert_by_definition(ds.load(build(family, len(tokenizer)), tokenizer))


@pytest.mark.parametrize("which", ["tiny", "embedded"])
def test_surprisal_is_what_the_definition_says(which: str, request: pytest.FixtureRequest) -> None:
    assert_by_definition(request.getfixturevalue(which))


@pytest.mark.parametrize(
    ("family", "off"),
    [
        ("gemma2", {"final_logit_softcapping": None}),
        ("cohere", {"logit_scale": 1.0}),
        ("granite", {"logits_scaling": 1.0}),
    ],
)
def test_soft_capping_and_logit_scales_are_in_it(family: str, off: dict[str, Any], tokenizer: Any) -> None:
    model = ds.load(headed(family, len(tokenizer)), tokenizer)
    assert_by_definition(model)
    without = ds.load(headed(family, len(tokenizer), **off), tokenizer)
    rows = rows_of(model)
    difference = record(model, rows)["surprisal"] - record(without, rows)["surprisal"]
    assert (np.abs(difference) > 0.01).all()


def test_the_probabilities_of_all_that_can_follow_add_up_to_one(tokenizer: Any) -> None:
    model = ds.load(tiny_llama(100), tokenizer)
    rows = [Tokenized([5, 17, 3, token], [3], 1, False, [3]) for token in range(100)]
    assert len(rows) > 3 * CHUNK  # several pieces, the last one smaller
    assert np.exp2(-record(model, rows)["surprisal"]).sum() == pytest.approx(1, abs=1e-6)


def test_all_tokens_of_the_target_count_whichever_stand_for_it(tiny: ds.Model) -> None:
    last, first, mean = (record(tiny, rows_of(tiny, subtoken=how))["surprisal"] for how in ("last", "first", "mean"))
    np.testing.assert_array_equal(last, first)
    np.testing.assert_array_equal(last, mean)
    (row,) = rows_of(tiny, TABLE[2:3])
    assert len(row.covering) == 5
    parts = [record(tiny, [Tokenized(row.ids, [k], 1, False, [k])])["surprisal"][0] for k in row.covering]
    assert record(tiny, [row])["surprisal"][0] == pytest.approx(sum(parts), rel=MODEL)


def test_what_follows_the_target_does_not_matter(tiny: ds.Model) -> None:
    texts = ["The old wall", "The old wall fell on them all."]
    table = TABLE[:2].assign(text=texts, target="wall")
    first, second = record(tiny, rows_of(tiny, table))["surprisal"]
    assert first == pytest.approx(second, rel=MODEL)


def test_a_target_at_position_0_has_none_and_its_neighbours_keep_theirs(tiny: ds.Model) -> None:
    start = TABLE[:2].assign(text=["House prices fall.", f"{LONG} is long."], target=["House", LONG])
    table = pd.concat([start, TABLE[2:4]], ignore_index=True)
    found = record(tiny, rows_of(tiny, table))["surprisal"]
    assert np.isnan(found).tolist() == [True, True, False, False]
    np.testing.assert_allclose(found[2:], record(tiny, rows_of(tiny, TABLE[2:4]))["surprisal"], rtol=MODEL)
    assert np.isnan(record(tiny, rows_of(tiny, start))["surprisal"]).all()  # nothing at all to predict


def test_logits_in_half_precision_are_summed_in_double(tokenizer: Any) -> None:
    network: Any = tiny_llama(len(tokenizer)).to(torch.bfloat16)
    model = ds.load(network, tokenizer)
    (row,) = rows_of(model, TABLE[:1])
    with torch.inference_mode():
        logits = network(torch.tensor([row.ids])).logits[0, row.covering[0] - 1].double().numpy()
    expected = (np.log(np.exp(logits).sum()) - logits[row.ids[row.covering[0]]]) / np.log(2)
    assert record(model, [row])["surprisal"][0] == pytest.approx(expected, rel=1e-3)


def test_surprisal_is_a_coordinate_that_travels_to_items_and_conditions(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    traj = ds.trace(tiny, pairs, progress=False)
    assert traj["surprisal"].dims == ("stimulus",)
    assert traj["surprisal"].dtype == np.float64
    assert "surprisal" in traj.coords
    expected = [bits(tiny.network, row) for row in rows_of(tiny, pairs)]
    np.testing.assert_allclose(traj["surprisal"], expected, rtol=MODEL)
    entropy = ds.cse(traj)
    assert entropy["surprisal"].dims == ("item", "condition")
    for i, (item, condition) in enumerate(zip(pairs["item"], pairs["condition"], strict=True)):
        assert float(entropy["surprisal"].sel(item=item, condition=condition)) == float(traj["surprisal"][i])


@pytest.mark.parametrize(
    ("context", "expected", "surprising"),
    [
        ("The capital of France is", "Paris", "cheese"),
        ("She opened the door with her", "key", "mountain"),
        ("He drank a cup of hot", "coffee", "gravel"),
    ],
)
def test_a_word_that_nobody_expects_is_more_surprising(
    embedded: ds.Model, context: str, expected: str, surprising: str
) -> None:
    table = pd.DataFrame(
        [("x", word, f"{context} {word}.", word) for word in (expected, surprising)],
        columns=["item", "condition", "text", "target"],
    )
    low, high = ds.trace(embedded, table, progress=False)["surprisal"].values
    assert high > low + 3
