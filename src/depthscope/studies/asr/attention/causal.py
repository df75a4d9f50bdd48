"""How much each token's probability rests on the cross-attention of each layer."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError
from depthscope.model.hooks import hooks
from depthscope.model.speech import hearing


def causal_effects(utterance: Utterance) -> NDArray[np.float64]:
    """Increase of each token's negative log probability when one layer's cross-attention adds nothing, (token, layer), in nats.

    One pass of the decoder over L + 1 rows: the first is left as it is, and in row l what layer l would add to the stream is
    zero. The encoder does not run again.
    """
    model = utterance.model
    depth = model.depth
    if model.joint:
        raise DepthscopeError(
            f"{model.name}: one attention goes to the sound and to the text, so that what it adds of the sound cannot be left "
            "out by itself; leave out the causal weights"
        )

    def silenced(row: int) -> Callable[[Any, Any, Any], Any]:
        def hook(module: Any, args: Any, output: Any) -> Any:
            added = output[0].clone()
            added[row] = 0
            return (added, *output[1:])

        return hook

    with hearing(model.network), hooks(model.network) as placed:
        for layer, module in enumerate(model.crossed.modules(model.network)):
            placed.after(module, silenced(layer + 1))
        log_p = utterance.log_p(utterance.decode(rows=depth + 1)).double()
    found: NDArray[np.float64] = (log_p[:1] - log_p[1:]).T.cpu().numpy()
    return found


def causal_weights(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """``max(effect, 0)`` made to sum to 1 over layers, (token, layer); all the same for a token that no layer helps."""
    helps = np.maximum(effects, 0)
    sums = helps.sum(-1, keepdims=True)
    return np.where(sums > 0, helps / np.where(sums > 0, sums, 1), 1 / effects.shape[-1])


def as_tensor(weights: NDArray[np.float64], like: torch.Tensor) -> torch.Tensor:
    """The same on the device of ``like``, in float32."""
    return torch.from_numpy(weights).to(like.device, torch.float32)
