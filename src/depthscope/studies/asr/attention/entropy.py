"""How concentrated a head's attention is in time, and the weight that follows from it."""

import math

import torch

# which query a token's map is taken from: the one that predicts it, or the one that reads it
ROWS = ("predicts", "reads")


def row_entropy(weights: torch.Tensor, frames: int) -> torch.Tensor:
    """Entropy of attention rows over the frames that hold sound, in [0, 1].

    ``H = -sum_t A_t ln A_t / ln T`` of the rows as they are once padding is dropped and they are made to sum to 1 again.

    Parameters
    ----------
    weights : tensor (..., frame)
        Frames of padding last.
    frames : int
        T, how many frames hold sound.

    Returns
    -------
    tensor (...)
        0: all on one frame; 1: the same on all. Of a row without any mass on sound the entropy is 1.
    """
    heard = weights[..., :frames].float()
    mass = heard.sum(-1)
    # of A / m: ln m - (sum A ln A) / m, which needs no copy of A
    spread = torch.log(mass) - torch.special.xlogy(heard, heard).sum(-1) / mass
    entropy = spread / math.log(frames) if frames > 1 else torch.zeros_like(spread)
    return torch.where(mass > 0, entropy, 1.0).clamp(0, 1)


def head_weights(entropy: torch.Tensor, tau: float | None) -> torch.Tensor:
    """``exp(-H / tau)`` over heads (head, ...), made to sum to 1 over them; all the same where ``tau`` is None."""
    if tau is None:
        return torch.full_like(entropy, 1 / entropy.shape[0])
    return (-entropy / tau).softmax(0)
