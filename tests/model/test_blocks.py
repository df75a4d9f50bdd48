"""Blocks are found by what they do; whatever only looks like a chain of blocks is refused."""

from typing import Any

import pytest
import torch
from torch import nn

import depthscope as ds
from depthscope.model.blocks import find_blocks
from tests.model.toy import WIDTH, Block, Toy

INPUTS = {"input_ids": torch.arange(8)[None]}


def test_an_honest_chain_is_found() -> None:
    assert find_blocks(Toy().eval(), INPUTS) == "blocks"


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
                state.mul_(0.5)  # the same tensor object, with other numbers in it
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


def test_a_skipped_block_is_refused(refuses: Any) -> None:
    class Skipping(Toy):
        def flow(self, state: torch.Tensor) -> torch.Tensor:
            for block in list(self.blocks)[:-1]:
                state = block(state)
            return state

    with refuses("do not run once each, in order"):
        find_blocks(Skipping(), INPUTS)


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

    assert find_blocks(Nested(), INPUTS) == "blocks"


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

    assert find_blocks(Stacked(), INPUTS) == "blocks"


def test_fewer_than_four_blocks_are_refused(tokenizer: Any, refuses: Any) -> None:
    with refuses("3 blocks are too few", "at least 4"):
        ds.load(Toy(depth=3), tokenizer)
    assert ds.load(Toy(depth=4), tokenizer).depth == 4
