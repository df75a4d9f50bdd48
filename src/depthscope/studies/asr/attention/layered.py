"""Each decoder layer by itself: its map of every token, how concentrated, how much in padding; how far layers agree."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.listening import listen
from depthscope.capture.speech import Utterance
from depthscope.studies.asr.attention.entropy import row_entropy
from depthscope.studies.asr.attribution import distribution

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Layers:
    """Of one utterance.

    Attributes
    ----------
    maps : array (layer, token, frame), float16
        Mean over heads, padding left out; rows sum to 1, but for what float16 rounds.
    entropy, padding : arrays (layer, token)
        Of that mean, in [0, 1].
    """

    maps: NDArray[np.float16]
    entropy: Float
    padding: Float


def layer_maps(utterance: Utterance) -> Layers:
    """One pass over the text, of the queries that predict."""
    frames = utterance.frames
    maps, entropies, paddings = [], [], []

    def receive(layer: int, weights: torch.Tensor) -> None:
        mean = weights[0][:, utterance.predicting].float().mean(0)
        entropies.append(row_entropy(mean, frames).double().cpu().numpy())
        paddings.append((1 - mean[:, :frames].sum(-1)).clamp(0, 1).double().cpu().numpy())
        maps.append(distribution(mean[:, :frames].cpu().numpy()).astype(np.float16))

    listen(utterance, receive)
    return Layers(np.stack(maps), np.stack(entropies), np.stack(paddings))


def agreement(maps: NDArray[np.floating]) -> Float:
    """Mean over pairs of layers of what their maps (layer, row, frame) have in common, ``sum_t min(p_t, q_t)``: (row,), 0 to 1.

    NaN with one layer.
    """
    rows = maps.astype(np.float64)
    pairs = [(i, j) for i in range(len(rows)) for j in range(i)]
    if not pairs:
        return np.full(rows.shape[1], np.nan)
    found: Float = np.mean([np.minimum(rows[i], rows[j]).sum(-1) for i, j in pairs], axis=0)
    return found
