import re

import pytest
import torch

import depthscope as ds
from depthscope.studies.contrast.floor import noise_floor
from tests.conftest import tiny_llama


def test_a_model_in_single_precision_needs_no_floor(tiny, pairs):
    assert noise_floor(tiny, ds.read_stimuli(pairs), {}) == {}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_says_how_far_a_batch_moves_cse(tokenizer, pairs, dtype):
    model = ds.load(tiny_llama(len(tokenizer)).to(dtype), tokenizer)
    (line,) = noise_floor(model, ds.read_stimuli(pairs), {}).values()
    apart, spread = map(float, re.findall(r"(?:by|texts) (\d[\d.e-]*)", line.replace("of 8 texts", "")))
    # a rounding of the precision, in a number between 0 and 1
    assert 0 <= apart < torch.finfo(dtype).eps
    assert spread > 0
