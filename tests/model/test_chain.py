"""States edited on their way through the network, and blocks that need not run: exact to the bit."""

from collections import namedtuple
from collections.abc import Iterator
from typing import Any, get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import depthscope as ds
from depthscope.model.miniature import byte_tokenizer, families, miniature
from depthscope.model.model import inputs_of, measuring
from depthscope.model.stream import (
    Layout,
    from_stream,
    layout_of,
    stream_in,
    stream_out,
    to_stream,
    with_stream_in,
    with_stream_out,
)
from tests.model.families import SETTINGS, build
from tests.model.planted import NOISE, Alone, Mixing, Network, Plain, toy

TOKENIZER = byte_tokenizer()
IDS = torch.tensor([[70, 71, 90, 200, 13, 44, 171, 90, 66], [99, 70, 14, 51, 52, 53, 180, 181, 182]])
PLACE = 4  # the token that is edited

# streams that lie in memory in another way, or that the network rescales on its way
PECULIAR = {
    "deepseek_v4": "batch token stream feature",
    "gemma3n_text": "stream batch token feature",
    "rwkv": "batch token feature",
}


class Turned(Network):
    """With the tokens before the batch, as in XLNet."""

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        return super().flow(state.transpose(0, 1)).transpose(0, 1)


class TurnedMixing(Mixing):
    def forward(self, state: torch.Tensor) -> Any:
        return super().forward(state.transpose(0, 1)).transpose(0, 1)


class InPlace(Plain):
    """Writes into the state that it was given."""

    def forward(self, state: torch.Tensor) -> Any:
        return state.add_(self.attention(state))


class Pair(Plain):
    """Takes the state by name and gives a tuple."""

    def forward(self, *, hidden_states: torch.Tensor) -> Any:
        return super().forward(hidden_states), "attention weights"


class Older(Network):
    def flow(self, state: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            state = block(hidden_states=state)[0]
        return state


TOYS: dict[str, Any] = {
    "token first": lambda: toy(lambda: Plain(TurnedMixing(), Alone()), Turned),
    "in place": lambda: toy(lambda: InPlace(Mixing(), Alone())),
    "tuples": lambda: toy(lambda: Pair(Mixing(), Alone()), Older),
}


@pytest.fixture(scope="module", params=[*SETTINGS, *PECULIAR, *TOYS])
def model(request: pytest.FixtureRequest) -> ds.Model:
    name = request.param
    if name in SETTINGS:
        return ds.load(build(name, len(TOKENIZER)), TOKENIZER)
    if name in TOYS:
        return ds.load(TOYS[name](), TOKENIZER)
    return ds.load(miniature(next(f for f in families() if f.model_type == name)), TOKENIZER)


def run(model: ds.Model, ids: torch.Tensor = IDS) -> torch.Tensor:
    """All logits of a pass as depthscope makes them: without a cache."""
    network: Any = model.network
    with measuring(network):
        return network(**inputs_of(network, ids, torch.ones_like(ids))).logits.clone()


def states(model: ds.Model, ids: torch.Tensor = IDS) -> list[torch.Tensor]:
    """As hooks hear them that are set now."""
    found: dict[int, torch.Tensor] = {}
    with model.listening(lambda i, state: found.update({i: state.clone()})):
        run(model, ids)
    return [found[i] for i in range(model.depth + 1)]


def some(model: ds.Model) -> Iterator[int]:
    yield from (0, 1, model.depth // 2, model.depth)


def test_an_edit_that_edits_nothing_changes_no_bit(model: ds.Model) -> None:
    logits, before = run(model), states(model)
    with model.editing(lambda number, state: None, range(model.depth + 1)):
        assert torch.equal(run(model), logits)
        assert all(torch.equal(a, b) for a, b in zip(states(model), before, strict=True))


def test_a_state_exchanged_for_itself_changes_no_bit(model: ds.Model) -> None:
    logits, before = run(model), states(model)

    def put(number: int, state: torch.Tensor) -> None:
        state[:, PLACE] = before[number][:, PLACE]

    with model.editing(put, range(model.depth + 1)):
        assert torch.equal(run(model), logits)


def test_one_position_is_changed_at_one_depth_and_nothing_before_it(model: ds.Model) -> None:
    before = states(model)
    for number in some(model):

        def put(_: int, state: torch.Tensor, number: int = number) -> None:
            state[1, PLACE] = 2 * before[number][1, PLACE].flip(-1)

        with model.editing(put, (number,)):
            after = states(model)
        assert all(torch.equal(a, b) for a, b in zip(after[:number], before[:number], strict=True))
        assert torch.equal(after[number][1, PLACE], 2 * before[number][1, PLACE].flip(-1))
        untouched = torch.ones(IDS.shape, dtype=torch.bool)
        untouched[1, PLACE] = False
        assert torch.equal(after[number][untouched], before[number][untouched])
        for later in range(number + 1, model.depth + 1):
            assert not torch.equal(after[later][1, PLACE], before[later][1, PLACE])
            for row, end in ((0, IDS.shape[1]), (1, PLACE)):  # the other text, and the tokens before
                torch.testing.assert_close(after[later][row, :end], before[later][row, :end], rtol=0, atol=1e-5)
        if number + 1 <= model.depth:
            assert not torch.equal(after[-1][1, PLACE + 1 :], before[-1][1, PLACE + 1 :])  # later tokens have heard


def test_with_the_states_of_another_text_everything_after_is_that_text_s(model: ds.Model) -> None:
    if type(model.network).__name__ == "Gemma3nForCausalLM":
        pytest.skip("its blocks also see the tokens themselves, and what the first of them kept")
    other = IDS.flip(0)
    wanted, logits = states(model, other), run(model, other)
    for number in some(model):
        with model.editing(lambda i, state: state.copy_(wanted[i]), (number,)):
            after = states(model)
            if model.checks["head"].startswith("logits"):
                assert torch.equal(run(model), logits)
        assert all(torch.equal(a, b) for a, b in zip(after[number:], wanted[number:], strict=True))


def test_patching_every_layer_at_one_position_gives_the_twin_s_state_there(model: ds.Model) -> None:
    twin = states(model, IDS.flip(0))

    def put(number: int, state: torch.Tensor) -> None:
        state[:, PLACE] = twin[number][:, PLACE]

    with model.editing(put, range(model.depth + 1)):
        after = states(model)
    assert all(torch.equal(a[:, PLACE], b[:, PLACE]) for a, b in zip(after, twin, strict=True))
    assert not torch.equal(after[-1][:, 0], twin[-1][:, 0])


def test_after_the_last_block_the_logits_follow_and_no_state_before(model: ds.Model) -> None:
    before, logits = states(model), run(model)
    with model.editing(lambda number, state: state[0, PLACE].mul_(-1), (model.depth,)):
        after, changed = states(model), run(model)
    assert all(torch.equal(a, b) for a, b in zip(after[:-1], before[:-1], strict=True))
    assert not torch.equal(changed[0, PLACE], logits[0, PLACE])
    untouched = torch.ones(IDS.shape, dtype=torch.bool)
    untouched[0, PLACE] = False
    torch.testing.assert_close(changed[untouched], logits[untouched], rtol=0, atol=1e-5)


def test_the_layouts_are_what_these_models_are_here_for() -> None:
    for name, layout in PECULIAR.items():
        model = ds.load(miniature(next(f for f in families() if f.model_type == name)), TOKENIZER)
        assert model.chain.layout == layout
        assert (set(model.chain.factors) != {1.0}) == (name == "rwkv")
    assert ds.load(TOYS["token first"](), TOKENIZER).chain.layout == "token batch feature"


@given(
    st.sampled_from(get_args(Layout)),
    st.fixed_dictionaries({name: st.integers(1, 4) for name in ("batch", "token", "stream", "feature")}),
)
def test_every_layout_is_put_back_as_it_lay_in_memory(layout: Layout, sizes: dict[str, int]) -> None:
    shape = torch.Size(sizes[name] for name in layout.split())
    state = torch.randn(shape)
    stream = to_stream(state, layout)
    streams = sizes["stream"] if "stream" in layout else 1
    assert stream.shape == (sizes["batch"], sizes["token"], streams * sizes["feature"])
    assert torch.equal(from_stream(stream, layout, shape), state)
    assert torch.equal(to_stream(from_stream(stream.clone(), layout, shape), layout), stream)


@pytest.mark.parametrize("layout", get_args(Layout))
def test_a_layout_is_told_from_a_shape_and_a_vector_of_a_token_stays_together(layout: Layout) -> None:
    sizes = {"batch": 2, "token": 5, "stream": 3, "feature": 4}
    names = layout.split()
    state = torch.arange(2 * 5 * 3 * 4 if "stream" in names else 2 * 5 * 4).reshape([sizes[n] for n in names]).float()
    assert layout_of(state, 2, 5) == layout
    for b in range(2):
        for t in range(5):
            where = {"batch": b, "token": t, "stream": slice(None), "feature": slice(None)}
            assert torch.equal(to_stream(state, layout)[b, t], state[tuple(where[n] for n in names)].reshape(-1))


def test_the_same_arguments_and_outputs_hold_another_state() -> None:
    old, new, mask = torch.zeros(1, 2, 3), torch.ones(1, 2, 3), torch.zeros(1, 1, 2, 2, dtype=torch.long)
    args, kwargs = with_stream_in((mask, old), {"position": 7}, new)
    assert args[0] is mask
    assert args[1] is new
    assert kwargs == {"position": 7}
    args, kwargs = with_stream_in((mask,), {"hidden_states": old, "position": 7}, new)
    assert stream_in(args, kwargs) is new
    assert kwargs["position"] == 7
    named = namedtuple("named", "state weights")
    for output in (old, (old, "w"), [old, "w"], named(old, "w")):
        changed = with_stream_out(output, new)
        assert type(changed) is type(output)
        assert stream_out(changed) is new
        assert stream_out(output) is old
        assert output is old or changed[1] == "w"


def test_blocks_that_stand_in_give_the_full_pass_to_the_bit(model: ds.Model) -> None:
    logits, before = run(model), states(model)
    outputs: list[Any] = []
    with model.chain.recording(model.network, outputs):
        run(model)
    assert len(outputs) == model.depth
    if type(model.network).__name__ == "Gemma3nForCausalLM":
        with pytest.raises(KeyError), model.chain.standing_in(model.network, outputs[:7]):
            run(model)  # keys and values that an earlier block would have kept
        return
    for count in range(model.depth + 1):
        with model.chain.standing_in(model.network, outputs[:count]):
            assert torch.equal(run(model), logits)
            assert all(torch.equal(a, b) for a, b in zip(states(model), before, strict=True))
    assert torch.equal(run(model), logits)


def test_blocks_that_stand_in_do_not_run_and_the_others_do() -> None:
    model = ds.load(toy(), TOKENIZER)
    ran: list[str] = []
    handles = [
        block.attention.register_forward_hook(lambda m, a, o, i=i: ran.append(i))
        for i, block in enumerate(model.blocks)
    ]
    outputs: list[Any] = []
    with model.chain.recording(model.network, outputs):
        run(model)
    ran.clear()
    with model.chain.standing_in(model.network, outputs[:4]):
        run(model)
    assert ran == [4, 5]
    for handle in handles:
        handle.remove()


def test_an_edit_behind_blocks_that_stand_in_is_the_edit_of_the_full_pass(model: ds.Model) -> None:
    if type(model.network).__name__ == "Gemma3nForCausalLM":
        pytest.skip("it cannot do without its first blocks, as another test shows")
    outputs: list[Any] = []
    with model.chain.recording(model.network, outputs):
        before = states(model)
    for number in range(1, model.depth):

        def put(_: int, state: torch.Tensor, number: int = number) -> None:
            state[:, PLACE] = before[number - 1][:, PLACE]

        with model.editing(put, (number,)):
            whole = run(model)
        with model.chain.standing_in(model.network, outputs[:number]), model.editing(put, (number,)):
            short = run(model)
        assert torch.equal(whole, short)
        assert not torch.equal(whole, run(model))


def test_what_was_recorded_outlives_an_edit_in_place() -> None:
    model = ds.load(TOYS["in place"](), TOKENIZER)
    outputs: list[Any] = []
    with model.chain.recording(model.network, outputs):
        before = states(model)
    with model.chain.standing_in(model.network, outputs), model.editing(lambda _, state: state.zero_(), (3,)):
        run(model)
    assert all(torch.equal(a, b) for a, b in zip(outputs, before[1:], strict=True))


def test_the_forward_of_every_block_is_restored_even_after_an_exception() -> None:
    model = ds.load(toy(), TOKENIZER)
    logits = run(model)
    outputs: list[Any] = []
    with model.chain.recording(model.network, outputs):
        run(model)
    own = model.blocks[1].forward

    def wrapped(*args: Any, **kwargs: Any) -> Any:  # as accelerate does to a module
        return own(*args, **kwargs)

    model.blocks[1].forward = wrapped
    model.blocks[4].register_forward_pre_hook(_complain)
    with pytest.raises(RuntimeError, match="enough"), model.chain.standing_in(model.network, outputs[:3]):
        run(model)
    model.blocks[4]._forward_pre_hooks.clear()
    assert model.blocks[1].forward is wrapped
    assert not any("forward" in vars(block) for block in model.blocks if block is not model.blocks[1])
    assert torch.equal(run(model), logits)


def _complain(module: Any, args: Any) -> None:
    raise RuntimeError("enough")


def test_hooks_are_gone_when_an_edit_raises() -> None:
    model = ds.load(toy(), TOKENIZER)
    logits = run(model)

    def complain(number: int, state: torch.Tensor) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"), model.editing(complain, (0, 2)):
        run(model)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.network.modules())
    assert torch.equal(run(model), logits)


@given(st.integers(0, 6), st.integers(0, 8), st.floats(-3, 3, width=32))
def test_an_edit_anywhere_leaves_all_that_stands_before_it_as_it_was(number: int, place: int, height: float) -> None:
    model = SHARED
    before = states(model)
    with model.editing(lambda _, state: state[:, place].add_(height), (number,)):
        after = states(model)
    assert torch.equal(after[number][:, place], before[number][:, place] + height)
    for i in range(model.depth + 1):
        end = place if i >= number else IDS.shape[1]
        assert torch.equal(after[i][:, :end], before[i][:, :end])
    assert after[0].shape[-1] == NOISE


SHARED = ds.load(toy(), TOKENIZER)


@pytest.mark.parametrize("number", [0, 3, 6])
def test_an_edit_is_made_in_a_copy_and_not_in_what_the_network_holds(number: int) -> None:
    model = ds.load(toy(), TOKENIZER)
    before = states(model)
    held: dict[int, torch.Tensor] = {}  # the tensors themselves, which the network may have kept for something else
    with model.listening(held.__setitem__), model.editing(lambda _, state: state.zero_(), (number,)):
        run(model)
    assert torch.equal(held[number], before[number])
