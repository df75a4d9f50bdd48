"""Patterns of tokens: latents whose rule is known, and a dictionary of a tiny model."""

import numpy as np
import pytest
import torch

from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.patterns import Example, judged, named, patterns_of
from depthscope.studies.sae.evaluation.reading_patterns import _fires, read_patterns

SITE = Site("resid", 2)
# latents of a made-up model, by the tokens that they fire after: the last; the last and the one before; the last and the one
# before the one before
RULES = {0: (7,), 1: (5, 7), 2: (5, None, 7)}


def fires(sequences, latents):
    return np.array(
        [
            2.0
            * (len(some) >= len(rule := RULES[latent]) and all(r in (None, t) for r, t in zip(rule[::-1], some[::-1])))  # noqa: B905
            for some, latent in zip(sequences, latents, strict=True)
        ]
    )


def text(count=3000, seed=0):
    return np.random.default_rng(seed).integers(0, 10, count)


def examples(ids):
    found = []
    for latent, rule in RULES.items():
        ends = [i for i in range(10, len(ids)) if fires([ids[: i + 1]], [latent])[0]]
        found += [Example(latent, tuple(map(int, ids[i - 7 : i + 1])), 2.0) for i in ends[:3]]
        assert len(rule) <= 8
    return found


def test_rules_are_found():
    found = patterns_of(examples(text()), fires, range(20, 40))
    assert {latent: set(some) for latent, some in found.items()} == {latent: {rule} for latent, rule in RULES.items()}


def test_patterns_are_named_where_a_loop_finds_them():
    ids = text(400)
    first = np.zeros(400, dtype=bool)
    first[[0, 130, 131, 300]] = True
    starts = np.flatnonzero(first)
    for rule in (*RULES.values(), (None, 5), (None,)):
        expected = []
        for i in range(400):
            begin = starts[starts <= i].max()
            whole = ids[begin : i + 1]
            expected.append(
                len(whole) >= len(rule) and all(r in (None, t) for r, t in zip(rule[::-1], whole[::-1], strict=False))
            )
        assert named([rule], ids, first).tolist() == expected, rule
    both = named([RULES[1], RULES[2]], ids, first)
    assert (both == (named([RULES[1]], ids, first) | named([RULES[2]], ids, first))).all()


def test_rules_are_precise_and_the_last_token_alone_is_not():
    ids = text()
    found = patterns_of(examples(ids), fires, range(20, 40))
    fresh = text(5000, seed=1)
    fired = {
        latent: np.array([fires([fresh[max(0, i - 3) : i + 1]], [latent])[0] > 0 for i in range(5000)])
        for latent in RULES
    }
    first = np.arange(5000) == 0
    result = judged(found, fired, fresh, first, np.ones(5000, dtype=bool))
    table = result.latents.set_index("latent")
    assert (table[["precision", "recall", "f1"]] == 1).all(axis=None)
    assert table["length"].tolist() == [1, 2, 2]
    assert table.loc[0, "token_precision"] == 1
    assert table.loc[1, "token_precision"] == pytest.approx(0.1, abs=0.04)
    assert table.loc[1, "token_recall"] == 1
    scores = {one.name: one for one in result.scores()}
    assert scores["pattern_f1"].value.value == 1
    assert scores["pattern_f1"].beside.value == pytest.approx(table["token_f1"].mean())
    assert scores["pattern_f1"].control == "the last token alone"
    # of shuffled activations patterns tell what chance does
    rng = np.random.default_rng(2)
    shuffled = judged(found, {k: rng.permutation(v) for k, v in fired.items()}, fresh, first, first | True).latents
    assert shuffled["precision"].to_numpy() == pytest.approx(shuffled["chance"].to_numpy(), abs=0.05)


def test_a_latent_that_needs_all_of_its_context_keeps_it():
    """Nothing shorter or other will do."""
    one = Example(0, (1, 2, 3), 5.0)
    found = patterns_of([one], lambda some, latents: np.array([5.0 * (tuple(x) == (1, 2, 3)) for x in some]), [8, 9])
    assert found == {0: ((1, 2, 3),)}
    # and one whose activation cannot be made again keeps what it was
    assert patterns_of([one], lambda some, latents: np.zeros(len(some)), [8, 9]) == {0: ((1, 2, 3),)}
    assert patterns_of([], lambda some, latents: np.zeros(len(some)), [8]) == {}


def windows(count=24, length=60):
    rng = np.random.default_rng(0)
    return [
        Window(str(i), 0, rng.choice(np.arange(500, 540), length), (0, length), np.zeros(length), np.zeros(length))
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def reading(tiny):
    """A dictionary of a latent for each token of the text: the embedding, as a network with random weights hands it on."""
    states = {}
    for read in Taps(tiny, [SITE]).read(windows()):
        for i, token in enumerate(read.ids):
            states.setdefault(int(token), []).append(read.states[SITE][i])
    means = torch.stack([torch.stack(some).mean(0) for _, some in sorted(states.items())])
    centre = means.mean(0)
    axes = torch.nn.functional.normalize(means - centre, dim=-1)
    return Dictionary(axes, torch.zeros(len(axes)), axes.clone(), centre, TopK(1))


def test_latents_that_read_a_token_have_patterns_of_it(tiny, reading):
    found = read_patterns(tiny, reading, SITE, windows(), latents=6, examples=4)
    table = found.latents
    assert len(table) == 6
    assert (table["fires"] > 0).all()
    assert table["f1"].mean() > 0.8
    assert (table["chance"] < 0.1).all()
    again = read_patterns(tiny, reading, SITE, windows(), latents=6, examples=4)
    assert again.latents.equals(table)


def test_activations_at_the_end_of_sequences_are_those_of_the_model(tiny, reading):
    given = _fires(Taps(tiny, [SITE]), reading, SITE)
    sequences = [[500, 510], [520], [501, 502, 503, 504]]
    lead = tiny.tokenizer.all_special_ids
    for some, value in zip(sequences, given(sequences, [10, 20, 4]), strict=True):
        ids = torch.tensor([[min(lead), *some]])
        with torch.no_grad():
            states = tiny.network(ids, output_hidden_states=True).hidden_states[2][0, -1]
        latent = [10, 20, 4][sequences.index(some)]
        assert value > 0
        assert value == pytest.approx(float(reading.encode(states[None]).dense().detach()[0, latent]), abs=1e-5)


def test_too_little_text_is_refused(tiny, reading, refuses):
    with refuses("longer text"):
        read_patterns(tiny, reading, SITE, windows(1, 3))
    with refuses("longer text"):
        read_patterns(tiny, reading, SITE, [])
    # the second half is of other words
    mixed = [half for one in windows() for half in (one, one._replace(ids=one.ids * 0 + 900))]
    with refuses("second half"):
        read_patterns(tiny, reading, SITE, mixed, latents=2)
