"""How well a model predicts running text, token by token."""

import numpy as np
import torch
import xarray as xr

from depthscope.capture.around import past, surrounding_ids
from depthscope.capture.surprisal import nats
from depthscope.errors import DepthscopeError
from depthscope.model.model import Model
from depthscope.model.plain import plainly

WINDOW = 256


@plainly()
def read_text(model: Model, text: str, window: int = WINDOW) -> xr.Dataset:
    """Every token of ``text`` after the first of its window, as the model predicts it.

    The text is cut into windows of ``window`` tokens that do not overlap; each begins with what the tokenizer puts before a
    text.

    Returns
    -------
    Dataset over ``token``
        ``nats``: minus the natural log probability of the token, float64, 0 or more; ``best``: id of the token that the
        model finds likeliest. ``exp(nats.mean())`` is the perplexity.

    Raises
    ------
    DepthscopeError
        The model has no logits that can be read, or the text is a single token.
    """
    if not model.predicts:
        raise DepthscopeError(
            f"{model.name}: no logits can be read, so it predicts no text ({model.checks.get('head')})"
        )
    lead, _ = surrounding_ids(model.tokenizer)
    text = text[past(text, model.tokenizer.convert_ids_to_tokens(lead)) :]
    ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
    size = min(window, model.max_length or window) - len(lead)
    parts = []
    for start in range(0, len(ids), size):
        part = [*lead, *ids[start : start + size]]
        if len(part) < 2:
            continue
        row = torch.tensor([part], device=model.device)
        positions = torch.arange(len(part) - 1)
        logits = model.run(row, torch.ones_like(row), torch.zeros_like(positions), positions)
        parts.append((nats(logits, row[0, 1:]).cpu().numpy(), logits.argmax(-1).cpu().numpy()))
    if not parts:
        raise DepthscopeError("the text is a single token: nothing can be predicted of it")
    each, best = (np.concatenate(column) for column in zip(*parts, strict=True))
    return xr.Dataset({"nats": ("token", each), "best": ("token", best)})
