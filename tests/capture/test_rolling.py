"""What is read on the roll: a loop in float64 that takes token after token gives the same states."""

import numpy as np
import pytest
import torch

import depthscope as ds
from depthscope.capture.every import Room
from depthscope.capture.rolling import Rolling
from depthscope.capture.sections import Section
from depthscope.capture.windows import Window, windows
from depthscope.model.carried import Carrier
from tests.conftest import tiny_llama

WINDOW, CONTEXT = 24, 10


@pytest.fixture(scope="module")
def double(tokenizer) -> ds.Model:
    """Large weights, so that attention chooses."""
    network = tiny_llama(len(tokenizer), blocks=4).double()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                parameter.mul_(6)
    return ds.load(network, tokenizer)


def document(name: str, tokens: int, prefix=()) -> list[Window]:
    ids = np.random.default_rng(tokens).integers(100, 4000, tokens)
    place = np.arange(tokens)
    return list(windows(name, [Section(ids, place, place + 1)], WINDOW, CONTEXT, prefix))


def read(model, documents, special: int) -> list[torch.Tensor]:
    rolling = Rolling(Carrier(model), WINDOW, CONTEXT, special)
    strands = sorted(rolling.strands([w for some in documents for w in some]), key=len, reverse=True)
    parts: list[list[torch.Tensor]] = [[] for _ in strands]
    for one in rolling.passes(strands, Room(), 0):
        assert one.measured.all()
        for row in one.rows.unique().tolist():
            parts[row].append(one.states[one.rows == row].clone())
    return [torch.cat(part) for part in parts]


def by_hand(network, ids, special: int) -> torch.Tensor:
    """One token at a time, a list of keys for each block, rotated anew each time by what they are apart."""
    config, body = network.config, network.model
    size, heads, shared = config.hidden_size // config.num_attention_heads, config.num_attention_heads, 2
    base = config.rope_parameters["rope_theta"]
    rates = base ** -(torch.arange(0, size, 2).double() / size)

    def rotated(x, place):
        turn = torch.polar(torch.ones_like(rates), rates * place)
        pair = torch.complex(x[..., : size // 2], x[..., size // 2 :]) * turn
        return torch.cat([pair.real, pair.imag], -1)

    def normed(x, norm):
        return x * (x.pow(2).mean() + config.rms_norm_eps).rsqrt() * norm.weight

    kept = [[] for _ in body.layers]  # (key, value) of every token so far
    sinks = special or 1
    room = CONTEXT if special else CONTEXT - 1
    found = []
    for t, token in enumerate(ids):
        # when the pass that this token belongs to began
        begin = 0 if t < WINDOW else t - (t - WINDOW) % (WINDOW - CONTEXT - special)
        stream = body.embed_tokens.weight[token]
        states = [stream]
        for layer, pairs in zip(body.layers, kept, strict=True):
            x, attention = normed(stream, layer.input_layernorm), layer.self_attn
            query = (attention.q_proj.weight @ x).reshape(heads, size)
            pairs.append(
                (
                    (attention.k_proj.weight @ x).reshape(shared, size),
                    (attention.v_proj.weight @ x).reshape(shared, size),
                )
            )
            seen = [(u, u) for u in range(begin and begin - room, t + 1)]  # which token, and where it stands
            if begin:
                seen = [(u, begin - room - sinks + u) for u in range(sinks)] + seen
            keys = torch.stack([rotated(pairs[u][0], place) for u, place in seen])
            values = torch.stack([pairs[u][1] for u, _ in seen])
            turned = rotated(query, t)
            heard = []
            for h in range(heads):
                group = h // (heads // shared)
                weights = (keys[:, group] @ turned[h] / size**0.5).softmax(0)
                heard.append(weights @ values[:, group])
            stream = stream + attention.o_proj.weight @ torch.cat(heard)
            x = normed(stream, layer.post_attention_layernorm)
            inner = torch.nn.functional.silu(layer.mlp.gate_proj.weight @ x) * (layer.mlp.up_proj.weight @ x)
            stream = stream + layer.mlp.down_proj.weight @ inner
            states.append(stream)
        found.append(torch.stack(states))
    return torch.stack(found)[special:]


@pytest.mark.parametrize("prefix", [(), (7, 9)])
def test_a_loop_token_by_token_gives_the_same_states(double, prefix):
    lengths = (75, 40)
    documents = [document(f"{n}", n, prefix) for n in lengths]
    found = read(double, documents, len(prefix))
    for states, some in zip(found, documents, strict=True):
        ids = np.concatenate([prefix, *(w.ids[slice(*w.measured)] for w in some)]).astype(int)
        with torch.no_grad():
            expected = by_hand(double.network, ids.tolist(), len(prefix))
        # the network rotates in single precision
        torch.testing.assert_close(states, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


def test_what_was_cut_is_missed_and_what_is_kept_is_not_a_window(double):
    """The oracle above would not know a cut that does nothing from one that does."""
    some = document("a", 75)
    found = read(double, [some], 0)[0]
    ids = torch.tensor(np.concatenate([w.ids[slice(*w.measured)] for w in some]))[None]
    whole: dict[int, torch.Tensor] = {}
    with double.listening(lambda i, state: whole.update({i: state[0]})):
        double.run_trunk(ids)
    last = torch.stack([whole[i] for i in range(double.depth + 1)], 1)
    scale = float(last.abs().max())
    torch.testing.assert_close(found[:WINDOW], last[:WINDOW], rtol=1e-9, atol=1e-9 * scale)
    assert float((found[WINDOW:] - last[WINDOW:]).abs().max()) > 1e-2 * scale
    plain: dict[int, torch.Tensor] = {}
    window = some[-1]
    with double.listening(lambda i, state: plain.update({i: state[0]})):
        double.run_trunk(torch.tensor(window.ids)[None])
    later = torch.stack([plain[i] for i in range(double.depth + 1)], 1)[window.measured[0] :]
    assert float((found[-len(later) :] - later).abs().max()) > 1e-3 * scale


def test_a_strand_ends_with_its_document_and_with_its_reach(double):
    rolling = Rolling(Carrier(double), WINDOW, CONTEXT, 0)
    several = [*document("a", 75), *document("b", 5), *document("c", 30)]
    names = [[window.document for window in strand] for strand in rolling.strands(several)]
    assert names == [["a"] * 5, ["b"], ["c"] * 2]
    # what begins in the middle of a document begins as a window
    assert [strand[0].first for strand in rolling.strands(several[2:])] == [38, 0, 0]
    rolling.reach = WINDOW + 2 * (WINDOW - CONTEXT)
    assert [len(strand) for strand in rolling.strands(several)] == [3, 2, 1, 2]
    ahead = [several[0], several[2]]
    assert [len(strand) for strand in rolling.strands(ahead)] == [1, 1]


@pytest.mark.parametrize("prefix", [(), (7, 9)])
def test_without_context_a_pass_is_a_window(double, prefix):
    """Only what the tokenizer puts before a text is left in the cache, and must be as if the text began there."""
    ids = np.random.default_rng(1).integers(100, 4000, 60)
    several = list(windows("a", [Section(ids, ids, ids)], WINDOW, 0, prefix))
    rolling = Rolling(Carrier(double), WINDOW, 0, len(prefix))
    (strand,) = rolling.strands(several)
    for window, one in zip(several, rolling.passes([strand], Room(), 0), strict=True):
        alone: dict[int, torch.Tensor] = {}
        with double.listening(lambda i, state: alone.update({i: state[0]})):  # noqa: B023
            double.run_trunk(torch.tensor(window.ids)[None])
        expected = torch.stack([alone[i] for i in range(double.depth + 1)], 1)[len(prefix) :]
        torch.testing.assert_close(one.states, expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
