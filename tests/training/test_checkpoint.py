"""What is written comes back to the bit, and nothing else is ever read."""

import resource

import pytest
import torch

from depthscope.errors import DepthscopeError
from depthscope.training.checkpoint import (
    State,
    load,
    optimizer_state,
    restore,
    restore_optimizer,
    save,
    together,
)


def test_tensors_and_facts_come_back_to_the_bit(tmp_path):
    path = tmp_path / "deeper" / "one.safetensors"
    tensors = {
        "wide": torch.randn(3, 4, dtype=torch.float64).T,
        "narrow": torch.tensor([1.5, -0.0, torch.inf, torch.nan]).bfloat16(),
        "counts": torch.tensor(7),
        "random": torch.Generator().manual_seed(3).get_state(),
    }
    facts = {"third": 1 / 3, "words": "größer", "list": [1, None, {"x": True}]}
    save(path, together({"a": State(tensors, facts), "b": State({}, {"done": 5})}))
    held = load(path)
    assert held.of("a").facts == facts
    assert held.of("b") == State({}, {"done": 5})
    for name, value in held.of("a").tensors.items():
        before = tensors[name].contiguous()
        assert (value.dtype, value.shape) == (before.dtype, before.shape)
        assert torch.equal(value.reshape(-1).view(torch.uint8), before.reshape(-1).view(torch.uint8))
    again = torch.Generator()
    again.set_state(held.of("a").tensors["random"])
    assert torch.equal(torch.rand(4, generator=again), torch.rand(4, generator=torch.Generator().manual_seed(3)))
    with pytest.raises(DepthscopeError, match="the checkpoint holds no c, but a, b"):
        held.of("c")


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD, torch.optim.Adagrad])
def test_an_optimizer_goes_on_as_if_it_had_not_stopped(tmp_path, kind):
    def made():
        torch.manual_seed(0)
        parameters = [torch.nn.Parameter(torch.randn(4, 2)), torch.nn.Parameter(torch.randn(3))]
        options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        return parameters, kind(parameters, lr=0.1, **options)

    def go(parameters, optimizer, steps):
        for step in steps:
            for parameter in parameters:
                parameter.grad = torch.full_like(parameter, 0.1 * step) + parameter.detach()
            optimizer.step()

    whole, optimizer = made()
    go(whole, optimizer, range(6))
    half, optimizer = made()
    go(half, optimizer, range(3))
    save(tmp_path / "x", together({"o": optimizer_state(optimizer), "p": State(dict(zip("ab", half, strict=True)))}))
    again, optimizer = made()
    held = load(tmp_path / "x")
    restore(dict(zip("ab", again, strict=True)), held.of("p"))
    restore_optimizer(optimizer, held.of("o"))
    go(again, optimizer, range(3, 6))
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))


def test_what_does_not_fit_is_refused():
    state = State({"a": torch.zeros(2, 3)})
    with pytest.raises(DepthscopeError, match="the checkpoint lacks b: it is of another training"):
        restore({"a": torch.zeros(2, 3), "b": torch.zeros(1)}, state)
    with pytest.raises(DepthscopeError, match=r"the checkpoint's a is \(2, 3\) of float32, not \(3, 2\) of float32"):
        restore({"a": torch.zeros(3, 2)}, state)
    with pytest.raises(DepthscopeError, match=r"not .* of float64"):
        restore({"a": torch.zeros(2, 3, dtype=torch.float64)}, state)


def test_no_other_file_is_taken_for_a_checkpoint(tmp_path):
    from safetensors.torch import save_file

    with pytest.raises(DepthscopeError, match="there is no checkpoint"):
        load(tmp_path / "none")
    (tmp_path / "pickle").write_bytes(b"\x80\x04" + b"x" * 100)
    with pytest.raises(DepthscopeError, match=r"damaged .* delete it, and training begins anew"):
        load(tmp_path / "pickle")
    save_file({"a": torch.zeros(2)}, tmp_path / "weights")
    with pytest.raises(DepthscopeError, match="weights, but no checkpoint of a training"):
        load(tmp_path / "weights")
    save(tmp_path / "cut", State({"a": torch.zeros(1000)}))
    (tmp_path / "cut").write_bytes((tmp_path / "cut").read_bytes()[:-9])
    with pytest.raises(DepthscopeError, match="damaged"):
        load(tmp_path / "cut")


def test_where_no_space_is_left_the_checkpoint_before_stays_whole(tmp_path):
    path = tmp_path / "one.safetensors"
    save(path, State({"a": torch.arange(10.0)}))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(DepthscopeError) as problem:
            save(path, State({"a": torch.zeros(1_000_000)}))
        with pytest.raises(DepthscopeError, match=r"no space left to write a checkpoint of 4 MB: make room"):
            save(tmp_path / "other", State({"a": torch.zeros(1_000_000)}))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(problem.value) == (
        f"{path}: no space left to write a checkpoint of 4 MB; the one before is still whole: make room and run again"
    )
    assert torch.equal(load(path).tensors["a"], torch.arange(10.0))
    assert [each.name for each in tmp_path.iterdir()] == ["one.safetensors"]
