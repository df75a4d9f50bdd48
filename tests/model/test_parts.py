"""Attention and MLP are found in any family by what they add, and whatever is no such sum is refused."""

import copy
from typing import Any

import pytest
import torch
import transformers as t
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import depthscope as ds
from depthscope.model.miniature import byte_tokenizer, families, miniature
from depthscope.model.parts import Parts, find_parts
from tests.model.families import DEPTH, GROUPED, SETTINGS, build
from tests.model.planted import NOISE, Alone, Mixing, Network, Plain, planted, toy
from tests.model.toy import Toy

TOKENIZER = byte_tokenizer()
IDS = torch.tensor([[70, 71, 90, 200, 13, 44, 171, 90, 66], [99, 70, 14, 51, 52, 53, 180, 181, 182]])

LLAMA = ("model.layers.0.self_attn", "model.layers.0.mlp")
PATHS = {
    "gpt2": ("transformer.h.0.attn", "transformer.h.0.mlp"),
    "gpt-neox": ("gpt_neox.layers.0.attention", "gpt_neox.layers.0.mlp"),  # side by side
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen3": LLAMA,
    # a norm before and one behind each part: what is added is what leaves the second
    "gemma3": ("model.layers.0.post_attention_layernorm", "model.layers.0.post_feedforward_layernorm"),
    # its MLP is no module, and knows no texts, only tokens
    "opt": ("model.decoder.layers.0.self_attn", "model.decoder.layers.0.fc2"),
    # its modules add the stream themselves, so that their outputs are states
    "bloom": ("transformer.h.0.self_attention.dense", "transformer.h.0.mlp.dense_4h_to_h"),
    "mixtral": LLAMA,
    "gpt-oss": LLAMA,
}
OTHERS = {
    "gptj": [("transformer.h.0.attn", "attention"), ("transformer.h.0.mlp", "mlp")],  # side by side
    "cohere": [("model.layers.0.self_attn", "attention"), ("model.layers.0.mlp", "mlp")],
    "phi": [("model.layers.0.self_attn", "attention"), ("model.layers.0.mlp", "mlp")],
    "falcon": [("transformer.h.0.self_attention", "attention"), ("transformer.h.0.mlp", "mlp")],
    "olmo2": [
        ("model.layers.0.post_attention_layernorm", "attention"),
        ("model.layers.0.post_feedforward_layernorm", "mlp"),
    ],
    "falcon_h1": [
        ("model.layers.0.mamba", "attention"),
        ("model.layers.0.self_attn", "attention"),
        ("model.layers.0.feed_forward", "mlp"),
    ],
    "mamba": [("backbone.layers.0.mixer", "attention")],
    "nemotron_h": [("model.layers.0.mixer", "attention")],
}


def small(name: str, stack: str | None = None) -> ds.Model:
    family = next(f for f in families() if (f.model_type, f.stack) == (name, stack))
    return ds.load(miniature(family), TOKENIZER, **({"stack": stack} if stack else {}))


def loaded(family: str, dtype: torch.dtype = torch.float32) -> ds.Model:
    return ds.load(build(family, len(TOKENIZER)).to(dtype), TOKENIZER)


def heard(model: ds.Model, parts: Parts) -> tuple[list[torch.Tensor], dict[tuple[str, int], torch.Tensor]]:
    """States 0 .. L of a batch, and what each kind of part gave to each update."""
    states: dict[int, torch.Tensor] = {}
    given: dict[tuple[str, int], torch.Tensor] = {}

    def add(kind: str, number: int, part: torch.Tensor) -> None:
        given[kind, number] = given.get((kind, number), 0) + part.double()

    with model.listening(lambda i, state: states.update({i: state.clone()})), parts.listening(model, add):
        model.run_trunk(IDS)
    return [states[i] for i in range(model.depth + 1)], given


def deviation(model: ds.Model, parts: Parts) -> float:
    """Largest element that is missing in the sum of the parts, relative to the largest of its state."""
    states, given = heard(model, parts)
    worst = 0.0
    for number in range(1, model.depth + 1):
        update = states[number].double() - states[number - 1].double()
        total = sum(part for (_, where), part in given.items() if where == number)
        worst = max(worst, float((update - total).abs().max() / states[number].abs().max()))
    return worst


def hooks(network: nn.Module) -> list[int]:
    return [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in network.modules()]


@pytest.mark.parametrize("family", SETTINGS)
def test_in_ten_families_the_parts_are_those_of_their_definitions(family: str) -> None:
    model = loaded(family)
    parts = find_parts(model)
    first = [(part.path, part.kind, part.weight) for part in parts.blocks[0]]
    assert first == [(PATHS[family][0], "attention", 1.0), (PATHS[family][1], "mlp", 1.0)]
    assert len(parts.blocks) == DEPTH
    for number, block in enumerate(parts.blocks):
        assert [(p.path, p.kind) for p in block] == [
            (path.replace(".0.", f".{number}."), kind) for path, kind, _ in first
        ]
    assert 0 < parts.remainder <= 1  # far from the 8 roundings at which it would be refused
    assert deviation(model, parts) < 3e-7


@pytest.mark.parametrize("name", OTHERS)
def test_other_ways_to_build_a_block_are_found_too(name: str) -> None:
    model = small(name)
    parts = find_parts(model)
    assert [(part.path, part.kind) for part in parts.blocks[0]] == OTHERS[name]
    assert deviation(model, parts) < 1e-6


def test_in_a_network_of_blocks_of_one_part_each_has_its_own_kind() -> None:
    model = small("nemotron_h")
    kinds = [[part.kind for part in block] for block in find_parts(model).blocks]
    # a state-space mixer, experts, attention, experts, and once more
    assert kinds == [["attention"], ["mlp"], ["attention"], ["mlp"]] * 2


@pytest.mark.parametrize("multiplier", [0.22, 0.995, 1.005, 3.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_residual_multiplier_is_the_weight_of_the_parts(multiplier: float, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    config = t.GraniteConfig(**{**GROUPED, "vocab_size": len(TOKENIZER), "residual_multiplier": multiplier})
    model = ds.load(t.GraniteForCausalLM(config).eval().to(dtype), TOKENIZER)
    parts = find_parts(model)
    assert [(p.path, p.kind) for p in parts.blocks[0]] == [(LLAMA[0], "attention"), (LLAMA[1], "mlp")]
    for block in parts.blocks:
        assert [p.weight for p in block] == pytest.approx([multiplier] * 2, rel=1e-6)
    assert deviation(model, parts) < (1e-6 if dtype == torch.float32 else 1e-12)


# bloom and the mixtures of experts compute in single precision whatever they are asked for
@pytest.mark.parametrize("family", sorted(set(SETTINGS) - {"bloom", "mixtral", "gpt-oss"}))
def test_in_double_precision_the_sum_is_exact_to_its_last_digits(family: str) -> None:
    model = loaded(family, torch.float64)
    assert deviation(model, find_parts(model)) < 1e-12


@pytest.mark.parametrize("family", SETTINGS)
def test_in_bfloat16_the_same_parts_are_found(family: str) -> None:
    model = loaded(family, torch.bfloat16)
    parts = find_parts(model)
    assert [(p.path, p.kind, p.weight) for p in parts.blocks[0]] == [
        (PATHS[family][0], "attention", 1.0),
        (PATHS[family][1], "mlp", 1.0),
    ]
    assert deviation(model, parts) < 2**-7


def test_what_is_heard_is_what_hooks_written_by_hand_hear() -> None:
    model = loaded("llama")
    network: Any = model.network
    own: dict[tuple[str, int], torch.Tensor] = {}
    handles = []
    for number, block in enumerate(network.model.layers, 1):
        for kind, module in (("attention", block.self_attn), ("mlp", block.mlp)):

            def keep(module: Any, args: Any, output: Any, key: tuple[str, int] = (kind, number)) -> None:
                own[key] = (output[0] if isinstance(output, tuple) else output).clone()

            handles.append(module.register_forward_hook(keep))
    with torch.inference_mode():
        network(IDS)
    for handle in handles:
        handle.remove()
    _, given = heard(model, find_parts(model))
    assert given.keys() == own.keys()
    assert all(torch.equal(given[key], own[key].double()) for key in own)


def test_the_parts_of_a_sandwich_are_those_that_its_equations_give() -> None:
    model = loaded("gemma3", torch.float64)
    network: Any = model.network
    states, given = heard(model, find_parts(model))
    with torch.inference_mode():
        for number, block in enumerate(network.model.layers, 1):
            middle = states[number - 1] + given["attention", number]
            mlp = block.post_feedforward_layernorm(block.mlp(block.pre_feedforward_layernorm(middle)))
            torch.testing.assert_close(given["mlp", number], mlp, rtol=0, atol=1e-12)
            torch.testing.assert_close(middle + mlp, states[number], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "stack", "block"),
    [
        ("openai-gpt", None, "Block"),  # a norm behind every sum
        ("bert", "encoder", "BertLayer"),
        ("rwkv", None, "RwkvBlock"),  # its first block norms the stream itself
        ("gemma3n_text", None, "Gemma3nTextDecoderLayer"),  # parallel streams, mixed by numbers
    ],
)
def test_a_block_that_is_no_sum_is_refused_with_the_reason(name: str, stack: str, block: str, refuses: Any) -> None:
    model = small(name, stack)
    before = hooks(model.network)
    with refuses("the update of block 1", f"({block})", "no sum of up to 3 outputs", "without parts"):
        find_parts(model)
    assert hooks(model.network) == before


def test_a_block_whose_update_is_no_output_of_a_module_is_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("the update of block 1 (Block)"):  # a curve behind its only module
        find_parts(ds.load(Toy(), tokenizer))


class Third(Plain):
    """Adds something that no module gives."""

    size = 0.1

    def forward(self, state: torch.Tensor) -> Any:
        return super().forward(state) + self.size * state.flip(-1)


@settings(max_examples=12, deadline=None)
@given(st.floats(-5, 1))
def test_a_hidden_third_thing_of_any_size_is_refused(power: float) -> None:
    network = toy()
    network.blocks[3] = Third(Mixing(), Alone())
    network.blocks[3].size = 10**power
    with pytest.raises(ds.DepthscopeError, match=r"the update of block 4 \(Third\) is no sum"):
        find_parts(ds.load(network, TOKENIZER))


def test_the_same_network_without_the_third_thing_is_accepted() -> None:
    network = toy()
    network.blocks[3] = Third(Mixing(), Alone())
    network.blocks[3].size = 0.0
    assert find_parts(ds.load(network, TOKENIZER)).about == "blocks.0.attention (attention), blocks.0.mlp (mlp)"


def test_what_adds_up_on_one_text_alone_is_refused(refuses: Any) -> None:
    class Sometimes(Plain):
        """Does something else where a token is met that the first text has not."""

        rare: Any = None

        def forward(self, state: torch.Tensor) -> Any:
            met = self.rare is not None and (state[..., None, :] == self.rare).all(-1).any(-1)
            return super().forward(state) + (0.01 * state.flip(-1) * met[..., None] if self.rare is not None else 0)

    from depthscope.model.accept import probe

    network = toy(lambda: Sometimes(Mixing(), Alone()))
    first, second = (set(probe(network, TOKENIZER, n)["input_ids"][0].tolist()) for n in (101, 2003))
    assert find_parts(ds.load(network, TOKENIZER)).remainder < 8
    network.blocks[0].rare = network.embedding.weight[sorted(second - first)]
    with refuses("on another text the parts of block 1 do not add up", "without parts"):
        find_parts(ds.load(network, TOKENIZER))


def test_the_kind_of_a_part_is_what_it_does_and_not_its_name() -> None:
    model = ds.load(toy(lambda: Plain(Alone(), Mixing())), TOKENIZER)
    assert find_parts(model).about == "blocks.0.attention (mlp), blocks.0.mlp (attention)"


def test_a_part_that_hears_of_other_tokens_only_through_another_part_is_an_mlp() -> None:
    model = planted()  # the second part of a block sees what the first has added, which does depend on other tokens
    for block in find_parts(model).blocks:
        assert [part.kind for part in block] == ["attention", "mlp"]


def test_blocks_that_are_built_otherwise_are_said_to_be() -> None:
    class One(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixer = Mixing()

        def forward(self, state: torch.Tensor) -> Any:
            return state + self.mixer(state)

    network = toy()
    network.blocks[2] = One()
    assert find_parts(ds.load(network, TOKENIZER)).about.endswith("; 1 of 6 blocks have other parts")


class Halving(Network):
    def flow(self, state: torch.Tensor) -> torch.Tensor:
        for number, block in enumerate(self.blocks):
            state = block(state / 2 if number in (2, 4) else state)
        return state


def test_of_a_stream_that_is_rescaled_the_parts_are_rescaled_with_the_updates() -> None:
    model = ds.load(toy(network=Halving), TOKENIZER)
    assert model.chain.factors == (1, 1, 0.5, 1, 0.5, 1)
    parts = find_parts(model)
    assert {part.weight for block in parts.blocks for part in block} == {1.0}
    assert deviation(model, parts) < 3e-7


class Turned(Network):
    def flow(self, state: torch.Tensor) -> torch.Tensor:
        return super().flow(state.transpose(0, 1)).transpose(0, 1)


class TurnedMixing(Mixing):
    def forward(self, state: torch.Tensor) -> Any:
        return super().forward(state.transpose(0, 1)).transpose(0, 1)


def test_parts_of_a_stream_with_the_tokens_first_are_those_of_the_same_network_with_the_batch_first() -> None:
    turned = ds.load(toy(lambda: Plain(TurnedMixing(), Alone()), Turned), TOKENIZER)
    plain = ds.load(toy(), TOKENIZER)
    assert turned.chain.layout == "token batch feature"
    ours, theirs = (heard(model, find_parts(model))[1] for model in (turned, plain))
    assert ours.keys() == theirs.keys()
    for key, part in ours.items():
        assert part.shape == (*IDS.shape, NOISE)
        torch.testing.assert_close(part, theirs[key], rtol=0, atol=1e-5)


def test_a_part_that_gives_all_tokens_in_one_row_is_put_back_into_texts() -> None:
    class Rows(Alone):
        def forward(self, state: torch.Tensor) -> Any:
            return super().forward(state.reshape(-1, NOISE))

    class Flat(Plain):
        def forward(self, state: torch.Tensor) -> Any:
            state = state + self.attention(state)
            return state + self.mlp(state).reshape(state.shape)

    model = ds.load(toy(lambda: Flat(Mixing(), Rows())), TOKENIZER)
    assert deviation(model, find_parts(model)) < 3e-7


def test_looking_for_parts_changes_nothing_and_leaves_no_hook() -> None:
    network = build("gemma3", len(TOKENIZER))
    model = ds.load(network, TOKENIZER)
    weights, before = copy.deepcopy(network.state_dict()), hooks(network)
    with torch.inference_mode():
        logits = network(IDS).logits
    find_parts(model)
    with find_parts(model).listening(model, lambda kind, number, part: part.clone()), torch.inference_mode():
        assert torch.equal(network(IDS).logits, logits)
    assert hooks(network) == before
    assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())


def test_hooks_are_gone_when_the_listener_raises() -> None:
    model = loaded("llama")
    before = hooks(model.network)

    def complain(kind: Any, number: int, part: torch.Tensor) -> None:
        raise RuntimeError("enough")

    parts = find_parts(model)
    with pytest.raises(RuntimeError, match="enough"), parts.listening(model, complain):
        model.run_trunk(IDS)
    assert hooks(model.network) == before


def test_a_module_that_runs_twice_in_a_block_is_no_part_of_it(refuses: Any) -> None:
    class Twice(Plain):
        def forward(self, state: torch.Tensor) -> Any:
            state = super().forward(state)
            self.mlp(state)  # to no avail
            return state

    with refuses("the update of block 1 (Twice) is no sum of up to 3 outputs"):
        find_parts(ds.load(toy(lambda: Twice(Mixing(), Alone())), TOKENIZER))


def test_parts_are_found_where_the_stream_drowns_its_updates_in_rounding() -> None:
    network = build("llama", len(byte_tokenizer()))
    with torch.no_grad():
        network.model.embed_tokens.weight *= 300  # updates far below it, as behind massive activations
    model = ds.load(network.to(torch.bfloat16), byte_tokenizer())
    kinds = [
        tuple((part.path.split(".")[-1], part.weight, part.kind) for part in block)
        for block in find_parts(model).blocks
    ]
    assert kinds == [(("self_attn", 1.0, "attention"), ("mlp", 1.0, "mlp"))] * DEPTH


def test_a_block_that_adds_nothing_has_no_parts() -> None:
    network = build("llama", len(byte_tokenizer()))
    with torch.no_grad():
        network.model.layers[2].self_attn.o_proj.weight.zero_()
        network.model.layers[2].mlp.down_proj.weight.zero_()
    found = find_parts(ds.load(network, byte_tokenizer()))
    assert [len(block) for block in found.blocks] == [2, 2, 0, *[2] * (DEPTH - 3)]
