"""Which tokens become likelier, and which less likely, where a latent writes: through the model's own norm and head."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.capture.lens import Lens
from depthscope.errors import DepthscopeError
from depthscope.model.model import Model
from depthscope.progress import bar


@dataclass(frozen=True)
class Effect:
    """What the directions of n latents do to the logits.

    Attributes
    ----------
    up, down : int array (n, top)
        The tokens that gain and lose most, those first; -1 for a latent that never fires.
    up_by, down_by : float array (n, top)
        By how many logits, the mean change over the vocabulary taken off; NaN for a latent that never fires.
    states : int
        On how many states they are averaged.
    """

    up: NDArray[np.int64]
    down: NDArray[np.int64]
    up_by: Float
    down_by: Float
    states: int


def logit_effect(
    model: Model,
    directions: torch.Tensor,
    sizes: NDArray[Any],
    states: torch.Tensor,
    top: int = 10,
    progress: bool = True,
) -> Effect:
    """The difference of logits with and without each direction in the last state, averaged over states of real tokens.

    It is the direct effect alone: what later blocks would make of the direction is left out. The norm before the head is taken
    as it is: it weighs features, and shrinks a direction the more, the longer the state is, so that ``W_U v`` alone would be
    another list. A common change of all logits changes no probability and is taken off.

    Parameters
    ----------
    model : Model
        Whose logits can be read.
    directions : Tensor (n, d)
        As they are added to the stream.
    sizes : array (n,)
        Times so much: the mean activation; 0 for a latent that never fires.
    states : Tensor (S, d)
        Of the stream behind the last block, at some tokens.
    top : int
    progress : bool
        Show a bar if it takes longer than a second.

    Raises
    ------
    DepthscopeError
        The model's logits cannot be read, no state, or directions of another width than the stream.
    """
    if not model.predicts:
        raise DepthscopeError(
            f"{model.name} gives no logits that could be read: leave the logit effect out (effect=False)"
        )
    if not len(states) or directions.shape[-1] != states.shape[-1]:
        raise DepthscopeError(
            f"directions of {directions.shape[-1]} features and {len(states)} states of {states.shape[-1]}: give states of the "
            "stream that the dictionary writes to"
        )
    count = len(directions)
    top = min(top, model.vocabulary)
    ids, changes = (np.full((2, count, top), filler) for filler in (-1, np.nan))
    written = np.flatnonzero(np.asarray(sizes) > 0)
    lens = Lens(model, len(states) * (len(written) + 1))
    states = states[: lens.size].to(model.device).float()
    added = directions.to(states) * torch.as_tensor(sizes).to(states)[:, None]
    before = lens.logits(states).float()
    with bar(len(written), "logit effect", unit="latent", shown=progress) as advance:
        for some in np.split(written, range(lens.size // len(states), len(written), lens.size // len(states))):
            moved = states + added[torch.as_tensor(some)][:, None]
            after = lens.logits(moved.flatten(0, 1)).float().reshape(*moved.shape[:2], -1)
            change = (after - before).mean(1)
            change = change - change.mean(-1, keepdim=True)
            for side, sign in enumerate((1, -1)):
                by, which = (sign * change).topk(top, dim=-1)
                ids[side, some], changes[side, some] = which.cpu().numpy(), sign * by.double().cpu().numpy()
            advance(len(some))
    (up, down), (up_by, down_by) = ids, changes
    return Effect(up, down, up_by, down_by, len(states))
