"""Maps out of attention: against a naive loop in float64, on one layer, row by row."""

import math
from typing import Any

import numpy as np
import pytest
import torch

from depthscope.capture.listening import listen
from depthscope.capture.speech import Utterance, transcribe
from depthscope.studies.asr.attention.causal import causal_effects, causal_weights
from depthscope.studies.asr.attention.entropy import head_weights, row_entropy
from depthscope.studies.asr.attention.leafx import attention_map
from depthscope.studies.asr.attention.rollout import Rollout, encoder_mixing
from tests.speech_models import moonshine, voice, whisper

EVERY: tuple[dict[str, Any], ...] = (
    {}, {"rows": "reads"}, {"tau": 0.5}, {"layers": [-1]}, {"heads": [(1, 2), (0, 1)]}, {"rollout": True},
    {"rollout": True, "tau": 0.1, "causal": True}, {"causal": True}, {"gradient": "positive"},
    {"gradient": "signed", "rollout": True, "tau": 0.5}, {"gradient": "positive", "causal": True, "rollout": True},
    {"encoder": True, "rollout": True},
)  # fmt: skip


@pytest.fixture(scope="module", params=[whisper, moonshine], ids=["spectrogram", "waveform"])
def heard(request: pytest.FixtureRequest) -> Utterance:
    (found,) = transcribe(request.param(), voice(), text="a few words")
    return found


def attention_of(heard: Utterance) -> tuple[np.ndarray, np.ndarray]:
    """Cross-attention (layer, head, position, frame) and self-attention (layer, head, position, position)."""
    crossed: list[Any] = []
    own: list[Any] = []
    listen(heard, lambda _, w: crossed.append(w[0].double().numpy()), lambda _, w: own.append(w[0].double().numpy()))
    return np.stack(crossed), np.stack(own)


@pytest.mark.parametrize("choices", EVERY, ids=str)
def test_rows_sum_to_one(heard: Utterance, choices: dict[str, Any]) -> None:
    found = attention_map(heard, **choices)
    assert found.map.shape == (len(heard.positions), heard.frames)
    assert (found.map >= 0).all()
    assert np.abs(found.map.sum(-1, dtype=np.float64) - 1).max() < 1e-6
    assert ((found.beside["padding"] >= 0) & (found.beside["padding"] <= 1)).all()


def naive(heard: Utterance, tau: float | None, rollout: bool) -> np.ndarray:
    """As the definitions read, one number after another."""
    crossed, own = attention_of(heard)
    depth, heads, positions, _ = crossed.shape
    frames = heard.frames
    layers = []
    for layer in range(depth):
        rows = np.zeros((positions, frames + 1))
        for q in range(positions):
            weights = []
            for h in range(heads):
                row = crossed[layer, h, q, :frames] / crossed[layer, h, q, :frames].sum()
                entropy = -sum(float(a) * math.log(a) for a in row if a > 0) / math.log(frames)
                weights.append(1.0 if tau is None else math.exp(-entropy / tau))
            for h in range(heads):
                full = crossed[layer, h, q]
                rows[q] += weights[h] / sum(weights) * np.append(full[:frames], full[frames:].sum())
        layers.append(rows)
    if not rollout:
        total = sum(layers)[heard.predicting, :frames]
        return total / total.sum(-1, keepdims=True)
    origins = np.hstack([np.eye(positions), np.zeros((positions, frames + 1))])
    for layer in range(depth):
        origins = 0.5 * origins + 0.5 * own[layer].mean(0) @ origins
        origins = 0.5 * origins + 0.5 * np.hstack([np.zeros((positions, positions)), layers[layer]])
        assert np.abs(origins.sum(-1) - 1).max() < 1e-6
    sound = origins[heard.predicting, positions:-1]
    return sound / sound.sum(-1, keepdims=True)


@pytest.mark.parametrize("tau", [None, 0.5, 0.1])
@pytest.mark.parametrize("rollout", [False, True])
def test_maps_are_those_of_a_naive_loop(heard: Utterance, tau: float | None, rollout: bool) -> None:
    assert np.abs(attention_map(heard, tau=tau, rollout=rollout).map - naive(heard, tau, rollout)).max() < 1e-6


def test_of_one_layer_a_rollout_is_that_layers_map() -> None:
    (heard,) = transcribe(whisper(layers=1), voice(), text="one layer")
    plain, rolled = attention_map(heard, tau=0.5), attention_map(heard, tau=0.5, rollout=True)
    assert np.abs(plain.map - rolled.map).max() < 1e-6


def test_in_a_rollout_every_position_has_a_whole_origin() -> None:
    random = torch.Generator().manual_seed(0)
    rollout = Rollout.begun(5, torch.zeros(5, 5))
    apart = Rollout.begun(5, torch.zeros(5, 5), apart=True)
    for _ in range(4):
        own, crossed = (torch.rand(5, n, generator=random).softmax(-1) for n in (5, 9))
        for one in (rollout, apart):
            one.after_own(own)
            one.after_crossed(crossed)
    for one in (rollout, apart):
        assert torch.allclose(one.share_of_text + sum(one.sound).sum(-1), torch.ones(5))
    assert torch.allclose(rollout.sound[0], sum(apart.sound))
    assert len(apart.sound) == 4


def test_through_an_encoder_mass_stays_whole() -> None:
    layers = [torch.rand(7, 7).softmax(-1) for _ in range(3)]
    assert torch.allclose(encoder_mixing(layers).sum(-1), torch.ones(7))
    assert torch.equal(encoder_mixing([torch.eye(7)] * 3), torch.eye(7))


def test_the_map_is_of_the_row_that_predicts_and_not_of_the_one_that_reads(heard: Utterance) -> None:
    crossed, _ = attention_of(heard)
    raw = crossed.mean((0, 1))[:, : heard.frames]
    for rows, places in (("predicts", np.array(heard.positions) - 1), ("reads", np.array(heard.positions))):
        expected = raw[places] / raw[places].sum(-1, keepdims=True)
        assert np.allclose(attention_map(heard, rows=rows).map, expected, atol=1e-6)


def test_entropy_has_its_bounds_and_weights_follow_it() -> None:
    one = torch.zeros(1, 10)
    one[0, 3] = 0.4
    even = torch.full((1, 10), 0.05)
    assert float(row_entropy(one, 8)) == pytest.approx(0, abs=1e-6)
    assert float(row_entropy(even, 8)) == pytest.approx(1, abs=1e-6)
    assert float(row_entropy(torch.zeros(1, 10), 8)) == 1
    weights = head_weights(torch.tensor([[0.0], [1.0]]), 0.5)
    assert float(weights[0] / weights[1]) == pytest.approx(math.exp(2))
    assert head_weights(torch.tensor([[0.0], [1.0]]), None).flatten().tolist() == [0.5, 0.5]


def test_causal_effects_are_those_of_single_passes(heard: Utterance) -> None:
    together = causal_effects(heard)
    model = heard.model
    with torch.no_grad():
        whole = heard.log_p(heard.decode())[0].double().numpy()
        for layer, module in enumerate(model.crossed.modules(model.network)):
            handle = module.register_forward_hook(lambda m, a, output: (torch.zeros_like(output[0]), *output[1:]))
            without = heard.log_p(heard.decode())[0].double().numpy()
            handle.remove()
            assert np.abs(together[:, layer] - (whole - without)).max() < 1e-5
    weights = causal_weights(together)
    assert np.allclose(weights.sum(-1), 1)
    assert np.allclose(causal_weights(np.array([[-1.0, -2.0]])), 0.5)


@pytest.mark.parametrize("choices", [{"gradient": "positive"}, {"gradient": "signed", "rollout": True, "tau": 0.5}])
def test_a_batch_of_tokens_gives_what_each_gives_alone(heard: Utterance, choices: dict[str, Any]) -> None:
    assert (
        np.abs(attention_map(heard, batch=8, **choices).map - attention_map(heard, batch=1, **choices).map).max() < 1e-5
    )


def test_the_gradient_of_a_token_is_that_of_its_own_row(heard: Utterance) -> None:
    at = 3
    kept: list[torch.Tensor] = []
    logits = listen(heard, lambda layer, w: kept.append(w) if layer == 1 else None, gradients=True)
    goal = heard.log_p(logits)[0, at]
    (slope,) = torch.autograd.grad(goal, kept)
    assert slope.shape == kept[0].shape
    # the last layer's attention reaches the output by its own row alone
    row = heard.predicting[at]
    others = slope.clone()
    others[:, :, row] = 0
    assert float(others.abs().max()) < 1e-7 < float(slope.abs().max())


def test_choices_that_a_model_does_not_have_are_refused(heard: Utterance, refuses: Any) -> None:
    refuses(lambda: attention_map(heard, tau=0), "tau=0: give a temperature above 0")
    refuses(lambda: attention_map(heard, layers=[2]), "has layers 0 to 1")
    refuses(lambda: attention_map(heard, heads=[(0, 4)]), "layers 0 to 1 of 4 heads each")
    refuses(lambda: attention_map(heard, heads=[(0, 1)], rollout=True), "leave rollout and layers= out")
    refuses(lambda: attention_map(heard, rows="both"), "rows")
