"""Probes: regressions by scikit-learn, planted latents, labels at random."""

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.evaluation.asking import ask
from depthscope.studies.sae.evaluation.controls import random_like
from depthscope.studies.sae.evaluation.giving_back import placed
from depthscope.studies.sae.evaluation.logistic import fit_each, losses
from depthscope.studies.sae.evaluation.pooled import pool_texts, text_windows
from depthscope.studies.sae.evaluation.probes import full_loss, halves, probe
from depthscope.studies.sae.evaluation.tasks import own_tasks

SITE = Site("resid", 3)


def random_code(texts, latents, density, seed=0):
    rng = np.random.default_rng(seed)
    values = sparse.random(
        texts, latents, density, format="csc", random_state=rng, data_rvs=lambda n: rng.gamma(2, 5, n)
    )
    return values, rng.random(texts) < 0.4


@pytest.mark.parametrize("density", [0.05, 0.6, 1.0])
def test_every_regression_is_that_of_scikit_learn(density):
    values, labels = random_code(120, 12, density)
    dense = values.toarray()
    dense[:, 3] = np.where(labels, 4.0, 0.0)  # the answer itself
    dense[:, 4] = 0.0  # never fires
    dense[:, 5] = 7.0  # always the same
    dense[:, 6] = labels * 1e-3 * (1 + np.arange(120))
    fits = fit_each(sparse.csc_matrix(dense), labels)
    for i in range(12):
        column = dense[:, [i]]
        scale = column.std() or 1.0
        model = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(column / scale, labels)
        odds = model.decision_function(column / scale)
        assert fits.loss[i] == pytest.approx(losses(odds, labels).mean(), abs=2e-6), i
        assert fits.predict(i, column[:, 0]) == pytest.approx(odds, abs=3e-3), i


def test_a_planted_latent_is_found_and_known():
    values, labels = random_code(400, 300, 0.1)
    dense = values.toarray()
    dense[:, 42] = np.where(labels, 3.0 + dense[:, 42], 0.0)
    found = probe("planted", sparse.csc_matrix(dense), labels)
    assert found.latent == 42
    assert found.accuracy == 1
    assert found.loss.value < 0.1 < 0.6 < found.majority
    assert found.loss.low <= found.loss.value <= found.loss.high
    assert found.knows
    assert all(loss < 0.1 for loss in found.several)


def test_two_latents_know_what_one_does_not():
    values, labels = random_code(600, 40, 0.05)
    dense = values.toarray()
    half = np.random.default_rng(1).random(600) < 0.5
    dense[:, 7], dense[:, 8] = 2.0 * (labels & half), 2.0 * (labels & ~half)
    found = probe("two", sparse.csc_matrix(dense), labels)
    assert found.latent in (7, 8)
    assert found.several[0] < 0.1 < found.loss.value


def test_labels_at_random_are_known_no_more_often_than_by_chance():
    """The best of 200 latents fits them, and does no better than the majority on the other half."""
    known, above = 0, []
    for seed in range(30):
        values, labels = random_code(100, 150, 0.1, seed)
        found = probe("nothing", values, labels, shuffles=1, seed=seed)
        known += found.knows
        above.append(found.loss.value - found.majority)
    assert known <= 1
    assert np.mean(above) > 0


def test_the_whole_state_is_the_ceiling():
    rng = np.random.default_rng(0)
    states, direction = rng.normal(size=(300, 80)) + 3, rng.normal(size=80)
    labels = (states - 3) @ direction > 0
    assert full_loss(states, labels) < 0.5
    assert full_loss(states, rng.permutation(labels)) > 0.6
    alike = np.tile(labels[:, None] * 1.0, (1, 3))
    assert full_loss(alike, labels) < 0.05


@pytest.mark.parametrize("count", [(4, 4), (5, 40), (21, 20)])
def test_both_halves_have_both_answers(count):
    labels = np.repeat([True, False], count)
    split = halves(labels, 3)
    assert sorted([*split.fitted, *split.measured]) == list(range(sum(count)))
    for half in (split.fitted, split.measured):
        assert 0 < labels[half].sum() < len(half)
        assert abs(len(half) - sum(count) / 2) <= 1


def test_too_few_examples_are_refused(refuses):
    with refuses("7 examples"):
        halves(np.array([True, False] * 3 + [True]))
    with refuses("1 of the rarer"):
        halves(np.array([True] + [False] * 20))


def dictionary(seed=0, latents=48):
    axes = torch.randn(latents, 32, generator=torch.Generator().manual_seed(seed))
    return Dictionary(axes, torch.zeros(latents), axes.clone(), torch.zeros(32), TopK(4), origin=Origin(site=SITE))


@pytest.mark.parametrize("pool", ["max", "last"])
def test_texts_are_pooled_as_a_loop_does(tiny, pool):
    texts = ["The sea was calm tonight.", "Nobody came.", "A lamp stood in the old window, and nobody saw it."]
    made = dictionary()
    found = pool_texts(tiny, {"d": (SITE, made)}, texts, pool=pool)
    latents = found.latents["d"].toarray()
    for i, window in enumerate(text_windows(tiny, texts)):
        (read,) = Taps(tiny, [SITE]).read([window])
        code = made.encode(read.states[SITE]).dense().detach()
        expected = code.max(0).values if pool == "max" else code[-1]
        assert latents[i] == pytest.approx(expected.numpy(), abs=1e-5)
        last = read.states[SITE][-1]
        state = torch.cat([read.states[SITE].mean(0), last]) if pool == "max" else last
        assert found.states[SITE][i] == pytest.approx(state.numpy(), abs=1e-5)


def test_long_texts_keep_their_end(tiny):
    (window,) = text_windows(tiny, ["one two three four five six"], longest=3)
    assert tiny.tokenizer.decode(window.ids) == " four five six"


def test_a_text_without_a_token_is_refused(tiny, refuses):
    with refuses("'x'", "longer examples"):
        pool_texts(tiny, {"d": (SITE, dictionary())}, ["a longer one", "x"])


def test_a_latent_that_reads_a_token_answers_the_question_of_it(tiny):
    """Even with random weights the state of a token says which it is."""
    tasks = [task for task in own_tasks(60) if task.name in ("capitals", "last word before m")]
    texts, labels = tasks[1].texts, tasks[1].labels
    states = pool_texts(tiny, {"d": (SITE, dictionary())}, texts).states[SITE][:, :32]
    direction = torch.from_numpy(states[labels].mean(0) - states[~labels].mean(0)).float()
    made = dictionary()
    with torch.no_grad():
        made.encoder[11] = direction / direction.norm() * made.encoder.norm(dim=-1).mean() * 3
        made.bias.copy_(torch.from_numpy(states.mean(0)))
    subject = placed("d", made)
    control = random_like(made, torch.from_numpy(states).float(), 4)
    table, scores = ask(tiny, [subject], {"d": control}, tasks)
    row = table.set_index("task").loc["capitals"]
    assert row["latent"] == 11
    assert row["knows"]
    # shapes of letters are nothing that random directions could not tell
    assert max(row["loss"], row["full"], row["random"]) < 0.4 < row["majority"]
    assert len(table) == 2
    assert {one.score.name for one in scores} == {"probe_loss", "probe_share", "probe_known"}
    assert all(one.score.control == "random directions" for one in scores)
