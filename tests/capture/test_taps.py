"""States at sites: those of the network itself, in passes that end early, and changed where the network takes them up."""

import numpy as np
import pytest
import torch
from torch import nn

import depthscope as ds
from depthscope.capture.parts import Cut
from depthscope.capture.sites import Site, read_site
from depthscope.capture.taps import Taps
from depthscope.corpus.read import read_corpus
from tests.conftest import tiny_llama

SITES = [Site("resid", 0), Site("resid", 3), Site("attention", 2), Site("mlp", 4), Site("mlp-in", 4)]


@pytest.fixture(scope="module")
def double(tokenizer) -> ds.Model:
    return ds.load(tiny_llama(len(tokenizer)).double(), tokenizer)


@pytest.fixture(scope="module")
def sandwich(tokenizer) -> ds.Model:
    """Norms before and behind each part, as Gemma has them."""
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(2)
    config = Gemma3TextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
    )
    return ds.load(Gemma3ForCausalLM(config).double().eval(), tokenizer)


@pytest.fixture
def texts(tmp_path):
    (tmp_path / "one.txt").write_text("The sea was calm, and nobody spoke. " * 6)
    (tmp_path / "two.txt").write_text("A short one, with few words in it.")
    return read_corpus(tmp_path)


def windows_of(corpus, tokenizer, length=24):
    return [window for part in Cut(length, 0, 10**6).parts(corpus, tokenizer) for window in part.windows]


def own_states(model, window):
    """As transformers gives them, with what the MLP of the fourth block takes in and gives."""
    heard = {}
    block = model.network.model.layers[3]
    handle = block.mlp.register_forward_hook(lambda module, args, output: heard.update(taken=args[0], given=output))
    ids = torch.from_numpy(window.ids)[None]
    with torch.no_grad():
        states = model.network(ids, output_hidden_states=True).hidden_states
    handle.remove()
    return states, heard


def test_states_are_those_of_the_network_itself(double, texts):
    windows = windows_of(texts, double.tokenizer)
    seen = 0
    for read in Taps(double, SITES).read(windows):
        for row, (number, window) in enumerate(zip(read.numbers, read.windows, strict=True)):
            assert windows[number] is window
            here = read.window == row
            places = read.position[here]
            assert list(places) == list(range(1, len(window.ids)))  # not the first token
            assert np.array_equal(read.ids[here], window.ids[places])
            states, heard = own_states(double, window)
            for site in (Site("resid", 0), Site("resid", 3)):
                torch.testing.assert_close(read.states[site][here], states[site.layer][0, places])
            torch.testing.assert_close(read.states[Site("mlp", 4)][here], heard["given"][0, places])
            torch.testing.assert_close(read.states[Site("mlp-in", 4)][here], heard["taken"][0, places])
            seen += len(places)
    assert seen == sum(len(window.ids) - 1 for window in windows)


def test_a_pass_ends_with_the_last_state(double, texts):
    calls = []
    handles = [block.register_forward_hook(lambda *_, i=i: calls.append(i)) for i, block in enumerate(double.blocks, 1)]
    list(Taps(double, [Site("resid", 2)]).read(windows_of(texts, double.tokenizer)[:1]))
    assert max(calls) == 2
    calls.clear()
    # and the network is left as it was
    double.run_trunk(torch.ones(1, 4, dtype=torch.long))
    assert calls == [1, 2, 3, 4, 5, 6]
    for handle in handles:
        handle.remove()


def test_special_tokens_are_left_out(double, texts):
    window = windows_of(texts, double.tokenizer)[0]
    special = double.tokenizer.all_special_ids[0]
    window.ids[5] = special
    read = next(Taps(double, [Site("resid", 1)]).read([window]))
    assert 5 not in read.position
    assert list(next(Taps(double, [Site("resid", 1)]).read([window], every=True)).position) == list(
        range(len(window.ids))
    )
    assert special not in read.ids


def test_what_is_put_in_arrives(double, texts):
    """A change of a part changes the next state by as much; an identity changes nothing."""
    ids = torch.from_numpy(windows_of(texts, double.tokenizer)[0].ids)[None]
    sites = [Site("mlp", 4), Site("attention", 4), Site("resid", 4), Site("mlp-in", 4)]
    taps = Taps(double, sites)
    plain = heard(double, taps, ids)
    for site in sites:
        with taps.editing(site, lambda state: None):
            for there, value in heard(double, taps, ids).items():
                assert torch.equal(value, plain[there])
    with taps.editing(Site("mlp", 4), lambda state: state[:, 3].add_(1.0)):
        changed = heard(double, taps, ids)
    expected = plain[Site("resid", 4)].clone()
    expected[:, 3] += 1
    torch.testing.assert_close(changed[Site("resid", 4)], expected)
    with taps.editing(Site("mlp-in", 4), lambda state: state.zero_()):
        changed = heard(double, taps, ids)
    nothing = double.network.model.layers[3].mlp(torch.zeros_like(plain[Site("mlp-in", 4)]))
    torch.testing.assert_close(
        changed[Site("resid", 4)], plain[Site("resid", 4)] - plain[Site("mlp", 4)] + nothing.detach()
    )


def heard(model, taps, ids) -> dict[Site, torch.Tensor]:
    found: dict[Site, torch.Tensor] = {}
    with taps.listening(lambda site, state: found.update({site: state.clone()})):
        model.run_trunk(ids)
    return found


def test_behind_a_sandwich_of_norms_the_input_is_that_of_the_mlp(sandwich, texts):
    windows = windows_of(texts, sandwich.tokenizer)[:1]
    read = next(Taps(sandwich, [Site("mlp-in", 2), Site("mlp", 2)]).read(windows))
    block = sandwich.network.model.layers[1]
    with torch.no_grad():
        given = block.post_feedforward_layernorm(block.mlp(read.states[Site("mlp-in", 2)]))
    torch.testing.assert_close(given, read.states[Site("mlp", 2)])


@pytest.mark.parametrize("site", [Site("resid", 7), Site("resid", -1), Site("mlp", 0)])
def test_a_layer_that_is_not_there_is_refused(tiny, refuses, site):
    with refuses(str(site), "6 blocks"):
        Taps(tiny, [site])


def test_no_site_is_refused(tiny, refuses):
    with refuses("no site"):
        Taps(tiny, [])


def test_sites_are_written_and_read():
    for site in SITES:
        assert read_site(str(site)) == site
    assert str(Site("mlp-in", 3)) == "layer-3-mlp-in"


@pytest.mark.parametrize("name", ["layer", "layer-x", "layer-3-head", "blocks.3"])
def test_other_names_are_no_sites(refuses, name):
    with refuses("mlp"):
        read_site(name)


def test_a_mixture_of_experts_has_a_site_too(tokenizer, texts):
    """Its experts see all tokens in one row."""
    from transformers import MixtralConfig, MixtralForCausalLM

    torch.manual_seed(3)
    config = MixtralConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=4,
    )
    model = ds.load(MixtralForCausalLM(config).eval(), tokenizer)
    sites = [Site("resid", 2), Site("resid", 3), Site("attention", 3), Site("mlp", 3)]
    states = next(Taps(model, sites).read(windows_of(texts, tokenizer)[:2])).states
    before, after, attention, mlp = (states[site] for site in sites)
    torch.testing.assert_close(before + attention + mlp, after, rtol=1e-5, atol=1e-5)


def test_nobody_hooks_the_network_afterwards(tiny, texts):
    taps = Taps(tiny, [Site("resid", 2), Site("mlp", 2)])
    before = hooked(tiny.network)
    list(taps.read(windows_of(texts, tiny.tokenizer)))
    with taps.editing(Site("mlp", 2), lambda state: None):
        assert hooked(tiny.network) != before
    assert hooked(tiny.network) == before


def hooked(network: nn.Module) -> list[int]:
    """transformers keeps hooks of its own."""
    return [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules()]
