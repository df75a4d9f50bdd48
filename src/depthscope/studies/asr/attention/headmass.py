"""How much of each head's attention lies where each word is spoken."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.listening import listen
from depthscope.capture.speech import Utterance
from depthscope.studies.asr.attention.entropy import row_entropy

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeadMass:
    """Of one utterance.

    Attributes
    ----------
    predicts, reads : arrays (layer, head, token, interval)
        Mass within each interval, of all mass on sound, of the query that predicts the token and of the one that reads it.
    padding : array (layer, head, token)
        Share of all mass that lies in padding, of the query that predicts.
    entropy : array (layer, head, token)
        In [0, 1], of the query that predicts.
    """

    predicts: Float
    reads: Float
    padding: Float
    entropy: Float


def head_mass(utterance: Utterance, shares: Float) -> HeadMass:
    """One pass over the text; of each layer's attention nothing is kept but masses.

    Parameters
    ----------
    shares : array (interval, frame)
        Which share of each frame lies within each interval, 0 to 1.
    """
    frames = utterance.frames
    inside = torch.from_numpy(shares.T).to(utterance.states.device, torch.float32)
    found: dict[str, list[torch.Tensor]] = {"predicts": [], "reads": [], "padding": [], "entropy": []}

    def receive(layer: int, weights: torch.Tensor) -> None:
        for name, rows in (("predicts", utterance.predicting), ("reads", list(utterance.positions))):
            mine = weights[0][:, rows].float()
            sound = mine[..., :frames].sum(-1)
            found[name].append(mine[..., :frames] @ inside / sound[..., None].clamp_min(1e-12))
            if name == "predicts":
                found["padding"].append(1 - sound)
                found["entropy"].append(row_entropy(mine, frames))

    listen(utterance, receive)
    most = max(utterance.model.crossed.heads)
    return HeadMass(**{name: _stacked(parts, most) for name, parts in found.items()})


def _stacked(parts: list[torch.Tensor], heads: int) -> Float:
    """Layers of fewer heads than others have NaN in the place of the rest."""
    found = np.full((len(parts), heads, *parts[0].shape[1:]), np.nan)
    for layer, one in enumerate(parts):
        found[layer, : len(one)] = one.double().cpu().numpy()
    return found
