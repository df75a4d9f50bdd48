"""Stimuli in, a labelled Dataset out; what cannot be measured is refused by name, what is finished is kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr

import depthscope as ds
from depthscope.capture.labels import RESERVED
from depthscope.instrument.attribution import energy_by_part
from depthscope.model.miniature import byte_tokenizer
from depthscope.stimuli.read import read_stimuli
from depthscope.store.shards import Shards
from tests.capture import naive
from tests.conftest import tiny_llama
from tests.model.families import build
from tests.model.planted import toy
from tests.model.toy import Toy


@contextmanager
def counting(module: torch.nn.Module) -> Iterator[list[None]]:
    """Grows by one with each forward pass of the module."""
    calls: list[None] = []
    handle = module.register_forward_hook(lambda *_: calls.append(None))
    yield calls
    handle.remove()


def trace(model: ds.Model, table: Any, **options: Any) -> xr.Dataset:
    return ds.trace(model, table, progress=False, **options)


@pytest.fixture
def poisoned(tokenizer: Any, pairs: pd.DataFrame) -> ds.Model:
    """A model that knows no finite embedding for "neighbour", a word of the last text only."""
    network: Any = tiny_llama(len(tokenizer))
    model = ds.load(network, tokenizer)
    (token,) = tokenizer(" neighbour")["input_ids"]
    network.model.embed_tokens.weight.data[token] = float("nan")
    return model


def test_each_row_holds_its_own_text_in_the_order_given(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    shuffled = pairs[::-1].reset_index(drop=True)
    # the longest first and the shortest last, so that no batch holds them as they stand in the table
    shuffled.loc[0, "text"] = "After many long years, and to everyone's surprise, my neighbour found the key."
    shuffled.loc[7, "text"] = "A shark."
    traj = trace(tiny, shuffled, token_budget=20)  # several batches
    assert list(traj["text"].values) == list(shuffled["text"])
    network: Any = tiny.network
    for i, text in enumerate(shuffled["text"]):
        ids = tiny.tokenizer(text)["input_ids"]
        states = naive.states(network, ids, [int(traj["token_index"][i])], network.model.norm)
        assert naive.deviation(traj["gram"].values[i], naive.gram(states)) < 1e-5


def test_the_dataset_is_labelled_in_full(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    traj = trace(tiny, pairs.assign(frequency=np.arange(8.0), source="made up"))
    assert dict(traj.sizes) == {"stimulus": 8, "layer": 6, "other_layer": 6, "state": 7}
    assert traj["gram"].dims == ("stimulus", "layer", "other_layer")
    assert traj["initial_dot"].dims == traj["update_norm"].dims == ("stimulus", "layer")
    assert traj["state_norm"].dims == ("stimulus", "state")
    assert list(traj["layer"].values) == [1, 2, 3, 4, 5, 6]
    assert list(traj["state"].values) == [0, 1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(traj["relative_depth"], np.arange(1, 7) / 6)
    assert list(traj["item"].values) == list(pairs["item"])
    assert list(traj["frequency"].values) == list(range(8))
    assert set(traj["source"].values) == {"made up"}
    assert traj["n_tokens"].values.tolist() == [len(tiny.tokenizer(t)["input_ids"]) for t in pairs["text"]]


def test_how_it_was_made_is_on_record(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    attrs = trace(tiny, pairs, subtoken="mean", token_budget=77).attrs
    assert attrs == {
        "model": "in memory",
        "model_class": "LlamaForCausalLM",
        "fingerprint": tiny.fingerprint,
        "blocks": "model.layers",
        "causal": 1,
        "quantization": "none",
        "width": 32,
        "dtype": "torch.float32",
        "subtoken": "mean",
        "token_budget": 77,
        "special_prefix": "",
        "surprisal_of": "tokens",
    }


def test_update_norms_are_the_diagonal_of_the_gram_matrix(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    traj = trace(tiny, pairs)
    np.testing.assert_allclose(
        traj["update_norm"].values ** 2, np.diagonal(traj["gram"].values, axis1=1, axis2=2), rtol=1e-14
    )


def test_states_are_added_when_asked_for_and_reproduce_the_gram_matrix(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    traj = trace(tiny, pairs, keep="states")
    assert traj["states"].dims == ("stimulus", "state", "feature")
    assert traj["states"].shape == (8, 7, 32)
    for states, gram in zip(traj["states"].values, traj["gram"].values, strict=True):
        assert naive.deviation(gram, naive.gram(states.astype(np.float64))) < 1e-12
    np.testing.assert_allclose(np.linalg.norm(traj["states"], axis=-1), traj["state_norm"], rtol=1e-6)


def test_the_same_call_gives_the_same_bits(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    xr.testing.assert_identical(trace(tiny, pairs), trace(tiny, pairs))


def test_texts_that_agree_up_to_the_target_share_their_context_and_their_states(tiny: ds.Model, refuses: Any) -> None:
    rows = [
        {"item": "wall", "condition": "a", "text": "The old wall fell", "target": "wall"},
        {"item": "wall", "condition": "b", "text": "The old wall is a long way off", "target": "wall"},
        {"item": "wall", "condition": "c", "text": "The new wall fell", "target": "wall"},
    ]
    traj = trace(tiny, rows)
    first, second, other = traj["context"].values
    assert first == second != other
    gram = traj["gram"].values
    assert naive.deviation(gram[1], gram[0]) < 1e-5
    assert naive.deviation(gram[2], gram[0]) > 1e-3


def test_flags_of_the_tokens_are_coordinates(tiny: ds.Model) -> None:
    rows = [
        {"item": "start", "condition": "a", "text": "House prices fall", "start": 0, "end": 5},
        {"item": "inside", "condition": "a", "text": "The house fell", "start": 4, "end": 8},
        {"item": "plain", "condition": "a", "text": "The house fell", "start": 4, "end": 9},
    ]
    traj = trace(tiny, rows)
    assert traj["at_start"].values.tolist() == [True, False, False]
    assert traj["token_exceeds"].values.tolist() == [False, True, False]
    assert traj["n_subtokens"].values.tolist() == [1, 1, 1]


@pytest.mark.parametrize(("poison", "name"), [(float("nan"), "NaN"), (float("inf"), "infinity")])
def test_a_stream_that_is_not_finite_is_refused_with_item_condition_and_layer(
    tokenizer: Any, pairs: pd.DataFrame, poison: float, name: str, refuses: Any
) -> None:
    network: Any = tiny_llama(len(tokenizer))
    model = ds.load(network, tokenizer)
    network.model.layers[2].mlp.down_proj.weight.data[:, 0] = poison
    with refuses("item 'wall', condition 'literal'", name, "after layer 3", "dtype='float32'"):
        trace(model, pairs[3:4])


def test_an_embedding_that_is_not_finite_is_found_before_layer_1(poisoned: ds.Model, refuses: Any) -> None:
    row = {"item": "i", "condition": "c", "text": "This is my neighbour", "target": "neighbour"}
    with refuses("item 'i', condition 'c'", "before layer 1"):
        trace(poisoned, [row])


def test_one_bad_text_in_a_batch_is_named_and_no_other(poisoned: ds.Model, pairs: pd.DataFrame, refuses: Any) -> None:
    with refuses("item 'key', condition 'literal'", "after layer 1"):
        trace(poisoned, pairs, token_budget=10**6)
    assert trace(poisoned, pairs[:7]).sizes["stimulus"] == 7


def test_what_was_finished_before_a_bad_text_is_kept(
    poisoned: ds.Model, pairs: pd.DataFrame, tmp_path: Path, refuses: Any
) -> None:
    pairs.loc[7, "text"] = "After a long day my neighbour lost the key."  # the longest, so it runs last
    shards = Shards(tmp_path / "shards")
    with refuses("item 'key', condition 'literal'"):
        trace(poisoned, pairs, token_budget=1, shards=shards)
    assert shards.count() == 7

    network: Any = poisoned.network
    network.model.embed_tokens.weight.data.nan_to_num_()
    assert poisoned.width == 32  # by a pass of its own, once
    with counting(network.model) as calls:
        resumed = trace(poisoned, pairs, token_budget=1, shards=shards)
    assert len(calls) == 1
    xr.testing.assert_identical(resumed, trace(poisoned, pairs, token_budget=1))


def test_finished_shards_are_loaded_without_running_the_model(
    tiny: ds.Model, pairs: pd.DataFrame, tmp_path: Path
) -> None:
    shards = Shards(tmp_path / "shards")
    with counting(tiny.trunk) as calls:
        first = trace(tiny, pairs, keep="states", token_budget=20, shards=shards)
        assert len(calls) == shards.count() > 1
        second = trace(tiny, pairs, keep="states", token_budget=20, shards=shards)
        assert len(calls) == shards.count()
    assert not first["surprisal"].isnull().any()
    xr.testing.assert_identical(first, second)
    xr.testing.assert_identical(first, trace(tiny, pairs, keep="states", token_budget=20))


def test_the_head_runs_on_what_predicts_the_targets_and_on_nothing_else(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    network: Any = tiny.network
    assert tiny.tail  # found by passes of its own, before those that are counted
    seen: list[torch.Size] = []
    handle = network.lm_head.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    with counting(network.model) as trunks:
        traj = trace(tiny, pairs, token_budget=10**6)
    handle.remove()
    assert len(trunks) == 1
    assert seen == [(1, int(traj["n_subtokens"].sum()), len(tiny.tokenizer))]


def test_the_gram_matrices_are_the_same_with_and_without_the_head(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    with_head, without = trace(tiny, pairs), trace(replace(tiny, predicts=False), pairs)
    assert not with_head["surprisal"].isnull().any()
    assert without["surprisal"].isnull().all()
    xr.testing.assert_identical(with_head.drop_vars("surprisal"), without.drop_vars("surprisal"))


def test_no_hook_and_no_gradient_is_left_behind(tokenizer: Any, pairs: pd.DataFrame) -> None:
    network: Any = tiny_llama(len(tokenizer))
    network(torch.tensor([[1]]), output_hidden_states=True)  # transformers keeps hooks of its own from now on
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()]
    trace(ds.load(network, tokenizer), pairs, subtoken="mean")
    assert [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()] == hooks
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_covariate_cannot_take_a_name_of_the_dataset(
    tiny: ds.Model, pairs: pd.DataFrame, name: str, refuses: Any
) -> None:
    with refuses("a covariate cannot be called", name, "rename the column"):
        trace(tiny, pairs.assign(**{name: 1}))


def test_every_name_of_the_dataset_is_reserved_or_of_the_table(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    traj = trace(tiny, pairs, keep="states")
    table = read_stimuli(pairs)
    assert {str(name) for name in (*traj.variables, *traj.dims)} - set(table.columns) <= RESERVED


def test_missing_covariates_stay_missing_whatever_type_pandas_gave_them(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    plain = pairs.assign(
        number=[1.5, None, *range(6)], count=[7, *range(7)], known=[True, None] * 4, sure=True, word=["a", None] * 4
    )
    for table in (plain.convert_dtypes(), plain.astype({"known": "boolean"})):
        traj = trace(tiny, table)
        np.testing.assert_array_equal(traj["number"], [1.5, np.nan, *range(6)])
        assert traj["count"].values.tolist() == [7, *range(7)]
        assert traj["count"].dtype.kind == "i"
        np.testing.assert_array_equal(traj["known"], [1, np.nan] * 4)
        assert traj["sure"].dtype.kind == "b"
        assert traj["word"].values.tolist() == ["a", ""] * 4


def test_a_text_beyond_the_context_of_the_model_is_refused(tiny: ds.Model, pairs: pd.DataFrame, refuses: Any) -> None:
    pairs.loc[2, "text"] = "His silence became a wall" + " again" * 200
    with refuses("item 'wall', condition 'metaphor'", "exceed the model's context of 128"):
        trace(tiny, pairs)


def test_a_tokenizer_of_another_model_is_refused(tokenizer: Any, pairs: pd.DataFrame, refuses: Any) -> None:
    with refuses("the network knows 100 tokens", "tokenizer"):
        trace(ds.load(tiny_llama(100), tokenizer), pairs)


def test_an_unknown_thing_to_keep_is_refused(tiny: ds.Model, pairs: pd.DataFrame, refuses: Any) -> None:
    with refuses("keep='all'", "gram or states"):
        trace(tiny, pairs, keep="all")


@pytest.mark.parametrize("budget", [0, -1])
def test_a_budget_without_tokens_is_refused(tiny: ds.Model, pairs: pd.DataFrame, budget: int, refuses: Any) -> None:
    with refuses(f"token_budget={budget}", "at least 1"):
        trace(tiny, pairs, token_budget=budget)


@pytest.mark.parametrize("name", ["a/b", ".hidden", ""])
def test_a_covariate_that_no_file_can_name_is_refused(
    tiny: ds.Model, pairs: pd.DataFrame, name: str, refuses: Any
) -> None:
    with refuses(f"cannot be called {name!r}", "rename the column"):
        trace(tiny, pairs.assign(**{name: 1}))


@pytest.mark.parametrize(("name", "value"), [("parts", "mlp"), ("parts", 2), ("lens", "no"), ("lens", 3)])
def test_what_is_neither_yes_nor_no_is_not_taken_for_yes(
    tiny: ds.Model, pairs: pd.DataFrame, name: str, value: Any, refuses: Any
) -> None:
    with refuses(f"{name}={value!r}", "give True", "or False"):
        trace(tiny, pairs, **{name: value})


@pytest.mark.parametrize("subtoken", ["last", "mean"])
def test_heads_and_the_bias_behind_them_add_up_to_what_attention_writes(
    tiny: ds.Model, pairs: pd.DataFrame, subtoken: Any
) -> None:
    traj = trace(tiny, pairs, parts="heads", subtoken=subtoken, token_budget=20)
    assert traj["head_dot"].dims == ("stimulus", "layer", "attention_head", "other_layer")
    assert traj["attention_head"].values.tolist() == [1, 2, 3, 4]
    assert traj.attrs["heads"] == "4 in each block, added up by model.layers.0.self_attn.o_proj"
    total = traj["head_dot"].sum("attention_head").values
    parts = traj["part_gram"]
    expected = (parts.sel(part="attention") + parts.sel(part="cross") / 2).values
    size = np.abs(expected).max()
    np.testing.assert_allclose((total + total.swapaxes(1, 2)) / 2, expected, rtol=0, atol=1e-6 * size)
    table = read_stimuli(pairs)
    assert {str(name) for name in (*traj.variables, *traj.dims)} - set(table.columns) <= RESERVED


def test_heads_behind_a_norm_make_up_attention_also_in_a_mean_over_tokens(tokenizer: Any, pairs: pd.DataFrame) -> None:
    pairs.loc[0, "target"] = "a shark"
    traj = trace(ds.load(build("gemma3", len(tokenizer)), tokenizer), pairs, parts="heads", subtoken="mean")
    assert traj.attrs["heads"].endswith("scaled together by model.layers.0.post_attention_layernorm")
    assert (traj["n_subtokens"] > 1).any()
    total = traj["head_dot"].sum("attention_head").values
    parts = traj["part_gram"]
    expected = (parts.sel(part="attention") + parts.sel(part="cross") / 2).values
    np.testing.assert_allclose((total + total.swapaxes(1, 2)) / 2, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_heads_change_nothing_else(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    plain, more = trace(tiny, pairs, parts=True), trace(tiny, pairs, parts="heads")
    added = ["head_dot", "head_square", "attention_head"]
    xr.testing.assert_equal(more.drop_vars(added), plain)
    assert "heads" not in plain.attrs


def test_what_is_told_of_heads_is_what_a_loop_over_hooks_of_its_own_finds(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    traj = trace(tiny, pairs, parts="heads")
    network: Any = tiny.network
    for row in (0, 5):
        kept: dict[int, torch.Tensor] = {}
        states: list[torch.Tensor] = []
        ids = torch.tensor([tiny.tokenizer(str(traj["text"].values[row]))["input_ids"]])
        at = int(traj["token_index"][row])
        handles = []
        for number, block in enumerate(network.model.layers):

            def reach(module: Any, args: Any, number: int = number) -> None:
                kept[number] = args[0][0, at].double()  # noqa: B023

            handles.append(block.self_attn.o_proj.register_forward_pre_hook(reach))
            handles.append(
                block.register_forward_pre_hook(lambda m, a, states=states, at=at: states.append(a[0][0, at].double()))
            )
        with torch.no_grad():
            last = network.model.layers[-1].register_forward_hook(
                lambda m, a, o, states=states, at=at: states.append(
                    (o[0] if isinstance(o, tuple) else o)[0, at].double()
                )
            )
            network(ids)
        for handle in (*handles, last):
            handle.remove()
        updates = torch.stack(states).diff(dim=0)
        for number in (0, 3):
            weight = network.model.layers[number].self_attn.o_proj.weight.detach().double()
            for head in range(4):
                numbers = slice(8 * head, 8 * head + 8)
                wrote = weight[:, numbers] @ kept[number][numbers]
                ours = traj["head_dot"].values[row, number, head]
                size = float(updates.norm(dim=1).max() * wrote.norm())
                np.testing.assert_allclose(ours, updates @ wrote, rtol=0, atol=2e-6 * size)
                square = float(traj["head_square"][row, number, head])
                assert square == pytest.approx(float(wrote @ wrote), rel=1e-5)


def test_a_row_holds_the_heads_of_its_own_text_whatever_the_batch(
    tiny: ds.Model, pairs: pd.DataFrame, tmp_path: Path
) -> None:
    together = trace(tiny, pairs, parts="heads", token_budget=10**6)
    alone = trace(tiny, pairs[::-1], parts="heads", token_budget=1).isel(stimulus=slice(None, None, -1))
    size = float(np.abs(together["head_dot"]).max())
    np.testing.assert_allclose(together["head_dot"], alone["head_dot"], rtol=0, atol=1e-5 * size)
    assert float(together["head_dot"].std("stimulus").max()) > 1e-3 * size  # rows do differ
    shards = Shards(tmp_path / "shards")
    first = trace(tiny, pairs, parts="heads", token_budget=20, shards=shards)
    (tmp_path / "shards" / "batch-000001.npz").unlink()
    xr.testing.assert_identical(trace(tiny, pairs, parts="heads", token_budget=20, shards=shards), first)


def test_heads_are_refused_where_there_are_none(pairs: pd.DataFrame, refuses: Any) -> None:
    model = ds.load(toy(), byte_tokenizer())
    with refuses("blocks.0.attention (Mixing) cannot be split into heads", "parts=True"):
        trace(model, pairs, parts="heads")
    assert "part_gram" in trace(model, pairs, parts=True)


def test_one_text_in_one_condition_is_enough(tiny: ds.Model) -> None:
    assert trace(tiny, [{"item": 1, "condition": 2, "text": "A wall", "target": "wall"}]).sizes["stimulus"] == 1


def test_parts_and_lens_are_labelled_and_how_the_parts_were_found_is_on_record(
    tiny: ds.Model, pairs: pd.DataFrame
) -> None:
    traj = trace(tiny, pairs, parts=True, lens=True)
    assert traj["part"].values.tolist() == ["attention", "mlp", "cross"]
    assert traj["part_gram"].dims == ("stimulus", "part", "layer", "other_layer")
    assert traj["lens_entropy"].dims == traj["participation"].dims == ("stimulus", "layer")
    assert traj.attrs["parts"] == "model.layers.0.self_attn (attention), model.layers.0.mlp (mlp)"
    table = read_stimuli(pairs)
    assert {str(name) for name in (*traj.variables, *traj.dims)} - set(table.columns) <= RESERVED


def test_the_parts_add_up_to_the_gram_matrix_and_their_energies_to_the_scalogram(
    tiny: ds.Model, pairs: pd.DataFrame
) -> None:
    traj = trace(tiny, pairs, parts=True, token_budget=20)  # several batches
    for whole, split in zip(traj["gram"].values, traj["part_gram"].sum("part").values, strict=True):
        assert naive.deviation(split, whole) < 1e-5
    energy = energy_by_part(traj)
    whole = ds.scalogram(traj)
    added = energy.sum("part").transpose(*whole.dims)
    np.testing.assert_allclose(added, whole, rtol=0, atol=1e-5 * float(whole.max()))
    for part in ("attention", "mlp"):
        alone = traj.assign(gram=traj["part_gram"].sel(part=part, drop=True))
        np.testing.assert_allclose(
            energy.sel(part=part).transpose(*whole.dims), ds.scalogram(alone), rtol=1e-9, atol=1e-12
        )
    assert float(energy.sel(part="attention").min()) >= 0
    assert float(energy.sel(part="cross").min()) < 0


def test_parts_and_lens_change_nothing_else_and_are_left_out_unless_asked_for(
    tiny: ds.Model, pairs: pd.DataFrame
) -> None:
    plain, more = trace(tiny, pairs), trace(tiny, pairs, parts=True, lens=True)
    assert "parts" not in plain.attrs
    assert set(more.variables) - set(plain.variables) == {"part", "part_gram", "lens_entropy"}
    xr.testing.assert_equal(more.drop_vars(["part", "part_gram", "lens_entropy"]), plain)


def test_a_row_holds_the_parts_of_its_own_text_whatever_the_batch(tiny: ds.Model, pairs: pd.DataFrame) -> None:
    together = trace(tiny, pairs, parts=True, lens=True, token_budget=10**6)
    alone = trace(tiny, pairs[::-1], parts=True, lens=True, token_budget=1).isel(stimulus=slice(None, None, -1))
    assert together["text"].values.tolist() == alone["text"].values.tolist()
    size = float(np.abs(together["part_gram"]).max())
    np.testing.assert_allclose(together["part_gram"], alone["part_gram"], rtol=0, atol=1e-5 * size)
    np.testing.assert_allclose(together["lens_entropy"], alone["lens_entropy"], atol=1e-4)
    np.testing.assert_allclose(together["participation"], alone["participation"], rtol=1e-4)
    spread = together["part_gram"].std("stimulus")
    assert float(spread.max()) > 100 * 1e-5 * size  # rows do differ


def test_finished_shards_hold_parts_and_lens_too(tiny: ds.Model, pairs: pd.DataFrame, tmp_path: Path) -> None:
    shards = Shards(tmp_path / "shards")
    options = {"parts": True, "lens": True, "token_budget": 20}
    first = trace(tiny, pairs, **options, shards=shards)
    (tmp_path / "shards" / "batch-000001.npz").unlink()
    xr.testing.assert_identical(trace(tiny, pairs, **options, shards=shards), first)
    xr.testing.assert_identical(trace(tiny, pairs, **options), first)


def test_a_model_whose_updates_are_no_sums_is_refused_for_the_parts_alone(pairs: pd.DataFrame, refuses: Any) -> None:
    model = ds.load(Toy(), byte_tokenizer())
    model.network.embedding.weight.data = torch.randn(300, 16)
    with refuses("the update of block 1 (Block) is no sum", "without parts"):
        trace(model, pairs, parts=True)
    assert trace(model, pairs)["gram"].shape == (8, 6, 6)
