"""States that are sparse sums of directions that are known, and dictionaries that know them."""

from typing import NamedTuple

import numpy as np
import torch

from depthscope.studies.sae.activations.topk import TopK
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.units import Units
from depthscope.studies.sae.sparse import Sparse


class Planted(NamedTuple):
    """States (N, d) of so many documents, and the directions (n, d) and code of which they are made."""

    states: torch.Tensor
    directions: torch.Tensor
    code: Sparse
    mean: torch.Tensor
    document: np.ndarray


def planted(tokens=2000, latents=24, width=64, k=3, documents=10, seed=0) -> Planted:
    """Orthogonal directions if there are no more than features, k of which are in each state with weights of 1 to 2."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(latents, width, generator=generator).double()
    if latents <= width:
        directions = torch.linalg.qr(directions.T).Q.T
    directions = torch.nn.functional.normalize(directions, dim=-1)
    indices = torch.rand(tokens, latents, generator=generator).topk(k).indices
    values = 1 + torch.rand(tokens, k, generator=generator).double()
    code = Sparse(values, indices, latents)
    mean = 5 * torch.randn(width, generator=generator).double()
    document = np.sort(np.random.default_rng(seed).integers(0, documents, tokens))
    return Planted(code.dense() @ directions + mean, directions, code, mean, document)


def knowing(truth: Planted, k: int = 3) -> Dictionary:
    """The dictionary of these directions."""
    latents = len(truth.directions)
    return Dictionary(
        truth.directions.clone(), torch.zeros(latents).double(), truth.directions.clone(), truth.mean.clone(), TopK(k)
    )


def units(document: np.ndarray) -> Units:
    """Each document one window."""
    count = int(document.max()) + 1
    return Units(np.arange(count), count, "documents")
