"""What every head writes at the targets, as inner products with the updates: no vector of a head is kept."""

import torch

from depthscope.model.heads import Heads
from depthscope.model.model import Model, measuring


def head_products(
    model: Model, heads: Heads, reaching: dict[int, torch.Tensor], weights: torch.Tensor, updates: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Reduce what reaches the projections to what is reported of heads.

    Parameters
    ----------
    reaching : dict of Tensor (N, heads times size)
        By block, of the N tokens that stand for B targets.
    weights : Tensor (B, N)
        Of these tokens in the mean that stands for each target.
    updates : Tensor (B, L, d), float64

    Returns
    -------
    dict of Tensor, float64
        ``head_dot`` (B, L, H, L): ``<a_kh, u_l>``, of what head h of block k writes with update l; ``head_square`` (B, L, H):
        ``|a_kh|^2``. NaN for blocks without attention.
    """
    rows, depth, _ = updates.shape
    dots = torch.full((rows, depth, heads.count, depth), torch.nan, dtype=torch.float64)
    squares = torch.full((rows, depth, heads.count), torch.nan, dtype=torch.float64)
    with measuring(model.network):
        for number, values in reaching.items():
            for head in range(heads.count):
                written = (weights.to(values.device) @ heads.written(model, number, head, values)).to(updates.device)
                dots[:, number - 1, head] = (updates @ written[..., None])[..., 0].cpu()
                squares[:, number - 1, head] = (written**2).sum(-1).cpu()
    return {"head_dot": dots, "head_square": squares}
