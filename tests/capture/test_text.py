"""Every token of a text in one pass: what ``trace`` gives token by token, and what the model itself says."""

import copy
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from tokenizers.processors import TemplateProcessing

import depthscope as ds
from depthscope.capture import lens, text
from depthscope.capture.pieces import decoded
from depthscope.capture.text import trace_text
from depthscope.model.miniature import byte_tokenizer
from tests.capture import naive
from tests.capture.test_lens import PECULIAR
from tests.capture.test_trace import counting
from tests.conftest import tiny_llama
from tests.model.families import READOUT, SETTINGS, build

TEXT = "My lawyer is a shark, and 🦈 do not\nnegotiate."
MODEL = 2e-5  # float32 kernels in another shape


def traced(model: ds.Model, words: str = TEXT, **options: Any) -> xr.Dataset:
    return trace_text(model, words, progress=False, **{"lens": 3, **options})


def own_logits(model: ds.Model, ids: Any) -> torch.Tensor:
    network: Any = model.network
    with torch.inference_mode():
        return network(torch.tensor([list(ids)]), use_cache=False).logits[0].double()


@pytest.fixture(scope="module")
def traj(tiny: ds.Model) -> xr.Dataset:
    return traced(tiny)


def test_each_token_holds_the_gram_matrix_of_a_plain_loop(tiny: ds.Model, traj: xr.Dataset) -> None:
    network: Any = tiny.network
    ids = tiny.tokenizer(TEXT)["input_ids"]
    assert traj["token_id"].values.tolist() == ids
    for token in range(len(ids)):
        states = naive.states(network, ids, [token], network.model.norm)
        assert naive.deviation(traj["gram"].values[token], naive.gram(states)) < 1e-5
        np.testing.assert_allclose(traj["state_norm"][token], np.linalg.norm(states, axis=1), rtol=1e-5)
        updates = [after - before for before, after in pairwise(states)]
        dots = [float(states[0] @ update) for update in updates]
        np.testing.assert_allclose(traj["initial_dot"][token], dots, rtol=1e-3, atol=1e-5)
        ratio = [float((u**2).sum() ** 2 / (u**4).sum()) for u in updates]
        np.testing.assert_allclose(traj["participation"][token], ratio, rtol=1e-3)


def test_each_token_is_what_trace_gives_of_it_as_a_target(tiny: ds.Model, traj: xr.Dataset) -> None:
    rows = [
        {"item": str(k), "condition": "c", "text": TEXT, "start": int(start), "end": int(end)}
        for k, (start, end) in enumerate(zip(traj["start"].values, traj["end"].values, strict=True))
        # a character of several tokens is one target, and a line end is none
        if "⟨" not in str(traj["piece"].values[k]) and str(traj["piece"].values[k]).strip()
    ]
    table = pd.DataFrame(rows)
    single = ds.trace(tiny, table, lens=True, progress=False)
    tokens = single["token_index"].values
    assert len(tokens) > 8
    for found, expected in zip(traj["gram"].values[tokens], single["gram"].values, strict=True):
        assert naive.deviation(found, expected) < 1e-5
    for name in ("update_norm", "state_norm", "participation", "lens_entropy"):
        np.testing.assert_allclose(traj[name].values[tokens], single[name].values, rtol=1e-4)
    np.testing.assert_allclose(traj["surprisal"].values[tokens], single["surprisal"].values, rtol=MODEL)
    kept = (
        "model",
        "model_class",
        "fingerprint",
        "blocks",
        "causal",
        "width",
        "dtype",
        "quantization",
        "special_prefix",
    )
    assert {name: traj.attrs[name] for name in kept} == {name: single.attrs[name] for name in kept}


def test_one_pass_reads_the_whole_text(tiny: ds.Model) -> None:
    assert tiny.width == 32  # by a pass of its own, once
    with counting(tiny.trunk) as calls:
        traced(tiny, lens=0)
    # and one in which the head reads the last states
    assert len(calls) == 2


def test_the_dataset_is_labelled_in_full(tiny: ds.Model, traj: xr.Dataset) -> None:
    count = len(tiny.tokenizer(TEXT)["input_ids"])
    assert dict(traj.sizes) == {"token": count, "layer": 6, "other_layer": 6, "state": 7, "rank": 3}
    for name, dims in text.DIMS.items():
        assert traj[name].dims == dims
    assert traj["gram"].dtype == traj["lens_probability"].dtype == traj["surprisal"].dtype == np.float64
    assert traj["rank"].values.tolist() == [1, 2, 3]
    assert traj["token"].values.tolist() == list(range(count))
    assert "".join(str(p) for p in traj["piece"].values if "⟨" not in str(p)) == TEXT.replace(" 🦈", "")
    assert traj.attrs["text"] == TEXT
    assert set(traj.coords) >= {"piece", "start", "end", "special", "token_id", "surprisal", "relative_depth"}


@pytest.mark.parametrize("name", [*SETTINGS, *PECULIAR])
def test_the_last_state_gives_the_models_own_words_and_probabilities(name: str) -> None:
    tokenizer = byte_tokenizer()
    model = PECULIAR[name]() if name in PECULIAR else ds.load(build(name, len(tokenizer)), tokenizer)
    found = traced(model, "The new lawyer is a shark.")
    logits = own_logits(model, found["token_id"].values)
    chances = logits.softmax(-1)
    top = chances.topk(3)
    np.testing.assert_allclose(found["lens_probability"][:, -1], top.values, rtol=1e-4)
    assert (found["lens_probability"].diff("rank") <= 0).all()
    best = logits.argmax(-1).tolist()
    words = decoded(model.tokenizer, set(best))
    assert found["lens_token"].values[:, -1, 0].tolist() == [words[i] for i in best]
    entropy = -(chances * logits.log_softmax(-1)).sum(-1) / np.log(2)
    np.testing.assert_allclose(found["lens_entropy"][:, -1], entropy, atol=MODEL)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_every_layer_is_read_as_the_written_out_norm_and_head_read_it(family: str, tokenizer: Any) -> None:
    model = ds.load(build(family, len(tokenizer)), tokenizer)
    found = traced(model)
    states: list[torch.Tensor] = []
    with model.listening(lambda _, state: states.append(state[0].clone())):
        model.run_trunk(torch.tensor([found["token_id"].values.tolist()]))
    for layer in range(1, model.depth + 1):
        with torch.inference_mode():
            chances = READOUT[family](model.network, states[layer][None])[0].double().softmax(-1)
        top = chances.topk(3)
        np.testing.assert_allclose(found["lens_probability"].sel(layer=layer), top.values, rtol=1e-4)
        words = decoded(tokenizer, top.indices.flatten().tolist())
        read = [[words[i] for i in row] for row in top.indices.tolist()]
        assert found["lens_token"].sel(layer=layer).values.tolist() == read


@pytest.mark.parametrize("lens_count", [0, 2])
def test_surprisal_is_that_of_the_models_own_logits(tiny: ds.Model, lens_count: int) -> None:
    found = traced(tiny, lens=lens_count)
    ids = found["token_id"].values
    logs = own_logits(tiny, ids).log_softmax(-1)
    expected = [-float(logs[k, i]) / np.log(2) for k, i in enumerate(ids[1:])]
    assert np.isnan(found["surprisal"].values[0])
    np.testing.assert_allclose(found["surprisal"].values[1:], expected, rtol=MODEL)


def test_without_readings_there_is_surprisal_and_nothing_else_changes(tiny: ds.Model, traj: xr.Dataset) -> None:
    plain = traced(tiny, lens=0)
    assert set(traj.variables) - set(plain.variables) == {"lens_token", "lens_probability", "lens_entropy", "rank"}
    xr.testing.assert_identical(plain.drop_vars("surprisal"), traj[list(plain.data_vars)].drop_vars("surprisal"))
    np.testing.assert_allclose(plain["surprisal"], traj["surprisal"], rtol=MODEL)


def test_the_lens_is_read_only_when_it_is_asked_for(tiny: ds.Model) -> None:
    xr.testing.assert_identical(trace_text(tiny, TEXT, progress=False), traced(tiny, lens=0))


def test_several_texts_are_each_what_they_are_alone(tiny: ds.Model) -> None:
    words = ("A shark.", TEXT, "A shark.")
    alone = [traced(tiny, one) for one in words]
    for several in (words, list(words), pd.Series(words), (one for one in words)):
        found = trace_text(tiny, several, lens=3, progress=False)
        assert len(found) == 3
        for one, expected in zip(found, alone, strict=True):
            xr.testing.assert_identical(one, expected)
    assert [one.attrs["text"] for one in trace_text(tiny, ["A wall."], progress=False)] == ["A wall."]


def test_of_several_texts_the_one_that_cannot_be_read_is_named_before_any_is_run(tiny: ds.Model, refuses: Any) -> None:
    with counting(tiny.trunk) as calls:
        for words, why in (("", "the text is empty"), ("again" + " again" * 128, "129 tokens")):
            with refuses("text 2: ", why):
                traced(tiny, ["A shark.", words])
        with refuses("no text in the list"):
            traced(tiny, [])
        for what in (7, None, ["A shark.", 7], b"A shark.", {"A shark.": 1}):
            with refuses("neither a text nor several"):
                traced(tiny, what)
    assert not calls


def test_all_of_the_vocabulary_adds_up_to_one(tiny: ds.Model) -> None:
    found = traced(ds.load(tiny_llama(40), _small(40)), "abc", lens=40)
    np.testing.assert_allclose(found["lens_probability"].sum("rank"), 1, rtol=1e-12)


def _small(size: int) -> Any:
    """A tokenizer that knows few tokens: the letters of a text by their place in the alphabet."""

    class Letters:
        is_fast = True
        all_special_ids = ()
        model_max_length = 100

        def __call__(self, words: Any, **options: Any) -> Any:
            rows = [words] if isinstance(words, str) else words
            ids = [[(ord(c) - 97) % size for c in row] for row in rows]
            offsets = [[(k, k + 1) for k in range(len(row))] for row in rows]
            mask = [[0] * len(row) for row in rows]
            found = {"input_ids": ids, "offset_mapping": offsets, "special_tokens_mask": mask}
            return {name: value[0] if isinstance(words, str) else value for name, value in found.items()}

        def convert_ids_to_tokens(self, ids: Any) -> list[str]:
            return [f"t{i}" for i in ids]

        def batch_decode(self, rows: Any, **options: Any) -> list[str]:
            return [f"t{row[0]}" for row in rows]

    return Letters()


def test_readings_do_not_depend_on_how_many_stand_in_one_pass(
    tiny: ds.Model, traj: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lens, "CHUNK", 7)
    monkeypatch.setattr(text, "REDUCED_BYTES", 1)
    found = traced(tiny)
    np.testing.assert_allclose(found["lens_probability"], traj["lens_probability"], rtol=1e-4)
    np.testing.assert_allclose(found["surprisal"], traj["surprisal"], rtol=MODEL)
    assert (found["lens_token"] == traj["lens_token"]).all()
    np.testing.assert_array_equal(found["gram"], traj["gram"])


def test_special_tokens_are_measured_and_marked(tiny: ds.Model) -> None:
    tokenizer = copy.deepcopy(tiny.tokenizer)
    name = tokenizer.bos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{name} $A", special_tokens=[(name, tokenizer.bos_token_id)]
    )
    found = traced(ds.load(tiny.network, tokenizer), "A shark.")
    assert found["piece"].values.tolist() == [name, "A", " shark", "."]
    assert found["special"].values.tolist() == [True, False, False, False]
    assert found.attrs["special_prefix"] == name
    # the first token of the text has something before it
    assert np.isfinite(found["surprisal"].values[1:]).all()


def test_a_network_without_a_head_has_no_surprisal_and_no_lens(tiny: ds.Model, tokenizer: Any) -> None:
    network: Any = tiny.network
    found = traced(ds.load(network.model, tokenizer))
    assert found["surprisal"].isnull().all()
    assert not {"lens_token", "lens_probability", "lens_entropy"} & set(found.variables)
    np.testing.assert_allclose(found["gram"], traced(tiny)["gram"], rtol=1e-6, atol=1e-6)


def test_an_encoder_is_measured_without_surprisal_and_lens(tokenizer: Any) -> None:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=6, num_attention_heads=4, intermediate_size=64
    )
    model = ds.load(BertModel(config).eval(), tokenizer, stack="encoder")
    found = traced(model)
    assert found.attrs["causal"] == 0
    assert found["surprisal"].isnull().all()
    assert "lens_token" not in found
    single = ds.trace(model, [{"item": 1, "condition": "c", "text": TEXT, "target": "lawyer"}], progress=False)
    token = int(single["token_index"][0])
    assert naive.deviation(found["gram"].values[token], single["gram"].values[0]) < 1e-5


@pytest.mark.parametrize("words", ["one", "🦈", "a\n\n\n b"])
def test_the_smallest_texts(tiny: ds.Model, words: str) -> None:
    found = traced(tiny, words)
    assert found.sizes["token"] == len(tiny.tokenizer(words)["input_ids"])
    assert np.isfinite(found["gram"]).all()


def test_a_text_as_long_as_the_context_is_read_and_a_longer_one_refused(tiny: ds.Model, refuses: Any) -> None:
    assert tiny.max_length == 128
    assert traced(tiny, "again" + " again" * 127, lens=1).sizes["token"] == 128
    with refuses("129 tokens", "at most 128", "in parts"):
        traced(tiny, "again" + " again" * 128)


def test_an_empty_text_and_a_number_of_readings_that_is_none_are_refused(tiny: ds.Model, refuses: Any) -> None:
    with refuses("the text is empty"):
        traced(tiny, "")
    for number in (-1, 10**9, 0.5, "3", None):
        with refuses(f"lens={number!r}", "from 0 to"):
            traced(tiny, lens=number)


def test_a_tokenizer_of_another_model_is_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("the network knows 100 tokens"):
        traced(ds.load(tiny_llama(100), tokenizer))


def test_a_token_that_is_not_finite_is_named_with_its_layer(tokenizer: Any, refuses: Any) -> None:
    network: Any = tiny_llama(len(tokenizer))
    model = ds.load(network, tokenizer)
    (token,) = tokenizer(" shark")["input_ids"]
    network.model.embed_tokens.weight.data[token] = float("nan")
    with refuses("token 4 (' shark')", "before layer 1", "dtype='float32'"):
        traced(model)


def test_the_same_call_gives_the_same_bits_and_leaves_no_hook(tokenizer: Any) -> None:
    network: Any = tiny_llama(len(tokenizer))
    model = ds.load(network, tokenizer)
    hooks = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()]
    xr.testing.assert_identical(traced(model), traced(model))
    assert [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in network.modules()] == hooks
    assert all("forward" not in block.__dict__ for block in model.blocks)


def test_a_word_that_nobody_expects_is_read_as_unlikely(embedded: ds.Model) -> None:
    found = traced(embedded, "The capital of France is Paris")
    last = found.isel(token=-2)
    assert last["lens_token"].sel(layer=embedded.depth, rank=1).item() == " Paris"
    assert float(found["surprisal"][-1]) == pytest.approx(
        -np.log2(float(last["lens_probability"].sel(layer=embedded.depth, rank=1))), rel=1e-6
    )
