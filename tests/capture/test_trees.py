"""Rows that branch: laid out right, proven for each network, and with the numbers of texts that run one beside the other."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import depthscope as ds
from depthscope.capture.trees import forest, grouped, worthwhile
from depthscope.model.branching import LARGEST, branches, prove
from tests.model.families import build

sequences = st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), min_size=1, max_size=12, unique_by=tuple)
OPENINGS = ("The old man saw a", "The old man heard the", "The old", "Nobody had seen any", "Nobody")
WORDS = ("shark", "wall", "storm", "key", "river", "garden", "house", "stone")


@given(sequences)
def test_every_sequence_stands_in_its_row_and_sees_itself_alone(drawn):
    found = forest(drawn, True)
    distinct = {tuple(ids[: k + 1]) for ids in drawn for k in range(len(ids))}
    assert sum(len(tree.ids) for tree in found.trees) == len(distinct)  # all small enough: a token a prefix
    for number, ids in enumerate(drawn):
        here = torch.full((len(ids),), number)
        rows, slots = found.where(here, torch.arange(len(ids)))
        tree = found.trees[int(rows[0])]
        assert len(set(rows.tolist())) == 1
        assert [tree.ids[slot] for slot in slots] == ids
        assert [tree.positions()[slot] for slot in slots] == list(range(len(ids)))
        seen = tree.seen()
        for place, slot in enumerate(slots):
            assert set(np.flatnonzero(seen[slot])) == set(slots[: place + 1].tolist())


@given(sequences)
def test_without_branching_every_sequence_has_a_row_of_its_own(drawn):
    found = forest(drawn, False)
    assert [tree.ids for tree in found.trees] == drawn
    _, mask, positions = found.inputs(torch.device("cpu"), torch.float32)
    assert positions is None
    assert mask.sum(1).tolist() == [len(ids) for ids in drawn]


def test_trees_stay_small_unless_two_long_texts_begin_alike():
    many = [[1, 2, i] for i in range(3, 300)]
    assert all(len(forest([many[i] for i in group], True).trees[0].ids) <= LARGEST for group in grouped(many, True))
    opening = list(range(100))
    assert grouped([[*opening, 1], [*opening, 2]], True) == [[0, 1]]


# windows of four tokens: texts of sixteen leave them, and a row that branches does not know how far back a token may look
@pytest.mark.parametrize(
    ("family", "allowed"),
    [
        *((name, True) for name in ("gpt2", "gpt-neox", "llama", "qwen3", "opt", "mixtral")),
        *((name, False) for name in ("mistral", "gemma3", "gpt-oss", "bloom")),
    ],
)
def test_only_networks_that_give_the_same_states_may_branch(family, allowed, tokenizer):
    model = ds.load(build(family, len(tokenizer)), tokenizer)
    assert prove(model, 16) is allowed


# what the first tokens of a row do not show: where a window, or a table of positions, ends
@pytest.mark.parametrize(
    "odd", [{"window_size": 48}, {"window_size": 63}, {"max_position_embeddings": 44}, {"window_size": 128}], ids=str
)
@pytest.mark.parametrize("length", [6, 16])
def test_the_proof_runs_rows_as_long_as_any_may_become(odd, length, tokenizer):
    from transformers import GPTNeoConfig, GPTNeoForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_layers": 4, "num_heads": 4, "attention_types": [[["global", "local"], 2]]}
    config = GPTNeoConfig(**{"vocab_size": len(tokenizer), "max_position_embeddings": 256, **sizes, **odd})
    model = ds.load(GPTNeoForCausalLM(config).eval(), tokenizer)
    assert prove(model, length) is (odd == {"window_size": 128})


@pytest.mark.parametrize("padding", [0, 1, 5])
def test_positions_that_are_counted_from_the_padding_token_do_not_branch(padding, tokenizer):
    from transformers import XLMRobertaConfig, XLMRobertaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4}
    config = XLMRobertaConfig(vocab_size=len(tokenizer), is_decoder=True, pad_token_id=padding, **sizes)
    assert not prove(ds.load(XLMRobertaForCausalLM(config).eval(), tokenizer), 16)


def test_states_that_run_from_token_to_token_do_not_branch(tokenizer):
    from transformers import MambaConfig, MambaForCausalLM

    torch.manual_seed(0)
    config = MambaConfig(vocab_size=len(tokenizer), hidden_size=16, state_size=4, num_hidden_layers=6)
    assert not branches(ds.load(MambaForCausalLM(config).eval(), tokenizer), 16)


def test_in_half_precision_nothing_branches(tokenizer):
    assert not branches(ds.load(build("llama", len(tokenizer)).bfloat16(), tokenizer), 16)


def table():
    return [
        {"item": word, "condition": str(i), "text": f"{opening} {word} in the sea.", "target": word}
        for word in WORDS
        for i, opening in enumerate(OPENINGS)
    ]


@pytest.fixture
def counted(tiny, monkeypatch):
    """``counted(branching)``: a trace with or without it, and how many tokens ran."""

    def call(branching, **options):
        run: list[int] = []
        monkeypatch.setattr("depthscope.capture.trace.worthwhile", lambda model, ids: branching and branches(model, 16))
        branches(tiny, 16)
        block = tiny.blocks[0]
        handle = block.register_forward_pre_hook(lambda _, args: run.append(args[0].shape[0] * args[0].shape[1]))
        found = ds.trace(tiny, table(), progress=False, **options)
        handle.remove()
        return found, sum(run)

    return call


@pytest.mark.parametrize(
    "options", [{}, {"subtoken": "mean", "keep": "states", "lens": True}, {"parts": "heads"}, {"surprisal": "word"}]
)
def test_fewer_tokens_give_the_same_numbers(counted, options):
    (branching, few), (plain, many) = counted(True, **options), counted(False, **options)
    assert few < 0.8 * many
    for name in (*branching, "surprisal"):
        scale = float(np.nanmax(np.abs(plain[name])))
        assert branching[name].values == pytest.approx(plain[name].values, abs=1e-6 * scale, nan_ok=True), name


def test_branching_is_proven_only_where_it_saves_enough(tiny):
    few = [[1, 2, 3], [1, 2, 4]]
    assert not worthwhile(tiny, few)
    assert worthwhile(tiny, [[*range(1, 9), i] for i in range(10, 90)])
