"""A small language model in plain torch, to be broken in one way at a time."""

from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

VOCABULARY, WIDTH = 97, 16


class Block(nn.Module):
    """Mixes each token with those before it, as attention does."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(WIDTH, WIDTH)

    def forward(self, state: torch.Tensor) -> Any:
        count = torch.arange(1, state.shape[1] + 1, dtype=state.dtype, device=state.device)
        return state + torch.tanh(self.mix(state.cumsum(1) / count[:, None]))


class Toy(nn.Module):
    """Embedding, blocks, norm, head; subclasses override ``flow``, ``head`` or the kind of block."""

    block: type[nn.Module] = Block

    def __init__(self, depth: int = 6) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = nn.ModuleList(self.block() for _ in range(depth))
        self.norm = nn.LayerNorm(WIDTH)
        self.out = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.config = SimpleNamespace(max_position_embeddings=64, to_dict=dict)

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def flow(self, state: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            state = block(state)
        return state

    def head(self, state: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
        return self.out(self.norm(state))

    def forward(self, input_ids: torch.Tensor, attention_mask: Any = None, output_hidden_states: bool = False) -> Any:
        embedded = self.embedding(input_ids)
        return SimpleNamespace(logits=self.head(self.flow(embedded), embedded))
