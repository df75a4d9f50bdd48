"""The products of a sparse code, without the dense one."""

import torch

from depthscope.studies.sae.sparse import Sparse


def decode(code: Sparse, decoder: torch.Tensor) -> torch.Tensor:
    """``z W_dec`` (..., d) of a code over tokens (...,) and directions (n, d)."""
    count = code.values.shape[-1]
    flat = torch.nn.functional.embedding_bag(
        code.indices.reshape(-1, count), decoder, per_sample_weights=code.values.reshape(-1, count), mode="sum"
    )
    return flat.reshape(*code.values.shape[:-1], decoder.shape[-1])
