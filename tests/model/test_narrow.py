import pytest
import torch
from torch import nn

from depthscope.model.model import measuring
from depthscope.model.narrow import narrowed, tail


class Mixes(nn.Module):
    """A hundred thousandth of the token before is enough."""

    def __init__(self, share):
        super().__init__()
        self.inner, self.share = nn.Linear(4, 4), share

    def forward(self, x):
        return self.inner(x) + self.share * x.roll(1, dims=1)


class Block(nn.Module):
    def __init__(self, share):
        super().__init__()
        self.before, self.mixer, self.mlp = (
            nn.Linear(4, 4),
            Mixes(share),
            nn.Sequential(nn.Linear(4, 9), nn.Linear(9, 4)),
        )
        self.act = nn.GELU()
        self.pair = nn.Bilinear(4, 4, 4)

    def forward(self, x):
        x = x + self.mixer(self.before(x))
        return x + self.act(self.mlp(x)) + self.pair(x, x)


@pytest.mark.parametrize("share", [1.0, 1e-3, 1e-4])
def test_what_mixes_tokens_is_told_from_what_does_not(share):
    torch.manual_seed(0)
    block, x = Block(share).eval(), torch.randn(2, 6, 4)
    with torch.no_grad():
        found = tail(block, block, lambda: block(x))
    assert found == (block.mlp,)  # what stands before the mixer treats tokens one by one, but all of them are read


def test_in_half_precision_nothing_is_claimed():
    block, x = Block(1.0).eval().bfloat16(), torch.randn(2, 6, 4).bfloat16()
    with torch.no_grad():
        assert tail(block, block, lambda: block(x)) == ()


def test_narrowed_modules_see_the_chosen_tokens_alone_and_answer_there_as_before():
    torch.manual_seed(0)
    layer = nn.Linear(4, 4)
    x = torch.randn(3, 5, 4)
    rows, positions = torch.tensor([2, 0, 2]), torch.tensor([1, 4, 1])
    seen = []
    with torch.no_grad(), narrowed(layer, (layer,), x.shape[:2], rows, positions):
        handle = layer.register_forward_pre_hook(lambda module, args: seen.append(args[0].shape))
        given = layer(x)
        handle.remove()
    assert seen == [(1, 2, 4)]
    assert given[rows, positions] == pytest.approx(layer(x).detach()[rows, positions])
    assert int((given != 0).any(-1).sum()) == 2
    assert not layer._forward_hooks
    assert not layer._forward_pre_hooks


def test_the_mlp_of_a_real_block_is_found(tiny):
    block = tiny.blocks[-1]
    assert tiny.tail == (block.mlp,)


def test_states_and_logits_of_the_chosen_tokens_stay(tiny):
    ids = torch.randint(10, 900, (3, 12), generator=torch.Generator().manual_seed(0))
    rows, positions = torch.tensor([0, 1, 2]), torch.tensor([11, 3, 7])

    def states():
        kept = []
        with measuring(tiny.network), tiny.listening(lambda number, state: kept.append(state[rows, positions].clone())):
            logits = tiny.run(ids, torch.ones_like(ids), rows, positions)
        return torch.stack(kept), logits

    full = states()
    with narrowed(tiny.network, tiny.tail, ids.shape, rows, positions):
        few = states()
    for one, other in zip(few, full, strict=True):
        assert (one - other).abs().max() <= 1e-6 * other.abs().max()
