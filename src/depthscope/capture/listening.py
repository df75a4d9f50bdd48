"""One pass over a text that is given, and what its attention to the sound is, layer by layer, while it is there."""

from contextlib import ExitStack

import torch

from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError
from depthscope.model.crossing import Receive, attending
from depthscope.model.speech import hearing


def listen(
    utterance: Utterance,
    crossed: Receive | None = None,
    own: Receive | None = None,
    *,
    rows: int = 1,
    gradients: bool = False,
) -> torch.Tensor:
    """Run the decoder once over the text of an utterance, with its encoder states as they are.

    Parameters
    ----------
    crossed, own : callable, optional
        (layer, weights) of cross-attention (batch, head, query, frame) and of self-attention (batch, head, query, token);
        nothing of them is kept here. Frames of padding are among them.
    rows : int
        How often the text stands in the batch.
    gradients : bool
        Keep the graph, and hand over the weights that are in it.

    Returns
    -------
    tensor (batch, token, vocabulary)
        Logits.
    """
    model = utterance.model
    if model.joint and gradients:
        raise DepthscopeError(f"{model.name}: reads sound among its tokens, and gradients of that are not known here")
    with ExitStack() as stack:
        stack.enter_context(hearing(model.network, gradients))
        stack.enter_context(model.eager())
        stack.enter_context(attending(model.network, model.parts(utterance.features, crossed, own)))
        return utterance.decode(rows=rows)
