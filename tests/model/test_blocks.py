"""Blocks are found by what they do; whatever only looks like a chain of blocks is refused."""

from typing import Any

import pytest
import torch
from torch import nn

import depthscope as ds
from depthscope.model.blocks import find_blocks
from tests.model.toy import WIDTH, Block, Toy

INPUTS = {"input_ids": torch.arange(16).reshape(2, 8)}


def test_an_honest_chain_is_found() -> None:
    assert find_blocks(Toy().eval(), INPUTS).path == "blocks"


def test_hooks_are_gone_after_the_search() -> None:
    network = Toy()
    find_blocks(network, INPUTS)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_hooks_are_gone_when_the_network_raises() -> None:
    class Faulty(Toy):
        def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("no head")

    network = Faulty()
    with pytest.raises(RuntimeError, match="no head"):
        find_blocks(network, INPUTS)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_blocks_that_return_tuples_are_a_chain(tokenizer: Any) -> None:
    class Pair(Block):
        def forward(self, state: torch.Tensor) -> Any:
            return super().forward(state), "attention weights"

    class Older(Toy):
        block = Pair

        def flow(self, state: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                state = block(state)[0]
            return state

    assert ds.load(Older(), tokenizer).path == "blocks"


def test_blocks_that_take_the_state_by_name_are_a_chain(tokenizer: Any) -> None:
    class Named(Block):
        def forward(self, *, mask: Any, hidden_states: torch.Tensor) -> Any:
            return super().forward(hidden_states)

    class ByName(Toy):
        block = Named

        def flow(self, state: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                state = block(mask=torch.zeros(1, 8, 8), hidden_states=state)  # a decoy of three dimensions
            return state

    assert ds.load(ByName(), tokenizer).path == "blocks"


def test_blocks_that_write_into_their_input_are_a_chain(tokenizer: Any) -> None:
    class InPlace(Block):
        def forward(self, state: torch.Tensor) -> Any:
            return state.add_(torch.tanh(self.mix(state)))

    class Thrifty(Toy):
        block = InPlace

    model = ds.load(Thrifty(), tokenizer)
    assert model.depth == 6


def test_normalising_between_blocks_breaks_the_chain(refuses: Any) -> None:
    class Normalising(Toy):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                state = nn.functional.layer_norm(block(state), (WIDTH,))
            return state

    with refuses("Normalising", "block 2 receives something else than block 1 gives", "blocks="):
        find_blocks(Normalising(), INPUTS)


def test_a_change_in_place_between_blocks_breaks_the_chain(refuses: Any) -> None:
    class Sly(Toy):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                state = block(state)
                state.add_(0.5)  # the same tensor object, with other numbers in it
            return state

    with refuses("block 2 receives something else than block 1 gives"):
        find_blocks(Sly(), INPUTS)


def test_a_list_used_in_reverse_is_refused(refuses: Any) -> None:
    class Reverse(Toy):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            for block in reversed(self.blocks):
                state = block(state)
            return state

    with refuses("blocks", "do not run once each, in order"):
        find_blocks(Reverse(), INPUTS)


def test_a_list_used_twice_is_refused(refuses: Any) -> None:
    class Looped(Toy):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            return super().flow(super().flow(state))

    with refuses("do not run once each, in order"):
        find_blocks(Looped(), INPUTS)


def test_modules_that_do_not_run_on_text_alone_are_passed_over(tokenizer: Any) -> None:
    class Skipping(Toy):
        """As models do that attend to an image in some of their layers, if there is one."""

        def flow(self, state: torch.Tensor) -> torch.Tensor:
            for i, block in enumerate(self.blocks):
                state = state if i == 3 else block(state)
            return state

    model = ds.load(Skipping(), tokenizer)
    assert model.chain.members == (0, 1, 2, 4, 5)
    assert (model.depth, model.blocks[3]) == (5, model.network.blocks[4])
    assert "1 of 6 modules do not run on text alone" in model.checks["stream"]


class Halving(Toy):
    """Halves its stream after the third block, as RWKV does to stay in the range of half precision."""

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        for i, block in enumerate(self.blocks):
            state = block(state)
            if i == 2:
                state = state / 2
        return state


def test_a_power_of_two_between_blocks_is_undone(tokenizer: Any) -> None:
    model = ds.load(Halving(), tokenizer)
    assert model.chain.factors == (1.0, 1.0, 1.0, 0.5, 1.0, 1.0)
    assert "before blocks 4 (x 0.5)" in model.checks["stream"]
    raw: dict[int, torch.Tensor] = {}
    undone: dict[int, torch.Tensor] = {}
    ids = torch.arange(5)[None]
    with model.chain.listening(model.network, raw.__setitem__, raw=True), model.listening(undone.__setitem__):
        model.run_trunk(ids)
    for i in range(7):
        assert torch.equal(undone[i], raw[i] * (2 if i > 3 else 1))


def test_any_other_factor_between_blocks_breaks_the_chain(refuses: Any) -> None:
    class Shrinking(Toy):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            for block in self.blocks:
                state = block(state) * 0.7
            return state

    with refuses("block 2 receives something else than block 1 gives"):
        find_blocks(Shrinking(), INPUTS)


@pytest.mark.parametrize(
    ("layout", "order"),
    [
        ("batch token stream feature", (1, 2, 0, 3)),
        ("stream batch token feature", (0, 1, 2, 3)),
    ],
)
def test_parallel_streams_are_one_long_vector(layout: str, order: tuple[int, ...], tokenizer: Any) -> None:
    class Wide(Block):
        def forward(self, state: torch.Tensor) -> Any:
            streams = state.permute(*(order.index(i) for i in range(4))) if order != (0, 1, 2, 3) else state
            return torch.stack([super(Wide, self).forward(one) for one in streams]).permute(order)

    class ManyStreams(Toy):
        block = Wide

        def flow(self, state: torch.Tensor) -> torch.Tensor:
            state = torch.stack([state, 2 * state, -state]).permute(order)
            for block in self.blocks:
                state = block(state)
            return state.permute(*(order.index(i) for i in range(4))).sum(0)

    model = ds.load(ManyStreams(), tokenizer)
    assert model.chain.layout == layout
    assert model.width == 3 * WIDTH
    states: dict[int, torch.Tensor] = {}
    with model.listening(states.__setitem__):
        model.run_trunk(torch.arange(5)[None])
    embedded = model.network.embedding(torch.arange(5))[None]
    assert torch.equal(states[0], torch.cat([embedded, 2 * embedded, -embedded], -1))


def test_tokens_before_the_batch_are_put_behind_it(tokenizer: Any) -> None:
    class Turned(Toy):
        class Block(Block):
            def forward(self, state: torch.Tensor) -> Any:
                return super().forward(state.transpose(0, 1)).transpose(0, 1)

        block = Block

        def flow(self, state: torch.Tensor) -> torch.Tensor:
            return super().flow(state.transpose(0, 1)).transpose(0, 1)

    turned, plain = ds.load(Turned(), tokenizer), ds.load(Toy(), tokenizer)
    assert turned.chain.layout == "token batch feature"
    ids = torch.arange(12).reshape(3, 4)
    seen: list[dict[int, torch.Tensor]] = [{}, {}]
    for model, states in zip((turned, plain), seen, strict=True):
        with model.listening(states.__setitem__):
            model.run_trunk(ids)
    assert all(torch.equal(seen[0][i], seen[1][i]) for i in range(7))


def test_a_stream_that_is_no_token_s_is_refused(refuses: Any) -> None:
    class Pooled(Toy):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            return super().flow(state.repeat(1, 2, 1))[:, :8]

    with refuses("for 2 texts of 8 tokens its state has the shape (2, 16, 16)"):
        find_blocks(Pooled(), INPUTS)


def test_parallel_experts_are_no_chain(refuses: Any) -> None:
    class Parallel(Toy):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            return sum((block(state) for block in self.blocks), torch.zeros_like(state))

    with refuses("block 2 receives something else"):
        find_blocks(Parallel(), INPUTS)


def test_lists_inside_a_block_are_not_taken_for_the_blocks() -> None:
    class Deep(Block):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Sequential(*(Block() for _ in range(9)))  # longer than the list of blocks

        def forward(self, state: torch.Tensor) -> Any:
            return self.inner(state)

    class Nested(Toy):
        block = Deep

    assert find_blocks(Nested(), INPUTS).path == "blocks"


class Plain(Toy):
    """Blocks as attributes, in no list."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = nn.Module()
        for i, block in enumerate(self.blocks):
            self.chain.add_module(f"block{i}", block)
        del self.blocks

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        for block in self.chain.children():
            state = block(state)
        return state


def test_without_a_list_of_modules_the_error_names_the_override(refuses: Any) -> None:
    with refuses("no chain of blocks found in Plain", "it has no list of modules", "blocks="):
        find_blocks(Plain(), INPUTS)


def test_the_override_finds_what_the_search_cannot(tokenizer: Any) -> None:
    model = ds.load(Plain(), tokenizer, blocks="chain")
    assert (model.path, model.depth) == ("chain", 6)


class Sighted(Toy):
    """With a vision tower, longer than the chain of blocks, that does not run on text."""

    def __init__(self) -> None:
        super().__init__()
        self.vision = nn.ModuleList(Block() for _ in range(12))


def test_a_tower_that_does_not_run_on_text_is_passed_over(tokenizer: Any) -> None:
    assert ds.load(Sighted(), tokenizer).path == "blocks"


def test_the_override_cannot_force_a_tower_that_does_not_run(tokenizer: Any, refuses: Any) -> None:
    with refuses("blocks='vision'", "does not run when text alone is given"):
        ds.load(Sighted(), tokenizer, blocks="vision")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("layers", "no such module"),
        ("norm.weight", "no such module"),
        ("norm", "not a chain of blocks"),
        ("", "not a chain of blocks"),
        ("blocks.0", "1 blocks are too few"),
    ],
)
def test_a_wrong_override_is_refused(path: str, reason: str, tokenizer: Any, refuses: Any) -> None:
    with refuses(reason):
        ds.load(Toy(), tokenizer, blocks=path)


def test_the_right_override_is_accepted(tokenizer: Any) -> None:
    assert ds.load(Toy(), tokenizer, blocks="blocks").path == "blocks"


def test_the_longer_of_two_chains_is_taken() -> None:
    class Stacked(Toy):
        def __init__(self) -> None:
            super().__init__()
            self.preparation = nn.ModuleList(Block() for _ in range(2))

        def flow(self, state: torch.Tensor) -> torch.Tensor:
            for block in self.preparation:
                state = block(state)
            return super().flow(state)

    assert find_blocks(Stacked(), INPUTS).path == "blocks"


class Passing(nn.Module):
    """Two chains, the one that the network lists last running first."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        self.after = nn.ModuleList(Block() for _ in range(last))
        self.before = nn.ModuleList(Block() for _ in range(first))
        self.embedding = nn.Embedding(97, WIDTH)

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        state = self.embedding(input_ids)
        for block in (*self.before, *self.after):
            state = block(state)
        return state


@pytest.mark.parametrize("first", [4, 5])
def test_of_equally_long_chains_the_one_that_runs_last_is_taken(first: int) -> None:
    assert find_blocks(Passing(first, 5), INPUTS).path == "after"


def test_a_longer_chain_before_a_short_one_is_taken() -> None:
    assert find_blocks(Passing(6, 2), INPUTS).path == "before"


class Local(Toy):
    """As byte-level models do: tokens are read by blocks, thought about in patches by others, and no chain goes through."""

    patches = 6

    def __init__(self) -> None:
        super().__init__()
        self.world = nn.ModuleList(Block() for _ in range(self.patches))

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        read = super().flow(state)
        thought = read[:, ::2]
        for block in self.world:
            thought = block(thought)
        return read + thought.repeat_interleave(2, 1)


def test_a_chain_that_only_prepares_another_is_refused(refuses: Any) -> None:
    with refuses("blocks (followed by world, no shorter)", "world (for 2 texts of 8 tokens", "blocks="):
        find_blocks(Local(), INPUTS)


def test_a_chain_that_only_prepares_another_can_be_named() -> None:
    assert find_blocks(Local(), INPUTS, "blocks").path == "blocks"


def test_heads_side_by_side_may_follow_the_chain() -> None:
    class Codebooks(Toy):
        def __init__(self) -> None:
            super().__init__()
            self.heads = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(12))

        def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
            return torch.stack([head(state) for head in self.heads])

    assert find_blocks(Codebooks(), INPUTS).path == "blocks"


def test_something_shorter_may_follow_the_chain() -> None:
    class Brief(Local):
        patches = 3

    assert find_blocks(Brief(), INPUTS).path == "blocks"


def test_fewer_than_four_blocks_are_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("3 blocks are too few", "at least 4"):
        ds.load(Toy(depth=3), tokenizer)
    assert ds.load(Toy(depth=4), tokenizer).depth == 4
