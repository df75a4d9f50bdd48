"""Rivals of attention beside captum's own numbers, and the sums that they must keep."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from captum._utils.models.linear_model import SkLearnRidge
from captum.attr import InputXGradient, IntegratedGradients, LimeBase, Occlusion, ShapleyValues

from depthscope.capture.speech import Utterance
from depthscope.model.speech import hearing
from depthscope.studies.asr.metrics.erasure import deletion
from depthscope.studies.asr.rivals.gradients import gradient_input, integrated_gradients
from depthscope.studies.asr.rivals.occlusion import occlusion, windows
from depthscope.studies.asr.rivals.perturbed import coalitions, kernel_shap, lime, ridge_slopes, segments, shapley
from depthscope.studies.asr.silencing.removing import filling, main_of, pooled, rehear, remove, unaltered
from tests.studies.asr.spoken import log_p, utterance

TOKEN = 1


@pytest.fixture(params=["spectrogram", "waveform"])
def spoken(request: pytest.FixtureRequest) -> Utterance:
    return utterance(request.param)


def everything(spoken: Utterance) -> np.ndarray:
    return np.ones((1, spoken.frames), bool)


def close(ours: Any, theirs: Any) -> None:
    theirs = np.asarray(theirs)
    np.testing.assert_allclose(ours, theirs, atol=2e-5 * max(1, np.abs(theirs).max()))


@pytest.mark.parametrize("fill", ["silence", "mean"])
def test_occlusion_is_captums(fill: str) -> None:
    spoken = utterance("spectrogram", 5.0)  # all of the window, so that captum's windows are ours
    main = main_of(spoken)
    with hearing(spoken.model.network):
        theirs = Occlusion(log_p(spoken)).attribute(
            main, (16, 80), strides=(16, 40), baselines=filling(spoken, fill).expand_as(main), target=TOKEN
        )
    ours = occlusion(spoken, width=0.8, hop=0.4, fill=fill)
    close(ours.signed[TOKEN], theirs[0, 0, ::2])
    assert ours.budget.encoder == len(windows(250, 40, 20)) == 12


def test_windows_cover_every_frame() -> None:
    for frames, width, hop in itertools.product((1, 7, 20), (1, 3, 7), (1, 3)):
        if hop <= width <= frames:
            masks = windows(frames, width, hop)
            assert masks.any(0).all()
            assert (masks.sum(-1)[:-1] == width).all()
            assert (masks.argmax(-1) == hop * np.arange(len(masks))).all()


def test_gradient_times_input_is_captums(spoken: Utterance) -> None:
    given = main_of(spoken).clone().requires_grad_()
    with hearing(spoken.model.network, gradients=True):
        theirs = InputXGradient(log_p(spoken)).attribute(given, target=TOKEN)
    close(gradient_input(spoken).signed[TOKEN], pooled(spoken, theirs.detach())[0])


@pytest.mark.parametrize("fill", ["silence", "mean"])
def test_integrated_gradients_are_captums(spoken: Utterance, fill: str) -> None:
    main = main_of(spoken)
    with hearing(spoken.model.network, gradients=True):
        theirs = IntegratedGradients(log_p(spoken)).attribute(
            main.clone(), remove(spoken, everything(spoken), fill), target=TOKEN, n_steps=16, internal_batch_size=8
        )
    close(integrated_gradients(spoken, baseline=fill, steps=16).signed[TOKEN], pooled(spoken, theirs.detach())[0])


def test_integrated_gradients_sum_to_the_rise(spoken: Utterance) -> None:
    found = integrated_gradients(spoken, steps=100, batch=25)
    rise = unaltered(spoken) - rehear(spoken, everything(spoken))[0]
    np.testing.assert_allclose(found.signed.sum(-1), rise, atol=0.01 * np.abs(rise).max())
    np.testing.assert_allclose(found.beside["left over"], rise - found.signed.sum(-1), atol=1e-4)
    tokens = len(rise)
    assert (found.budget.encoder, found.budget.decoder, found.budget.backward) == (101, 102, 100 * tokens)


def test_points_together_are_points_one_by_one(spoken: Utterance) -> None:
    one, other = (integrated_gradients(spoken, steps=6, batch=batch).signed for batch in (1, 4))
    close(one, other)


def test_lime_is_captums_with_the_same_perturbations(spoken: Utterance) -> None:
    labels = segments(spoken, 0.1)
    count, samples = int(labels[-1]) + 1, 40
    drawn = np.random.default_rng(3).random((samples, count)) < 0.5
    present = torch.from_numpy(np.concatenate([np.ones((1, count), bool), drawn]).astype(np.float32))

    def perturbed(original: torch.Tensor, **others: Any) -> Any:
        for row in present:
            yield row[None]

    def closeness(original: Any, sound: Any, kept: torch.Tensor, **others: Any) -> torch.Tensor:
        distance = 1 - torch.nn.functional.cosine_similarity(kept, torch.ones_like(kept))
        return torch.exp(-((distance / 0.25) ** 2)) ** 0.5

    def sound(kept: torch.Tensor, original: torch.Tensor, **others: Any) -> torch.Tensor:
        return remove(spoken, (kept == 0).numpy()[:, labels], seed=3)

    with hearing(spoken.model.network):
        theirs = LimeBase(
            log_p(spoken), SkLearnRidge(alpha=1.0), closeness, perturbed, True, sound, lambda *_, **__: None
        ).attribute(main_of(spoken), target=TOKEN, n_samples=samples + 1)
    ours = lime(spoken, samples=samples, seed=3)
    close((ours.signed[TOKEN] * np.bincount(labels)[labels])[np.unique(labels, return_index=True)[1]], theirs[0])


def test_slopes_are_those_of_a_ridge_regression() -> None:
    from sklearn.linear_model import Ridge

    generator = np.random.default_rng(0)
    x, y, w = generator.normal(size=(30, 4)), generator.normal(size=(30, 3)), generator.random(30)
    np.testing.assert_allclose(ridge_slopes(x, y, w, 0.7), Ridge(alpha=0.7).fit(x, y, w).coef_.T, atol=1e-10)


def test_kernel_shap_of_few_segments_is_captums_shapley_values(spoken: Utterance) -> None:
    labels = segments(spoken, 0.2)
    assert labels[-1] == 3
    from depthscope.studies.asr.silencing.removing import frame_of

    place = frame_of(spoken).clamp(max=spoken.frames - 1)  # of padding nothing changes, whosesoever it is
    features = torch.from_numpy(labels)[place].expand_as(main_of(spoken)).contiguous()
    with hearing(spoken.model.network):
        theirs = ShapleyValues(log_p(spoken)).attribute(
            main_of(spoken), remove(spoken, everything(spoken)), target=TOKEN, feature_mask=features
        )
    ours = kernel_shap(spoken, segment=0.2)
    first = [int((labels[place] == k).argmax()) for k in range(4)]
    worth = [theirs[0, ..., k].flatten()[0].item() for k in first]
    close([ours.signed[TOKEN, labels == k].sum() for k in range(4)], worth)
    assert ours.budget.encoder == 2**4 - 1


def test_sampled_shapley_values_are_unbiased_and_keep_their_sum(spoken: Utterance) -> None:
    rise = unaltered(spoken) - rehear(spoken, everything(spoken))[0]
    found = kernel_shap(spoken, samples=30)
    np.testing.assert_allclose(found.signed.sum(-1), rise, atol=1e-4)
    # of a game whose values are known: what each brings, and what pairs bring together, which they share
    generator = np.random.default_rng(1)
    single, pairs = generator.normal(size=9), np.triu(generator.normal(size=(9, 9)), 1)
    truth = single + (pairs + pairs.T).sum(0) / 2
    present, weights = coalitions(9, 400, seed=0)
    z = present.astype(float)
    values = z @ single + ((z @ pairs) * z).sum(-1)
    ends = np.zeros(1), np.array([single.sum() + pairs.sum()])
    # pairs of opposite subsets make values exact where effects are of two at a time
    np.testing.assert_allclose(shapley(present, values[:, None], weights, *ends)[:, 0], truth, atol=1e-8)


def test_subsets_have_the_weights_of_shapley() -> None:
    every, weights = coalitions(4, 14, seed=0)
    assert len({tuple(row) for row in every}) == 14
    size = every.sum(-1)
    np.testing.assert_allclose(weights, [3 / (math.comb(4, s) * s * (4 - s)) for s in size])
    drawn, alike = coalitions(5, 9, seed=0)
    assert len(drawn) == 9
    assert (alike == 1).all()
    assert (drawn[0:8:2] == ~drawn[1:8:2]).all()
    assert not (drawn.all(-1) | ~drawn.any(-1)).any()


@pytest.mark.parametrize(
    "method", [occlusion, gradient_input, integrated_gradients, lime, kernel_shap], ids=lambda one: one.__name__
)
def test_maps_are_distributions(spoken: Utterance, method: Any) -> None:
    options = {"samples": 20} if method in (lime, kernel_shap) else {}
    found = method(spoken, **options)
    assert found.map.shape == (len(spoken.positions), spoken.frames)
    assert found.map.min() >= 0
    np.testing.assert_allclose(found.map.sum(-1), 1, atol=1e-6)
    again = method(spoken, **options)
    assert (again.map == found.map).all()


def test_bad_options_are_refused(refuses: Any) -> None:
    spoken = utterance("spectrogram")
    with refuses("kept=1"):
        lime(spoken, kept=1)
    with refuses("width=0"):
        lime(spoken, width=0)
    with refuses("ridge=-1"):
        lime(spoken, ridge=-1)
    with refuses("segments of 0 s"):
        kernel_shap(spoken, segment=0)
    with refuses("baseline='noise'"):
        gradient_input(spoken, baseline="noise")
    with refuses("steps=0"):
        integrated_gradients(spoken, steps=0)


@pytest.mark.parametrize(
    "method", [occlusion, gradient_input, integrated_gradients, lime, kernel_shap], ids=lambda one: one.__name__
)
def test_a_sound_of_no_words_has_no_maps(method: Any) -> None:
    spoken = dataclasses.replace(utterance("waveform"), positions=(), words=(), pieces=())
    found = method(spoken)
    assert found.map.shape == (0, spoken.frames)
    assert deletion(spoken, found.map).nats.shape == (0,)
