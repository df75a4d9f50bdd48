"""Heads are found by what they do: where each begins and ends, and that they add up; whatever has none is refused."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers as t
from torch import nn

import depthscope as ds
from depthscope.model.heads import Heads, find_heads
from depthscope.model.model import measuring
from depthscope.model.parts import find_parts
from tests.model.families import DEPTH, GROUPED, SETTINGS
from tests.model.planted import NOISE, Alone, Network, Plain, toy
from tests.model.test_parts import IDS, TOKENIZER, hooks, loaded, small

BEHIND = {
    "gpt2": "transformer.h.0.attn.c_proj",
    "gpt-neox": "gpt_neox.layers.0.attention.dense",
    "opt": "model.decoder.layers.0.self_attn.out_proj",
    "bloom": "transformer.h.0.self_attention.dense",
}
# a norm stands between its heads and the stream
NORMED = ("gemma3",)
AFTER = {
    "gemma2": "post_attention_layernorm",
    "gemma3_text": "post_attention_layernorm",
    "olmo2": "post_attention_layernorm",
    "glm4": "post_self_attn_layernorm",
}


def found(model: ds.Model) -> Heads:
    return find_heads(model, find_parts(model))


def written(model: ds.Model, heads: Heads) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """At all tokens: the attention part (layer, token, d), what each head writes (layer, head, token, d), what reaches them."""
    whole: dict[int, torch.Tensor] = {}
    reaching: dict[int, torch.Tensor] = {}

    def hear(kind: str, number: int, part: torch.Tensor) -> None:
        if kind == "attention":
            whole[number] = part.flatten(0, 1).double().clone()

    def reach(number: int, value: torch.Tensor) -> None:
        reaching[number] = value.flatten(0, 1).clone()

    with find_parts(model).listening(model, hear), heads.listening(model, reach):
        model.run_trunk(IDS)
    with measuring(model.network):
        given = [
            torch.stack([heads.written(model, number, head, values) for head in range(heads.count)])
            for number, values in sorted(reaching.items())
        ]
    return (
        torch.stack([whole[number] for number in sorted(reaching)]),
        torch.stack(given),
        torch.stack([reaching[number] for number in sorted(reaching)]),
    )


@pytest.mark.parametrize("family", [name for name in SETTINGS if name not in NORMED])
def test_in_nine_families_the_heads_are_those_of_their_definitions_and_add_up(family: str) -> None:
    model = loaded(family)
    before = hooks(model.network)
    heads = found(model)
    assert heads.count == 4
    paths = [part.path for part in heads.projections if part is not None]
    assert len(paths) == DEPTH
    assert paths[0] == BEHIND.get(family, "model.layers.0.self_attn.o_proj")
    assert heads.about == f"4 in each block, added up by {paths[0]}"
    assert 0 < heads.remainder < 1e-6
    whole, given, _ = written(model, heads)
    module: Any = model.network.get_submodule(paths[0])
    bias = module.bias if getattr(module, "bias", None) is not None else torch.zeros(1)
    left = whole[0] - given[0].sum(0) - bias.detach().double()
    assert float(left.abs().max()) < 1e-6 * float(whole.abs().max())
    assert hooks(model.network) == before


@pytest.mark.parametrize("name", ["falcon", "cohere", "phi", "gptj", "deepseek_v3", "granite"])
def test_other_ways_to_build_attention_have_their_heads_too(name: str) -> None:
    heads = found(small(name))
    assert heads.count == 4
    assert all(heads.projections)
    assert heads.remainder < 1e-6


def test_what_a_head_writes_is_what_its_columns_of_the_projection_make_of_its_values_in_double_precision() -> None:
    """The oracle: attention of a Llama written out, head by head."""
    model = loaded("llama", torch.float64)
    network: Any = model.network
    network.set_attn_implementation("eager")  # which tells its patterns, and rounds them
    _, given, _ = written(model, found(model))
    kept: dict[str, torch.Tensor] = {}
    block = network.model.layers[1]
    handle = block.self_attn.v_proj.register_forward_hook(lambda m, a, o: kept.update(values=o.clone()))
    with torch.inference_mode():
        patterns = network(IDS, output_attentions=True).attentions[1]
    handle.remove()
    values = kept["values"].unflatten(-1, (2, 8)).repeat_interleave(2, dim=2)  # two groups serve four heads
    for head in range(4):
        mixed = patterns[:, head] @ values[:, :, head]
        expected = mixed @ block.self_attn.o_proj.weight[:, head * 8 : (head + 1) * 8].T
        torch.testing.assert_close(given[1, head], expected.flatten(0, 1), rtol=0, atol=1e-12)


def test_a_residual_multiplier_is_the_weight_of_the_heads() -> None:
    torch.manual_seed(0)
    config = t.GraniteConfig(**{**GROUPED, "vocab_size": len(TOKENIZER), "residual_multiplier": 0.22})
    model = ds.load(t.GraniteForCausalLM(config).eval().double(), TOKENIZER)
    whole, given, _ = written(model, found(model))
    torch.testing.assert_close(given.sum(1), whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_in_half_precision_the_same_heads_are_found(dtype: torch.dtype) -> None:
    heads = found(loaded("llama", dtype))
    assert heads.count == 4
    assert heads.remainder < 8 * torch.finfo(dtype).eps


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mamba", ("backbone.layers.0.mixer.out_proj are no heads", "block 1")),
        ("qwen3_next", ("linear_attn.out_proj are no heads",)),
        ("falcon_h1", ("block 1 has 2 parts that mix tokens", "self_attn")),
        # one head of it is two of those that the configuration counts
        ("diffllama", ("as if there were 2 in a block", "the configuration has 4")),
    ],
)
def test_what_has_no_heads_is_refused_with_the_reason(name: str, said: tuple[str, ...], refuses: Any) -> None:
    model = small(name)
    parts, before = find_parts(model), hooks(model.network)
    with refuses(*said, "parts=True"):
        find_heads(model, parts)
    assert hooks(model.network) == before


@pytest.mark.parametrize("name", AFTER)
def test_behind_a_norm_every_head_is_scaled_as_all_of_them_are(name: str) -> None:
    """The oracle: the norm written out, its scale that of the sum of the heads."""
    model = small(name)
    torch.manual_seed(1)
    for module in model.network.modules():
        if type(module).__name__.endswith("RMSNorm"):
            nn.init.normal_(module.weight, 0.5, 0.5)
    heads, before = found(model), hooks(model.network)
    assert heads.about.endswith(f"model.layers.0.self_attn.o_proj, scaled together by {heads.norms[0]}")
    assert heads.norms == tuple(f"model.layers.{k}.{AFTER[name]}" for k in range(model.depth))
    assert heads.remainder < 1e-6
    whole, given, reaching = written(model, heads)
    block: Any = model.blocks[0]
    norm, project = getattr(block, AFTER[name]), block.self_attn.o_proj
    assert project.bias is None
    size = reaching.shape[-1] // heads.count
    each = [
        reaching[0, :, k * size : (k + 1) * size] @ project.weight[:, k * size : (k + 1) * size].T for k in range(4)
    ]
    plain = torch.stack(each).detach().double()
    eps = norm.eps if hasattr(norm, "eps") else norm.variance_epsilon
    scale = (plain.sum(0).square().mean(-1, keepdim=True) + eps).rsqrt()
    weight = norm.weight.detach().double() + name.startswith("gemma")
    torch.testing.assert_close(given[0], plain * scale * weight, rtol=0, atol=2e-6 * float(whole.abs().max()))
    torch.testing.assert_close(given.sum(1), whole, rtol=0, atol=2e-6 * float(whole.abs().max()))
    assert hooks(model.network) == before


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_behind_a_norm_in_half_precision_they_add_up_to_its_rounding(dtype: torch.dtype) -> None:
    heads = found(loaded("gemma3", dtype))
    assert heads.count == 4
    assert heads.remainder < 8 * torch.finfo(dtype).eps


class Attention(nn.Module):
    """Attention as it is taught, without positions; what subclasses do to its heads is their peculiarity."""

    def __init__(self, heads: int = 4, bias: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.mix = nn.Linear(NOISE, 3 * NOISE)
        self.out = nn.Linear(NOISE, NOISE, bias=bias)
        for parameter in self.parameters():
            nn.init.normal_(parameter, std=0.6)

    def forward(self, state: torch.Tensor) -> Any:
        unit = state / state.norm(dim=-1, keepdim=True).clamp(min=1e-6)
        query, key, value = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in self.mix(unit).chunk(3, dim=-1))
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.join(mixed, unit)

    def join(self, mixed: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        return self.out(mixed.transpose(1, 2).flatten(2))


def attending(kind: type[Attention] = Attention, told: int | None = None, **options: Any) -> ds.Model:
    network = toy(lambda: Plain(kind(**options), Alone()))
    if told is not None:
        network.config = SimpleNamespace(max_position_embeddings=64, to_dict=dict, num_attention_heads=told)
    return ds.load(network, TOKENIZER)


@pytest.mark.parametrize("heads", [1, 2, 4, 8])
def test_the_number_of_heads_is_found_where_no_configuration_tells_it(heads: int) -> None:
    assert found(attending(heads=heads)).count == heads


@pytest.mark.parametrize(("heads", "told"), [(4, 8), (4, 2), (2, 4), (4, 3)])
def test_a_configuration_that_is_wrong_about_them_is_not_believed(heads: int, told: int, refuses: Any) -> None:
    model = attending(heads=heads, told=told)
    with refuses("the number of heads is not certain", f"as if there were {heads}", f"the configuration has {told}"):
        found(model)


def test_the_bias_of_the_projection_belongs_to_no_head() -> None:
    with_bias = attending(bias=True)
    whole, given, _ = written(with_bias, found(with_bias))
    left = (whole - given.sum(1)).float()
    for number, block in enumerate(with_bias.blocks):
        bias = block.attention.out.bias  # type: ignore[union-attr]
        torch.testing.assert_close(left[number], bias.expand_as(left[number]), rtol=0, atol=1e-5)
    assert float(left.abs().min(dim=0).values.max()) > 0.1  # there is one


class Gated(Attention):
    """The token itself opens or closes every number of its heads."""

    def join(self, mixed: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        return self.out(mixed.transpose(1, 2).flatten(2) * torch.sigmoid(4 * unit))


def test_a_gate_that_depends_on_the_token_alone_leaves_heads_what_they_are() -> None:
    model = attending(Gated)
    heads = found(model)
    assert heads.count == 4
    whole, given, _ = written(model, heads)
    bias = model.blocks[2].attention.out.bias  # type: ignore[union-attr]
    torch.testing.assert_close(given[2].sum(0).float() + bias, whole[2].float(), rtol=0, atol=1e-5)


class Interleaved(Attention):
    """Numbers of all heads stand mixed: no run of neighbours is a head."""

    def join(self, mixed: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        return self.out(mixed.permute(0, 2, 3, 1).flatten(2))


class Curved(Attention):
    """Something curved behind the heads."""

    def join(self, mixed: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.out(mixed.transpose(1, 2).flatten(2)))


class Behind(Attention):
    """A module behind the projection, within attention."""

    def __init__(self, last: Any = lambda: nn.LayerNorm(NOISE), **options: Any) -> None:
        super().__init__(**options)
        self.last = last()
        for parameter in self.last.parameters():
            nn.init.normal_(parameter, 0.5, 0.5)

    def join(self, mixed: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        return self.last(super().join(mixed, unit))


def test_a_layer_norm_with_biases_leaves_these_to_no_head() -> None:
    model = attending(Behind)
    heads = found(model)
    assert (heads.count, heads.norms[0]) == (4, "blocks.0.attention.last")
    whole, given, reaching = written(model, heads)
    attention: Any = model.blocks[0].attention
    with torch.no_grad():
        each = [reaching[0, :, k * 8 : (k + 1) * 8] @ attention.out.weight[:, k * 8 : (k + 1) * 8].T for k in range(4)]
        plain = torch.stack([*each, attention.out.bias.expand_as(each[0])]).double()
        centred = plain - plain.mean(-1, keepdim=True)
        scale = (centred.sum(0).square().mean(-1, keepdim=True) + attention.last.eps).rsqrt()
        expected = centred * scale * attention.last.weight.double()
    torch.testing.assert_close(given[0], expected[:4], rtol=0, atol=2e-6 * float(whole[0].abs().max()))
    with measuring(model.network):
        rest = heads.unsplit(model, 1, reaching[0])
    torch.testing.assert_close(rest, expected[4] + attention.last.bias, rtol=0, atol=1e-5)
    torch.testing.assert_close(given[0].sum(0) + rest, whole[0], rtol=0, atol=1e-5)


class Halves(nn.Module):
    """Two scales, one for either half of the numbers."""

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        halves = state.unflatten(-1, (2, -1))
        return (halves / (halves.norm(dim=-1, keepdim=True) + 1e-6)).flatten(-2)


@pytest.mark.parametrize("last", [nn.Tanh, nn.GELU, lambda: nn.Softmax(-1), Halves])
def test_what_stands_behind_the_heads_and_is_no_linear_map_times_a_number_is_refused(last: Any, refuses: Any) -> None:
    with refuses("the heads do not add up", "parts=True"):
        found(attending(Behind, last=last))


def test_a_head_that_writes_nothing_has_no_share_behind_a_norm() -> None:
    model = attending(Behind, bias=False)
    with torch.no_grad():
        model.blocks[0].attention.out.weight[:, 8:16] = 0  # type: ignore[union-attr,operator,index]
    whole, given, _ = written(model, found(model))
    assert not given[0, 1].any()
    assert given[0, 0].abs().max() > 0.01 * whole[0].abs().max()


class Across(Attention):
    """Centred across all heads, so that each sees the others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.norm = nn.LayerNorm(NOISE)

    def join(self, mixed: torch.Tensor, unit: torch.Tensor) -> torch.Tensor:
        return self.out(self.norm(mixed.transpose(1, 2).flatten(2)))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Interleaved, "are no heads"),
        (Curved, "no module in it maps them linearly"),
        (Across, "are no heads"),
    ],
)
def test_heads_that_are_not_side_by_side_or_not_added_up_are_refused(
    kind: type[Attention], said: str, refuses: Any
) -> None:
    with refuses(said, "parts=True"):
        found(attending(kind))


def test_blocks_with_unlike_numbers_of_heads_are_refused(refuses: Any) -> None:
    numbers = iter([4, 2, 4, 4, 4, 4])
    model = ds.load(toy(lambda: Plain(Attention(next(numbers)), Alone())), TOKENIZER)
    with refuses("the number of heads is not certain", "2 or 4"):
        found(model)


def test_a_mean_over_tokens_without_a_projection_has_no_heads(refuses: Any) -> None:
    with refuses("blocks.0.attention (Mixing) cannot be split into heads"):
        found(ds.load(toy(), TOKENIZER))


def test_a_network_that_mixes_no_tokens_has_none(refuses: Any) -> None:
    with refuses("no block has a part that mixes tokens"):
        found(ds.load(toy(lambda: Plain(Alone(), Alone())), TOKENIZER))


def test_a_block_without_attention_has_no_heads_and_is_said_to_have_none() -> None:
    numbers = iter(range(6))
    blocks = toy(lambda: Plain(Alone() if next(numbers) == 3 else Attention(), Alone()))
    heads = found(ds.load(blocks, TOKENIZER))
    assert [part is None for part in heads.projections] == [False, False, False, True, False, False]
    assert heads.about.endswith("; 1 of 6 blocks have no attention")


class Halving(Network):
    def flow(self, state: torch.Tensor) -> torch.Tensor:
        for number, block in enumerate(self.blocks):
            state = block(state / 2 if number in (2, 4) else state)
        return state


def test_of_a_stream_that_is_rescaled_the_heads_are_rescaled_with_the_updates() -> None:
    model = ds.load(toy(lambda: Plain(Attention(bias=False), Alone()), Halving), TOKENIZER)
    assert model.chain.factors == (1, 1, 0.5, 1, 0.5, 1)
    whole, given, _ = written(model, found(model))
    torch.testing.assert_close(given.sum(1), whole, rtol=0, atol=1e-4)


def test_removing_the_numbers_of_a_head_is_removing_the_head() -> None:
    """Its values are made 0 before attention: the part loses what is said to be the head's, and nothing else."""
    model = attending()
    heads = found(model)
    whole, given, _ = written(model, heads)
    with torch.no_grad():
        mix: Any = model.blocks[0].attention.mix  # type: ignore[union-attr]
        mix.weight[2 * NOISE + 8 : 2 * NOISE + 16] = 0
        mix.bias[2 * NOISE + 8 : 2 * NOISE + 16] = 0
    without, _, _ = written(model, heads)
    torch.testing.assert_close(whole[0] - without[0], given[0, 1], rtol=0, atol=1e-5)
