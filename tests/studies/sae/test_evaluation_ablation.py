"""How many logits a latent affects: numbers whose answer is known, and a model whose logits are a linear map."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import depthscope as ds
from depthscope.capture.sites import Site
from depthscope.capture.windows import Window
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.evaluation.ablation import ablate, affected
from tests.conftest import tiny_llama

SITE = Site("resid", 6)


def windows(count=8, length=20):
    rng = np.random.default_rng(0)
    return [
        Window(str(i), 0, rng.integers(300, 9000, length), (0, length), np.zeros(length), np.zeros(length))
        for i in range(count)
    ]


def dictionary(directions, k=2, site=SITE, **more):
    latents, width = directions.shape
    return Dictionary(
        directions.clone(),
        torch.zeros(latents),
        directions.clone(),
        torch.zeros(width),
        TopK(k),
        origin=Origin(site=site, **more),
    )


def drawn(latents=16, width=32, seed=0):
    axes = torch.randn(latents, width, generator=torch.Generator().manual_seed(seed))
    return nn.functional.normalize(axes, dim=-1)


def test_the_share_is_that_of_the_definition():
    change = torch.zeros(4, 1001)
    change[2, 17] = 3.0
    assert affected(change) == pytest.approx(1 / 4004)
    # what is added to all logits changes no prediction
    assert affected(change + 5) == pytest.approx(1 / 4004)
    half = torch.zeros(1, 1001)
    half[0, :250], half[0, 250:500] = 1.0, -1.0
    assert affected(half) == pytest.approx(500 / 1001)
    normal = torch.randn(8, 50_000, generator=torch.Generator().manual_seed(0))
    assert affected(normal) == pytest.approx(2 / math.pi, abs=0.005)
    assert math.isnan(affected(torch.ones(2, 5)))


def test_the_effect_of_a_latent_is_that_of_a_loop(tiny):
    """One token, one latent: the state without its part, put in by a hook of our own."""
    made, window = dictionary(drawn(), k=1), windows(1, 9)[0]
    found = ablate(tiny, made, SITE, [window], tokens=1, each=1)
    ids = torch.from_numpy(window.ids)[None]
    network, block = tiny.network, tiny.network.model.layers[5]

    def logits(taken):
        def hook(module, args, output):
            state = (output if isinstance(output, torch.Tensor) else output[0]).clone()
            seen.append(state[0, 1].clone())
            state[0, 1] -= taken
            return state if isinstance(output, torch.Tensor) else (state, *output[1:])

        handle = block.register_forward_hook(hook)
        with torch.no_grad():
            given = network(ids).logits[0, 1:9]
        handle.remove()
        return given

    seen = []
    intact = logits(0.0)
    code = made.encode(seen[0])
    part = (code.values[0] * made.decoder[code.indices[0]]).detach()
    assert found.totals.values[0, :2] == pytest.approx([1, affected(logits(part) - intact)], rel=1e-3)


def test_a_latent_that_writes_to_few_logits_is_told_from_a_direction_at_random(tokenizer):
    """One feature is read by the logits of ten tokens alone, and a latent writes it."""
    network = tiny_llama(len(tokenizer))
    with torch.no_grad():
        network.get_output_embeddings().weight[:, 3] = 0
        network.get_output_embeddings().weight[:10, 3] = 5
    feature = torch.zeros(2, 32)
    feature[0, 3], feature[1, 3] = 1, -1
    found = ablate(ds.load(network, tokenizer), dictionary(feature, k=1), SITE, windows(), tokens=24, each=1)
    (score,) = found.scores()
    assert score.name == "ablation_sparsity"
    assert score.control == "a direction at random, as large"
    assert found.totals.over == "documents"
    assert 0 < score.value.low <= score.value.value <= score.value.high < 0.02
    assert score.beats_control


def test_layer_normalisation_is_undone(tiny):
    made = dictionary(drawn())
    plain = ablate(tiny, made, SITE, windows(), tokens=4).totals.values
    made.normalization = "layer"
    other = ablate(tiny, made, SITE, windows(), tokens=4).totals.values
    assert other[:, 3].sum() == pytest.approx(plain[:, 3].sum(), rel=0.5)


def test_what_cannot_be_taken_away_is_refused(tiny, refuses):
    with refuses("transcoder"):
        ablate(tiny, dictionary(drawn(), target=Site("mlp", 2)), SITE, windows())
    with refuses("followed by 7"):
        ablate(tiny, dictionary(drawn()), SITE, windows(2, 6))
    dead = dictionary(drawn())
    with torch.no_grad():
        dead.latent_bias.fill_(-1e6)
    with refuses("fires at any"):
        ablate(tiny, dead, SITE, windows(), tokens=2)
