"""What running a model costs is measured, and measuring leaves the model as it was."""

import math

import pytest
import torch

import depthscope as ds
from depthscope.model.cost import peak_memory, reading_speed
from tests.conftest import tiny_llama


def test_reading_has_a_speed_and_leaves_every_module_in_its_mode(tokenizer):
    network = tiny_llama(len(tokenizer))
    model = ds.load(network, tokenizer)
    network.train()
    network.model.layers[0].eval()
    before = [module.training for module in network.modules()]
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    speed = reading_speed(model, 64)
    assert math.isfinite(speed)
    assert speed > 0
    assert [module.training for module in network.modules()] == before
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())


@pytest.mark.parametrize(("tokens", "shape"), [(1, (1, 16)), (100, (6, 16)), (1024, (64, 16))])
def test_the_batch_keeps_to_the_budget_but_is_never_empty(tiny, tokens, shape):
    seen = []
    handle = tiny.trunk.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(tuple(kwargs["input_ids"].shape)), with_kwargs=True
    )
    try:
        assert reading_speed(tiny, tokens) > 0
    finally:
        handle.remove()
    assert seen == [shape] * 2


def test_the_memory_of_this_process_is_counted_in_bytes():
    held = torch.zeros(2**22)  # 16 MiB
    assert peak_memory() > held.numel() * held.element_size()
