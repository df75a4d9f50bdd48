"""Encoder states hidden from the decoder: no cross-attention of any layer gives them weight."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError
from depthscope.model.hooks import hooks


@contextmanager
def hiding(utterance: Utterance, hidden: NDArray[np.bool_]) -> Iterator[None]:
    """While it lasts, row r of a batch does not see the states where ``hidden`` (row, frame) is True.

    Frames of padding are seen, where ``hidden`` is of the frames within the sound alone.

    Raises
    ------
    DepthscopeError
        Another number of frames, a row that hides all there is, or a cross-attention that takes no mask.
    """
    model, count = utterance.model, utterance.states.shape[1]
    if hidden.ndim != 2 or hidden.shape[1] not in (utterance.frames, count):
        raise DepthscopeError(
            f"hidden states of shape {hidden.shape}: give (row, frame), with the {utterance.frames} frames within the sound"
        )
    wide = np.zeros((len(hidden), count), bool)
    wide[:, : hidden.shape[1]] = hidden
    if wide.all(-1).any():
        raise DepthscopeError("all states are hidden: leave at least one to be seen, or silence the sound instead")
    mask = torch.zeros(len(wide), 1, 1, count, dtype=model.dtype, device=model.device)
    mask.masked_fill_(torch.from_numpy(wide).to(model.device)[:, None, None], torch.finfo(model.dtype).min)

    def entering(name: str) -> Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]:
        def enter(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            before = kwargs.get(name)
            if before is None:
                return args, {**kwargs, name: mask}
            if before.dtype == torch.bool:
                seen = torch.zeros(before.shape, dtype=mask.dtype, device=mask.device)
                before = seen.masked_fill_(~before, torch.finfo(mask.dtype).min)
            return args, {**kwargs, name: torch.minimum(before, mask)}

        return enter

    with hooks(model.network) as placed:
        for module in model.crossed.modules(model.network):
            known = inspect.signature(module.forward).parameters
            # where a whole block gives the weights, its own mask is of the text
            name = next((name for name in ("encoder_attention_mask", "attention_mask") if name in known), None)
            if name is None or model.joint:
                raise DepthscopeError(
                    f"{model.name}: {type(module).__name__} takes no mask of the sound alone, so that no state can be hidden "
                    'from it; silence the sound instead (variant="sound")'
                )
            placed.before(module, entering(name))
        yield
