"""A trajectory the slow way: one text, no padding, the model's own hidden states, plain float64."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def states(network: Any, ids: list[int], positions: list[int], final_norm: torch.nn.Module) -> NDArray[np.float64]:
    """States 0 .. L of the target, the mean over its tokens; the last is what the final norm receives."""
    received: list[torch.Tensor] = []
    handle = final_norm.register_forward_pre_hook(lambda module, args: received.append(args[0]))
    with torch.inference_mode():
        hidden = network(torch.tensor([ids]), output_hidden_states=True).hidden_states
    handle.remove()
    stream = torch.stack([*hidden[:-1], received[-1]])[:, 0, positions]
    return stream.numpy().astype(np.float64).mean(axis=1)


def gram(states: NDArray[np.float64]) -> NDArray[np.float64]:
    updates = [after - before for before, after in pairwise(states)]
    return np.array([[float(np.dot(a, b)) for b in updates] for a in updates])


def deviation(gram: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Largest difference, relative to the product of the norms of the two updates."""
    norm = np.sqrt(np.diagonal(expected, axis1=-2, axis2=-1))
    return float((np.abs(gram - expected) / (norm[..., :, None] * norm[..., None, :])).max())
