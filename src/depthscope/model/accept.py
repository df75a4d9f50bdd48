"""The last step of every way to a model: find its blocks, prove its stream."""

from dataclasses import replace
from typing import Any

import torch

from depthscope.errors import DepthscopeError, reason
from depthscope.model.blocks import find_blocks
from depthscope.model.fingerprint import fingerprint
from depthscope.model.model import Model, inputs_of, measuring
from depthscope.model.placed import input_device, is_absent
from depthscope.model.plain import plainly
from depthscope.model.proofs import Proofs
from depthscope.model.quantization import check_unpacking, settle
from depthscope.model.tokenizer import context_length, ordinary_tokens
from depthscope.model.verify import verify, verify_head

MIN_BLOCKS = 4
PROBE_TOKENS, FEWEST_TOKENS = 8, 3  # with two texts in a batch, fewer could be mistaken for the texts


@plainly()
def accept(
    network: Any,
    tokenizer: Any,
    name: str,
    path: str | None = None,
    *,
    causal: bool = True,
    proofs: Proofs | None = None,
) -> Model:
    """Find the blocks of a network, or take ``path``, and prove that what is captured is what it computes with.

    With ``proofs``, of a converted model, what was proven of the very same before is not proven again.

    Raises
    ------
    DepthscopeError
        No token embeddings, no chain of blocks, fewer than 4 of them, or a check of the stream that fails.
    """
    find: Any = getattr(network, "get_input_embeddings", None)
    if find is None or not hasattr(find(), "weight") or not hasattr(network, "config"):
        raise DepthscopeError(f"{name}: {type(network).__name__} has no token embeddings, so it is no language model")
    if is_absent(network):
        raise DepthscopeError(
            f"{name}: {type(network).__name__} has weights without values (on the meta device), so there is nothing to "
            "measure; load it with its weights"
        )
    settle(network)
    check_unpacking(network, name)
    context = context_length(network.config, tokenizer)
    if context is not None and context < 2 * FEWEST_TOKENS:
        raise DepthscopeError(
            f"{name}: a context of {context} tokens is too short to prove what is captured: at least {2 * FEWEST_TOKENS}"
        )
    first, second = probe(network, tokenizer, 11), probe(network, tokenizer, 4321)
    # two texts, so that the batch cannot be mistaken for another dimension of the state
    both = {key: torch.cat([first[key], second[key]]) for key in ("input_ids", "attention_mask")}
    try:
        with measuring(network):
            chain = find_blocks(network, inputs_of(network, **both), path)
    except DepthscopeError:
        raise
    except Exception as problem:  # whatever its author thought of
        raise DepthscopeError(
            f"{name}: {type(network).__name__} does not run on text alone, so it cannot be measured; it says: {reason(problem)}"
        ) from None
    model = Model(network, tokenizer, name, chain, causal=causal, proofs=proofs)
    check_depth(name, model.depth)

    def prove() -> list[Any]:
        checks = verify(model, first, second)
        predicts, checks["head"] = verify_head(model, first, second)
        return [checks, predicts]

    if proofs is None:
        checks, predicts = prove()
    else:
        checks, predicts = proofs.settled(f"stream at {chain}", network, fingerprint(network), prove)
    if carried := getattr(network.config, "gguf", None):
        checks["gguf"] = str(carried)
    return replace(model, checks=checks, predicts=predicts)


def probe(network: Any, tokenizer: Any, offset: int) -> dict[str, Any]:
    """Inputs of one short text: ordinary tokens, for a special one may stand for padding, or for an image.

    It takes up half of the context at most, because it is also run with as much padding behind it.
    """
    device = input_device(network)
    vocabulary = network.get_input_embeddings().weight.shape[0]
    ordinary = ordinary_tokens(tokenizer, vocabulary)
    count = min(PROBE_TOKENS, (context_length(network.config, tokenizer) or 2 * PROBE_TOKENS) // 2)
    ids = torch.tensor([[ordinary[(i * 7919 + offset) % len(ordinary)] for i in range(count)]], device=device)
    return inputs_of(network, ids, torch.ones_like(ids))


def check_depth(name: str, depth: int) -> None:
    """Refuse a network that is too shallow to tell one scale from another."""
    if depth < MIN_BLOCKS:
        raise DepthscopeError(f"{name}: {depth} blocks are too few to speak of depth: at least {MIN_BLOCKS}")
