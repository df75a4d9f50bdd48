"""The logit lens: what the model would predict if each state were its last."""

import numpy as np
import torch

from depthscope.model.model import Model

CHUNK = 128  # states that the head sees at a time: 128 MiB of logits for the largest vocabularies


def lens_entropy(model: Model, states: torch.Tensor) -> torch.Tensor:
    """Entropy of the next token as the model's own final norm and head read it from each state, in bits.

    Every state is put in the place of what the last block gives, so that whatever stands behind it (norm, head, logit
    scale, soft-capping) acts as the network defines it. nostalgebraist (2020), "interpreting GPT: the logit lens".

    Parameters
    ----------
    states : Tensor (B, S, d)

    Returns
    -------
    Tensor (B, S), float64
        0 to log2 of the vocabulary.
    """
    flat = states.reshape(-1, states.shape[-1])
    size = min(CHUNK, model.max_length or CHUNK)  # they stand in one text, which must not be too long for the model
    return torch.cat([_entropy(model, some) for some in torch.split(flat, size)]).reshape(states.shape[:2])


def _entropy(model: Model, states: torch.Tensor) -> torch.Tensor:
    # what is behind the last block treats tokens one by one, so that any text will carry them
    ids = torch.zeros(1, len(states), dtype=torch.long, device=model.device)

    def put(_: int, stream: torch.Tensor) -> None:
        stream[0] = states.to(stream)

    with model.editing(put, (model.depth,)):
        rows = torch.zeros(len(states), dtype=torch.long)
        logits = model.run(ids, torch.ones_like(ids), rows, torch.arange(len(states)))
    logs = logits.double().log_softmax(-1)
    bits: torch.Tensor = -(logs.exp() * logs).sum(-1) / np.log(2)
    return bits
