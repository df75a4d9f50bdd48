"""Reconstructions put back: what changes nothing, what transformers itself predicts, and where tokens are left alone."""

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.capture.parts import Cut
from depthscope.capture.sites import Site
from depthscope.corpus.read import read_corpus
from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.evaluation import putting_back
from depthscope.studies.sae.evaluation.putting_back import Replacement, put_back, replacement
from tests.conftest import tiny_llama

SITE = Site("resid", 3)


@pytest.fixture(scope="module")
def double(tokenizer) -> ds.Model:
    return ds.load(tiny_llama(len(tokenizer)).double(), tokenizer)


@pytest.fixture(scope="module")
def windows(double, tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    for i in range(7):
        (folder / f"{i}.txt").write_text(
            f"Number {i} went down to the sea, and nobody there spoke of it. " * (1 + i % 3)
        )
    corpus = read_corpus(folder)
    return [window for part in Cut(12, 4, 10**6).parts(corpus, double.tokenizer) for window in part.windows]


def same(states):
    return states


def shrunk(states):
    return 0.5 * states


def by_name(back):
    return {score.name: score.value for score in back.scores()}


def identity(width=32, site=SITE, target=None):
    """A dictionary of plus and minus each feature, all of which may fire: it gives back every state."""
    both, none = torch.cat([torch.eye(width), -torch.eye(width)]).double(), torch.zeros(2 * width).double()
    origin = Origin(site=site, target=target)
    return Dictionary(both, none, both.clone(), none[:width].clone(), TopK(width), origin=origin)


@pytest.mark.parametrize("site", [Site("resid", 0), SITE, Site("resid", 6), Site("mlp", 2), Site("mlp-in", 4)])
def test_the_same_states_put_back_change_nothing(double, windows, site):
    found = put_back(double, {"same": Replacement(site, site, same)}, windows[:3])["same"]
    scores = by_name(found)
    assert scores["kl"].value == 0
    assert scores["ce_increase"].value == 0
    assert scores["loss_recovered"].value == scores["loss_recovered_mean"].value == 1


def test_a_dictionary_that_gives_back_every_state_changes_nothing(double, windows):
    found = put_back(double, {"identity": replacement(identity())}, windows[:3])["identity"]
    assert by_name(found)["kl"].value == pytest.approx(0, abs=1e-12)
    assert by_name(found)["ce_increase"].value == pytest.approx(0, abs=1e-12)


def test_costs_are_those_of_the_network_itself(double, windows):
    """By a hook of our own on the third block, window by window."""
    found = put_back(double, {"half": Replacement(SITE, SITE, shrunk)}, windows)["half"]
    block, network = double.network.model.layers[2], double.network
    change = {"intact": None, "put": 0.5, "zero": 0.0}
    sums = dict.fromkeys(["tokens", "divergence", *change], 0.0)
    for window in windows:
        ids = torch.from_numpy(window.ids)[None]
        logs = {}
        for name, factor in change.items():

            def hook(module, args, output, factor=factor):
                state = output if isinstance(output, torch.Tensor) else output[0]
                if factor is not None:
                    state[:, 1:] *= factor
                return output

            handle = block.register_forward_hook(hook)
            with torch.no_grad():
                logs[name] = network(ids).logits[0].log_softmax(-1)
            handle.remove()
        begin, end = window.measured
        for after in range(max(begin, 2), end):
            sums["tokens"] += 1
            for name in change:
                sums[name] -= float(logs[name][after - 1, window.ids[after]])
            p, q = logs["intact"][after - 1], logs["put"][after - 1]
            sums["divergence"] += float((p.exp() * (p - q)).sum())
    total = dict(zip(found.totals.names, found.totals.values.sum(0), strict=True))
    assert {name: total[name] for name in sums} == pytest.approx(sums, rel=1e-6)
    assert found.tokens == sums["tokens"]
    scores = by_name(found)
    assert scores["kl"].low <= scores["kl"].value <= scores["kl"].high
    assert scores["kl"].low > 0
    assert found.totals.over == "documents"


def test_zeros_and_the_mean_recover_nothing(double, windows):
    zero = Replacement(SITE, SITE, torch.zeros_like)
    found = put_back(double, {"zero": zero, "same": Replacement(SITE, SITE, same)}, windows[:3])
    assert by_name(found["zero"])["loss_recovered"].value == pytest.approx(0, abs=1e-9)
    assert by_name(found["same"])["loss_recovered"].value == 1
    state = torch.full((32,), 0.1).double()
    mean = Replacement(SITE, SITE, lambda states: state.expand_as(states))
    found = put_back(double, {"mean": mean}, windows[:3], means={SITE: state})["mean"]
    assert by_name(found)["loss_recovered_mean"].value == pytest.approx(0, abs=1e-9)


def test_a_transcoder_stands_in_the_place_of_its_part(double, windows):
    """The MLP itself as the function of what it takes in changes nothing."""
    mlp = double.network.model.layers[3].mlp
    reads, writes = Site("mlp-in", 4), Site("mlp", 4)
    found = put_back(double, {"itself": Replacement(reads, writes, mlp.forward)}, windows[:3])["itself"]
    assert by_name(found)["kl"].value == pytest.approx(0, abs=1e-12)
    taken = replacement(identity(site=reads, target=writes))
    assert (taken.reads, taken.writes) == (reads, writes)
    assert by_name(put_back(double, {"other": taken}, windows[:3])["other"])["kl"].value > 0


def test_special_tokens_and_the_first_stay_as_they_are(double, windows):
    window = windows[0]
    special = double.tokenizer.all_special_ids[0]
    window = window._replace(ids=np.where(np.arange(len(window.ids)) == 5, special, window.ids))
    seen = []

    def look(states):
        seen.append(len(states))
        return states

    found = put_back(double, {"look": Replacement(SITE, SITE, look)}, [window])["look"]
    assert seen[0] == len(window.ids) - 2
    # nothing is counted that is predicted from a token left alone, nor the prediction of a special one
    assert found.tokens == len(window.ids) - 2 - 2


@pytest.mark.parametrize("most", [1, 25])
def test_passes_are_small_where_vocabularies_are_large(double, windows, monkeypatch, most):
    whole = put_back(double, {"half": Replacement(SITE, SITE, shrunk)}, windows[:4])["half"]
    monkeypatch.setattr(putting_back, "LOGITS", most * double.vocabulary)
    part = put_back(double, {"half": Replacement(SITE, SITE, shrunk)}, windows[:4])["half"]
    if most == 1:
        assert part.tokens == 4
    else:
        assert part.totals.values == pytest.approx(whole.totals.values, rel=1e-9)


def test_what_cannot_be_put_back_is_refused(double, windows, refuses):
    with refuses("another model"):
        put_back(double, {"narrow": replacement(identity(16), SITE)}, windows[:1])
    with refuses("8", "another model"):
        put_back(double, {"narrow": Replacement(SITE, SITE, lambda states: states[:, :8])}, windows[:1])
    with refuses("not finite"):
        put_back(double, {"odd": Replacement(SITE, SITE, lambda states: states * float("nan"))}, windows[:1])
    with refuses("name the site"):
        replacement(identity(site=None))
    with refuses("longer text"):
        put_back(double, {"same": Replacement(SITE, SITE, same)}, [])
