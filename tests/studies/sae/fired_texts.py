"""Texts with activations drawn at random, in windows as a corpus is cut."""

from collections.abc import Iterator

import numpy as np

from depthscope.capture.windows import Window
from depthscope.studies.sae.features.fired import Fired
from depthscope.studies.sae.features.text import Text

LATENTS = 24


def cut(name: str, ids: np.ndarray, length: int = 40, context: int = 10) -> Iterator[Window]:
    """Windows of a document, each of whose tokens is measured in one of them."""
    first = 0
    while first < len(ids):
        begin = max(first - context, 0)
        end = min(begin + length, len(ids))
        places = np.arange(first, end)
        yield Window(name, first, ids[begin:end], (first - begin, end - begin), places, places + 1)
        first = end


def tokens_of(windows: list[Window]) -> tuple[np.ndarray, np.ndarray]:
    """Window and position of every token that is measured, but those at position 0."""
    places = [np.arange(max(one.measured[0], 1), one.measured[1]) for one in windows]
    return np.repeat(np.arange(len(windows)), [len(some) for some in places]), np.concatenate(places)


def text_of(windows: list[Window]) -> Text:
    return Text.of(windows, *tokens_of(windows))


def dense_fired(values: np.ndarray) -> Fired:
    """Entries of activations (N, n)."""
    token, latent = np.nonzero(values)
    return Fired(token, latent, values[token, latent].astype(np.float32), *values.shape)
