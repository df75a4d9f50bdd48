"""The script for the GPU, run whole on tiny networks: nobody should find out on the machine that it does not run."""

import copy
import re

import numpy as np
import pytest
import torch

import depthscope as ds
from benchmarks import device


@pytest.fixture(scope="module", params=device.SMALL.networks)
def model(request):
    kind, values = device.SMALL.networks[request.param]
    return ds.load(device.network(kind, values, "cpu"), device.tokenizer())


def test_the_small_run_prints_every_row_of_the_table(capsys):
    assert device.main(["--small", "--device", "cpu"]) == 0
    head, _, *lines = capsys.readouterr().out.splitlines()
    assert f"torch {torch.__version__}" in head
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[1].split(":")[1].split(",")[0].strip() if "forward" in row[1] else "bound" for row in rows] == [
        *["time", "peak memory"] * 2,
        "bound",
    ]
    for row in rows:
        assert len(row) == 6
        for cell in row[2:4]:
            assert re.fullmatch(r"[\d.,e-]+ (s|ms|MiB)", cell), cell
        assert float(row[4].replace(",", "")) > 0
        assert row[5] == ""  # no goal is met or missed by a tiny network


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so(capsys):
    assert device.main([]) == 2
    assert "--device cpu --small" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "parameters"),
    # as published, less the head: 6,738,415,616 - 32,000 x 4,096 and 20,914,757,184 - 201,088 x 2,880
    [("Llama-2-7B-shaped", 6_607_343_616), ("GPT-oss-20B-shaped", 20_335_623_744)],
)
def test_the_full_networks_have_the_size_of_those_they_are_named_after(name, parameters):
    kind, values = device.FULL.networks[name]
    network = device.network(kind, values, "meta")
    assert sum(tensor.numel() for tensor in network.parameters()) == parameters
    assert {tensor.dtype for tensor in network.parameters()} == {torch.bfloat16}


def test_what_is_measured_is_the_cse_of_every_token(model):
    ids = torch.randint(0, model.vocabulary, (3, 10), generator=torch.Generator().manual_seed(2))
    blocks = [module for name, module in model.network.named_modules() if re.fullmatch(r"layers\.\d+", name)]
    states = []
    handles = [blocks[0].register_forward_pre_hook(lambda _, args, kwargs: states.append(args[0]), with_kwargs=True)]
    handles += [
        block.register_forward_hook(lambda _, args, out: states.append(out[0] if isinstance(out, tuple) else out))
        for block in blocks
    ]
    with torch.inference_mode():
        model.network(input_ids=ids)
    for handle in handles:
        handle.remove()
    updates = np.diff(torch.stack(states, 2).double().numpy(), axis=2).reshape(30, model.depth, -1)
    # the same batch, because the rounding of bf16 depends on it
    found = device.measured(model, ids, 3, device.cse_of(model.depth))
    np.testing.assert_allclose(found, ds.cse(updates), rtol=1e-5)


def test_texts_run_in_parts_are_all_there_and_in_order(model):
    wide = ds.load(copy.deepcopy(model.network).float(), model.tokenizer)
    ids = torch.randint(0, model.vocabulary, (5, 10), generator=torch.Generator().manual_seed(3))
    in_parts, at_once = (device.measured(wide, ids, some, device.cse_of(wide.depth)) for some in (2, 5))
    np.testing.assert_allclose(in_parts, at_once, rtol=1e-3)


def test_the_bound_counts_bytes_and_operations_once():
    least = device.bound(tokens=2, depth=4, width=8, scales=3, element=2)
    assert least.moved == 2 * (5 * 8 * 2 + 3 * 4 * 4)
    # 4 x 4 products of 8 numbers; 10 distinct entries by 12 cells
    assert least.operations == 2 * (2 * 4 * 4 * 8 + 2 * 10 * 12)
    assert least.seconds(bandwidth=least.moved / 3, rate=least.operations / 2) == 3
    assert least.seconds(bandwidth=least.moved / 2, rate=least.operations / 3) == 3


def test_energies_are_those_of_the_scalogram():
    states = torch.randn(40, 9, 16, generator=torch.Generator().manual_seed(4)).cumsum(1)
    bank = ds.filter_bank(8)
    updates = states.double().diff(dim=1).numpy()
    found = device.energies(states, bank).reshape(40, len(bank.scale), 8)
    np.testing.assert_allclose(found, ds.scalogram(updates), rtol=1e-5)
