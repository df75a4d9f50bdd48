"""A small language model whose workings are known, because they were put there by hand.

Every token carries broadband noise along depth: each attention and each MLP adds a random function of the other noise. Beside
the noise stand a few features of which every reader and writer is listed here. ``A`` and ``B`` are marks, ``T`` is the target.

- ``component``: where a mark ``A`` stands before it, a token receives in each of these blocks, on top of its noise, one step
  of a helix that turns once in ``period`` layers, of length ``strength``, in a plane that nothing reads: what differs in scale.
- ``carrying``: the states of the target that know, and no others, which mark stood before. The block after the last of them
  hands it to all later tokens, whose next token is then ``p`` after ``A`` and ``q`` after ``B``, and erases it at the target.
"""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import nn

import depthscope as ds
from depthscope.model.miniature import byte_tokenizer

DEPTH, NOISE = 16, 32
MARK, TARGET, FLAG, READING, DECISION, COSINE, SINE = range(7)
WIDTH = NOISE + 7
SMALL = 1e-2  # of features that tell something, beside noise of length 1: they are read, and not seen in the energy
FAVOUR = 2.0  # logits

Host = Literal["attention", "mlp"]


class Plain(nn.Module):
    """A block of two parts, the second of which sees what the first has added."""

    def __init__(self, attention: nn.Module, mlp: nn.Module) -> None:
        super().__init__()
        self.attention, self.mlp = attention, mlp

    def forward(self, state: torch.Tensor) -> Any:
        state = state + self.attention(state)
        return state + self.mlp(state)


class Network(nn.Module):
    """Embedding, blocks, head, as :func:`depthscope.load` wants them; what a subclass does between them is its peculiarity."""

    def __init__(self, embedding: torch.Tensor, blocks: list[nn.Module], head: torch.Tensor) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(embedding)
        self.blocks = nn.ModuleList(blocks)
        self.out = nn.Linear(head.shape[1], head.shape[0], bias=False)
        self.out.weight = nn.Parameter(head)
        self.config = SimpleNamespace(max_position_embeddings=64, to_dict=dict)

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def get_output_embeddings(self) -> nn.Module:
        return self.out

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            state = block(state)
        return state

    def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, output_hidden_states: bool = False) -> Any:
        return SimpleNamespace(logits=self.out(self.flow(self.embedding(input_ids))))


class Mixing(nn.Module):
    """What attention does at its simplest: the mean over the tokens so far, through a matrix."""

    def __init__(self, width: int = NOISE) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.randn(width, width) / width**0.5)

    def forward(self, state: torch.Tensor) -> Any:
        count = torch.arange(1, state.shape[1] + 1, dtype=state.dtype, device=state.device)
        return (_unit(state) @ self.value).cumsum(1) / count[:, None]


class Alone(nn.Module):
    """What an MLP does at its simplest: a curved function of one token."""

    def __init__(self, width: int = NOISE) -> None:
        super().__init__()
        self.up = nn.Parameter(2 * torch.randn(width, 2 * width))
        self.down = nn.Parameter(torch.randn(2 * width, width) / width / 2**0.5)

    def forward(self, state: torch.Tensor) -> Any:
        return torch.tanh(_unit(state) @ self.up) @ self.down


def toy(
    block: Callable[[], nn.Module] = lambda: Plain(Mixing(), Alone()), network: type[Network] = Network, depth: int = 6
) -> Network:
    """A network of noise alone, of any kind of block."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        words = len(byte_tokenizer())
        embedding, head = torch.randn(words, NOISE) / NOISE**0.5, torch.randn(words, NOISE)
        made: Network = network(embedding, [block() for _ in range(depth)], head).eval()
    return made


def _unit(state: torch.Tensor) -> torch.Tensor:
    return state / state.norm(dim=-1, keepdim=True).clamp(min=1e-6)


class Writing(nn.Module):
    """Noise as ``inner`` makes it, and what ``rules`` write beside it: functions of the state, by feature."""

    def __init__(self, inner: nn.Module, rules: dict[int, Any]) -> None:
        super().__init__()
        self.inner, self.rules = inner, rules

    def forward(self, state: torch.Tensor) -> Any:
        given = torch.zeros_like(state)
        given[..., -NOISE:] = self.inner(state[..., -NOISE:])
        for feature, rule in self.rules.items():
            given[..., feature] = rule(state)
        return given


def planted(
    *,
    component: range = range(0),
    host: Host = "mlp",
    period: float = 4.0,
    strength: float = 1.2,
    carrying: range = range(0),
    seed: int = 0,
) -> ds.Model:
    """The network, loaded and verified; layers and states are counted from 1."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = byte_tokenizer()
        place = {sign: tokenizer.convert_tokens_to_ids(sign) for sign in "ABTpq"}
        embedding = torch.zeros(len(tokenizer), WIDTH)
        embedding[:, -NOISE:] = torch.randn(len(tokenizer), NOISE) / NOISE**0.5
        embedding[place["B"]] = embedding[place["A"]]
        embedding[place["A"], MARK], embedding[place["B"], MARK] = 1, -1
        embedding[place["T"], TARGET] = 1
        head = torch.zeros(len(tokenizer), WIDTH)
        head[:, -NOISE:] = 0.1 * torch.randn(len(tokenizer), NOISE)
        head[place["p"], DECISION], head[place["q"], DECISION] = FAVOUR, -FAVOUR
        blocks: list[nn.Module] = []
        for layer in range(1, DEPTH + 1):
            rules = _rules(layer, component, host, period, strength, carrying)
            blocks.append(Plain(Writing(Mixing(), rules["attention"]), Writing(Alone(), rules["mlp"])))
        network = Network(embedding, blocks, head).eval()
    return ds.load(network, tokenizer)


def _rules(
    layer: int, component: range, host: Host, period: float, strength: float, carrying: range
) -> dict[Host, dict[int, Any]]:
    rules: dict[Host, dict[int, Any]] = {"attention": {}, "mlp": {}}
    mix, own = rules["attention"], rules["mlp"]
    if layer == 1:
        mix[FLAG] = lambda state: SMALL * state[..., MARK].cumsum(1).clamp(min=0)
    if layer in component:
        angle = 2 * np.pi * layer / period
        for feature, turn in ((COSINE, np.cos(angle)), (SINE, np.sin(angle))):
            rules[host][feature] = partial(_step, height=strength * float(turn) / SMALL)
    if carrying and layer == carrying[0]:
        mix[READING] = lambda state: SMALL * state[..., TARGET] * state[..., MARK].cumsum(1)
    if carrying and layer == carrying[-1] + 1:
        mix[DECISION] = lambda state: (state[..., READING].cumsum(1) - state[..., READING]) / SMALL
        own[READING] = lambda state: -state[..., READING]
    return rules


def _step(state: torch.Tensor, height: float) -> torch.Tensor:
    return height * state[..., FLAG]


def stimuli(items: int, seed: int = 0) -> pd.DataFrame:
    """Texts of letters drawn at random, with a mark and after it the target; the pairs have nothing else in common."""
    rng = np.random.default_rng(seed)

    def letters() -> str:
        return "".join(rng.choice(list("abcdefghijklmno"), size=rng.integers(3, 7)))

    rows = [
        {
            "item": f"i{i}",
            "condition": name,
            "text": f"{letters()} {mark} {letters()} T.",
            "target": "T",
            "probe": probe,
        }
        for i in range(items)
        for name, mark, probe in (("marked", "A", "p"), ("plain", "B", "q"))
    ]
    return pd.DataFrame(rows)
