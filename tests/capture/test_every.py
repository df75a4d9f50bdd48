"""Every token of a batch: the states are those of one token at a time, the reduction that of a naive loop."""

import numpy as np
import pytest
import torch

from depthscope.arrays import chunk_rows, depth_gram, joined
from depthscope.capture.every import CHUNKS, Reduction, Room, every_state

IDS = torch.arange(24).reshape(2, 12) * 7919 % 40_000


def test_states_are_those_of_the_models_own_hidden_states(tiny):
    rows, positions = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 11, 3, 4, 11])
    found = every_state(tiny, IDS, torch.ones_like(IDS), rows, positions)
    with torch.inference_mode():
        hidden = tiny.network(input_ids=IDS, output_hidden_states=True).hidden_states
    assert found.shape == (5, tiny.depth + 1, tiny.width)
    # the last of transformers' states has gone through the final norm
    for number in range(tiny.depth):
        torch.testing.assert_close(found[:, number], hidden[number][rows, positions], rtol=0, atol=0)


def test_padding_changes_no_state(tiny):
    every = torch.arange(12)
    alone = every_state(tiny, IDS[:1], torch.ones(1, 12, dtype=torch.long), torch.zeros_like(every), every)
    padded = torch.nn.functional.pad(IDS[:1], (0, 5))
    mask = torch.tensor([[1] * 12 + [0] * 5])
    torch.testing.assert_close(every_state(tiny, padded, mask, torch.zeros_like(every), every), alone)


def test_room_that_is_used_again_holds_what_a_new_one_would(tiny):
    room = Room()
    for texts, tokens in ((2, 12), (1, 5), (2, 7)):
        ids = IDS[:texts, :tokens]
        rows, positions = torch.arange(texts).repeat_interleave(tokens), torch.arange(tokens).repeat(texts)
        given = tiny, ids, torch.ones_like(ids), rows, positions
        assert torch.equal(every_state(*given, room), every_state(*given))


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_a_reduction_in_chunks_and_threads_is_that_of_a_naive_loop(threads, count, dtype):
    threads(count)
    generator = torch.Generator().manual_seed(0)
    # layer by layer in memory, as they are captured
    states = torch.randn(7, 600, 1024, generator=generator).cumsum(0).to(dtype).transpose(0, 1)
    assert len(states) > CHUNKS * chunk_rows(states)

    def of(chunks):
        grams = [depth_gram(updates, overwrite=True) for updates in chunks]
        assert len(grams) > 1
        return torch.linalg.diagonal(joined(grams).full()).sqrt()

    found = Reduction(of, 6)(states)
    assert found.dtype == torch.float32
    expected = np.linalg.norm(np.diff(states.double().numpy(), axis=1), axis=-1)
    np.testing.assert_allclose(found.numpy(), expected, rtol=2e-7)
    assert torch.get_num_threads() == count


def test_a_reduction_to_nothing_computes_nothing():
    def of(chunks):
        raise AssertionError("called")

    assert Reduction(of, 0)(torch.zeros(5, 4, 3)).shape == (5, 0)


def test_what_goes_wrong_in_a_chunk_is_told(threads):
    threads(2)

    def of(chunks):
        raise MemoryError("can't allocate memory")

    with pytest.raises(MemoryError):
        Reduction(of, 1)(torch.randn(600, 7, 1024))
