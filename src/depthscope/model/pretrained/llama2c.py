"""The float files of llama2.c (version 0): seven integers, then the weights, in the order in which it reads them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, require

HEADER = np.dtype([(name, "<i4") for name in ("dim", "hidden", "layers", "heads", "kv_heads", "vocab", "context")])


def read_network(path: Path) -> Any:
    """``LlamaForCausalLM`` in float32 from a file of llama2.c.

    llama2.c rotates neighbouring features (2i, 2i+1) of a head; transformers rotates (i, i + half). So the rows of the
    query and key projections are put into that order, which leaves every attention score as it was.

    Raises
    ------
    DepthscopeError
        The header is not one, or the file is not as long as it says.
    """
    torch = require("torch", "models")
    transformers = require("transformers", "models")
    header = np.fromfile(path, HEADER, count=1)
    sizes = {name: int(header[name][0]) for name in HEADER.names or ()} if len(header) else {}
    # a negative vocabulary marks a head of its own
    tied = sizes.get("vocab", 0) > 0
    sizes["vocab"] = abs(sizes.get("vocab", 0))
    if min(sizes.values()) < 1 or sizes["dim"] % (2 * sizes["heads"]) or sizes["heads"] % sizes["kv_heads"]:
        raise DepthscopeError(f"{path}: this is no float file of llama2.c (its header is {sizes})")
    values = np.fromfile(path, "<f4", offset=HEADER.itemsize)
    shapes = _shapes(sizes, tied)
    if len(values) != sum(int(np.prod(shape)) for shape in shapes.values()):
        raise DepthscopeError(
            f"{path}: this is no float file of llama2.c ({len(values):,} weights, other than its header says)"
        )
    ends = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
    arrays = {name: part.reshape(shapes[name]) for name, part in zip(shapes, np.split(values, ends), strict=True)}
    for name, heads in (("self_attn.q_proj", sizes["heads"]), ("self_attn.k_proj", sizes["kv_heads"])):
        arrays[name] = _halves(arrays[name], heads)

    network = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=sizes["vocab"],
            hidden_size=sizes["dim"],
            intermediate_size=sizes["hidden"],
            num_hidden_layers=sizes["layers"],
            num_attention_heads=sizes["heads"],
            num_key_value_heads=sizes["kv_heads"],
            max_position_embeddings=sizes["context"],
            rms_norm_eps=1e-5,
            tie_word_embeddings=tied,
            bos_token_id=1,
            eos_token_id=2,
        )
    )
    network.load_state_dict(
        {name: torch.from_numpy(array.copy()) for name, array in _named(arrays, tied).items()}, strict=True
    )
    return network.eval()


def _shapes(sizes: dict[str, int], tied: bool) -> dict[str, tuple[int, ...]]:
    """What follows the header, in order. Every kind of matrix stands once, with all layers."""
    dim, hidden, layers, vocab = (sizes[name] for name in ("dim", "hidden", "layers", "vocab"))
    head = dim // sizes["heads"]
    inner = sizes["kv_heads"] * head
    rotation = (sizes["context"], head // 2)
    return {
        "embed_tokens": (vocab, dim),
        "input_layernorm": (layers, dim),
        "self_attn.q_proj": (layers, dim, dim),
        "self_attn.k_proj": (layers, inner, dim),
        "self_attn.v_proj": (layers, inner, dim),
        "self_attn.o_proj": (layers, dim, dim),
        "post_attention_layernorm": (layers, dim),
        "mlp.gate_proj": (layers, hidden, dim),
        "mlp.down_proj": (layers, dim, hidden),
        "mlp.up_proj": (layers, hidden, dim),
        "norm": (dim,),
        "cosines": rotation,  # of the rotary embedding, which transformers computes itself
        "sines": rotation,
        **({} if tied else {"lm_head": (vocab, dim)}),
    }


def _halves(weights: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Rows (2i, 2i+1) of each head to (i, i + half). (layer, row, feature) in and out."""
    layers, rows, features = weights.shape
    pairs = weights.reshape(layers, heads, rows // heads // 2, 2, features)
    return pairs.swapaxes(2, 3).reshape(weights.shape)


def _named(arrays: dict[str, NDArray[np.float32]], tied: bool) -> dict[str, NDArray[np.float32]]:
    """The arrays by transformers' names, one for each layer."""
    named = {
        "model.embed_tokens.weight": arrays["embed_tokens"],
        "model.norm.weight": arrays["norm"],
        "lm_head.weight": arrays["embed_tokens" if tied else "lm_head"],
    }
    for name, array in arrays.items():
        if "." in name or name.endswith("_layernorm"):
            named |= {f"model.layers.{layer}.{name}.weight": part for layer, part in enumerate(array)}
    return named
