"""A network that can be measured: its blocks found, its stream proven."""

import inspect
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import nn

from depthscope.model.chain import Chain, Edit, Receive
from depthscope.model.compiled import eagerly, uncompiled
from depthscope.model.fingerprint import fingerprint
from depthscope.model.head import logits_at
from depthscope.model.narrow import tail
from depthscope.model.placed import input_device
from depthscope.model.plain import plainly
from depthscope.model.proofs import Proofs
from depthscope.model.quantization import SCHEMES, gradless, scheme_of
from depthscope.model.tokenizer import context_length
from depthscope.model.turns import alone


@dataclass(frozen=True, eq=False)
class Model:
    """What :func:`depthscope.load` returns.

    Attributes
    ----------
    network : torch.nn.Module
        The transformers model, untouched; if it is compiled, measured eagerly and left compiled.
    tokenizer : PreTrainedTokenizerFast
    name : str
        What it was loaded as.
    chain : Chain
        Which modules carry the residual stream, and how it is read off them.
    checks : dict
        What was verified when the model was loaded, and how exactly it held.
    predicts : bool
        Its logits can be read at single tokens (:meth:`run`), as was verified too.
    causal : bool
        A token's states depend on nothing after it; false for an encoder.
    code : dict
        SHA-256 of each file of Python code that the model brought and that was run, by its name.
    proofs : Proofs, optional
        Of a converted model: what was proven of it before.
    """

    network: nn.Module
    tokenizer: Any
    name: str
    chain: Chain
    checks: dict[str, str] = field(default_factory=dict)
    predicts: bool = False
    causal: bool = True
    code: dict[str, str] = field(default_factory=dict)
    proofs: Proofs | None = None

    @property
    def path(self) -> str:
        """Where the blocks are in the network, e.g. ``"model.layers"``."""
        return self.chain.path

    @cached_property
    def blocks(self) -> list[nn.Module]:
        return self.chain.blocks(self.network)

    @property
    def depth(self) -> int:
        """Number of blocks, and of updates."""
        return len(self.blocks)

    @property
    def device(self) -> torch.device:
        """Where token ids go, and where states are gathered; blocks may lie on others."""
        return input_device(self.network)

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the first block's floating-point weights, in which the stream is carried."""
        return next((p.dtype for p in self.blocks[0].parameters() if p.is_floating_point()), torch.float32)

    @property
    def quantization(self) -> str | None:
        """Name of the scheme in which the weights are held; None if they are plain."""
        return scheme_of(self.network.config)

    @property
    def alone(self) -> bool:
        """Whether each text must run by itself, because the arithmetic of its weights lets others in the batch in."""
        scheme = SCHEMES.get(self.quantization or "")
        return scheme is not None and scheme.alone

    @property
    def vocabulary(self) -> int:
        """Number of tokens that the network has embeddings for."""
        network: Any = self.network
        return int(network.get_input_embeddings().weight.shape[0])

    @cached_property
    def width(self) -> int:
        """Number of features of the stream, as seen in a pass over one token."""
        seen: list[int] = []
        with self.listening(lambda _, state: seen.append(state.shape[-1])):
            self.run_trunk(torch.zeros(1, 1, dtype=torch.long, device=self.device))
        return seen[0]

    @cached_property
    def max_length(self) -> int | None:
        """Longest context in tokens, if the model has one."""
        return context_length(self.network.config, self.tokenizer)

    @cached_property
    def tail(self) -> tuple[nn.Module, ...]:
        """What of the last block need not see the tokens that nobody asks for, as is proven when it is first wanted."""
        if self.quantization is not None or self.chain.layout != "batch token feature":
            return ()
        count = min(8, self.max_length or 8)
        ids = torch.arange(2 * count, device=self.device).reshape(2, count) % self.vocabulary
        with measuring(self.network):
            return tail(self.network, self.blocks[-1], lambda: self.run_trunk(ids))

    @property
    def fingerprint(self) -> str:
        """Of the weights as they are now, for a network in memory may be trained between two traces; and of its own code."""
        return fingerprint(self.network, self.code)

    @cached_property
    def trunk(self) -> nn.Module:
        """The part of the network below the language-model head."""
        base = getattr(self.network, "base_model", self.network)
        inside = any(module is self.blocks[0] for module in base.modules())
        return base if inside else self.network

    @contextmanager
    def listening(self, receive: Receive) -> Iterator[None]:
        """Hand every state to ``receive(l, state)``, l = 0 .. L, while the context lasts.

        Of passes of this thread alone; other threads that want the network wait until the context ends.
        """
        with self.chain.listening(self.network, receive):
            yield

    @contextmanager
    def editing(self, edit: Edit, numbers: Collection[int]) -> Iterator[None]:
        """Let ``edit(l, state)`` change a copy of each state l of ``numbers`` in place, while the context lasts."""
        with self.chain.editing(self.network, edit, numbers):
            yield

    def run_trunk(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
    ) -> None:
        """One forward pass without the head, for what the hooks receive of it. Padding stands on the right.

        With ``position_ids`` rows may branch, where the network lets them (:mod:`depthscope.model.branching`).
        """
        with measuring(self.network):
            self.trunk(**inputs_of(self.trunk, input_ids, attention_mask, position_ids))

    def run(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None,
        rows: torch.Tensor,
        positions: torch.Tensor,
        position_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """The same pass with the head, at N chosen tokens only: logits (N, vocabulary); see :func:`logits_at`."""
        inputs = inputs_of(self.network, input_ids, attention_mask, position_ids)
        with measuring(self.network):
            return logits_at(self.network, inputs, rows, positions)

    def __repr__(self) -> str:
        kind = type(self.network).__name__
        held = f"{self.quantization} and {self.dtype}" if self.quantization else str(self.dtype)
        return f"Model({self.name!r}: {kind}, {self.depth} blocks at {self.path}, {held}, {self.device})"


@contextmanager
def measuring(network: nn.Module) -> Iterator[None]:
    """No gradients, no dropout, no compiled graphs, no settings that change bits (:func:`plainly`), no other thread.

    Every module is left in the mode in which it was found.
    """
    with alone(network), plainly():
        training = [module for module in network.modules() if module.training]
        network.eval()
        try:
            with gradless(network), eagerly(network):
                yield
        finally:
            for module in training:
                module.training = True


def inputs_of(
    network: nn.Module,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor | None,
    position_ids: torch.Tensor | None = None,
) -> dict[str, Any]:
    """Keywords of one pass without a cache."""
    inputs: dict[str, Any] = {"input_ids": input_ids, "attention_mask": attention_mask}
    if position_ids is not None:
        inputs["position_ids"] = position_ids
    if "use_cache" in inspect.signature(uncompiled(network).forward).parameters:
        inputs["use_cache"] = False
    return inputs
