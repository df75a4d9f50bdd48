"""At which depth the stream carries a latent's direction on the tokens that it fires on, and how broad computation is there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.arrays import DEEP_ENOUGH, Float
from depthscope.capture.every import Reduction
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window
from depthscope.instrument import measures
from depthscope.model.model import Model
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.features.fired import Fired, fired
from depthscope.studies.sae.features.named import site_of, written_by

# projections that are there at a time
CELLS = 2**25
# of fewer tokens on either side nothing is said
FEWEST = 5


@dataclass(frozen=True)
class Depths:
    """How n latents lie in depth, on T tokens of a sample; L blocks.

    Attributes
    ----------
    count : int array (n,)
        Tokens of the sample on which each fires.
    total : int
        T.
    separation : float array (n, L + 1)
        Of the stream's projection on the latent's direction, at states 0 to L: the mean over tokens on which it fires less that
        over all others, in pooled standard deviations (Cohen's d, or d' of an observer who sees only that). NaN where it
        fires on fewer than 5 tokens, or on all but so few, and of a dictionary of what goes into a part.
    cse, other_cse : float array (n, L)
        Mean conditional scale entropy of the tokens on which it fires, and of all others, at layers 1 to L; NaN where it is not
        measured, by the transform or for want of tokens.
    cse_gap : float array (n, L)
        Their difference in pooled standard deviations.
    """

    count: NDArray[np.int64]
    total: int
    separation: Float
    cse: Float
    other_cse: Float
    cse_gap: Float


def depths(
    model: Model,
    dictionaries: Mapping[str, Dictionary],
    windows: Iterable[Window],
    latents: Mapping[str, NDArray[Any]] | None = None,
    options: Mapping[str, Any] | None = None,
) -> dict[str, Depths]:
    """Profiles over depth, from one pass over all layers.

    Parameters
    ----------
    model : Model
    dictionaries : mapping of str to Dictionary
        By name: :func:`~depthscope.studies.sae.features.named.named`.
    windows : iterable of Window
        Some thousands of tokens: each takes as long as one product of its states with all directions, at every layer.
    latents : mapping of str to int array (n,), optional
        Which latents of each; all by default.
    options : mapping, optional
        Keywords of :func:`depthscope.cse`. Of a model of fewer than five blocks no CSE is measured.

    Raises
    ------
    DepthscopeError
        As :class:`depthscope.capture.taps.Taps` and :func:`depthscope.cse` raise it.
    """
    chosen = {
        name: np.arange(one.latents) if latents is None else np.asarray(latents[name])
        for name, one in dictionaries.items()
    }
    stream = [Site("resid", layer) for layer in range(model.depth + 1)]
    reduce = None
    if model.depth >= DEEP_ENOUGH:
        reduce = Reduction(measures.together([measures.plan("cse", model.depth, options)]), model.depth)
    sums = {name: _Sums(one, chosen[name], model.depth) for name, one in dictionaries.items()}
    sites = {name: site_of(one) for name, one in dictionaries.items()}
    for read in Taps(model, [*stream, *sites.values()]).read(windows):
        states = torch.stack([read.states[site] for site in stream], 1)
        cse = np.full((len(states), model.depth), np.nan) if reduce is None else reduce(states).cpu().numpy()
        for name, dictionary in dictionaries.items():
            sums[name].add(fired(dictionary, read.states[sites[name]]), states.float(), cse)
    # what only goes into a part is no direction of the stream
    return {name: one.depths(written_by(dictionaries[name]) is not None) for name, one in sums.items()}


class _Sums:
    """What is summed up of one dictionary: numbers and their squares, (2, n, places), of tokens it fires on and of all."""

    def __init__(self, dictionary: Dictionary, latents: NDArray[Any], depth: int) -> None:
        count = len(latents)
        self.place = np.full(dictionary.latents, -1)
        self.place[latents] = np.arange(count)
        chosen = dictionary.decoder.detach()[torch.as_tensor(latents, device=dictionary.decoder.device)]
        self.directions = torch.nn.functional.normalize(chosen.float(), dim=-1)
        self.count, self.total = np.zeros(count, np.int64), 0
        self.own, self.all = np.zeros((2, 2, count, depth + 1))
        self.cse_own, self.cse_all = np.zeros((2, count, depth)), np.zeros((2, 1, depth))
        self.centre: torch.Tensor | None = None

    def add(self, found: Fired, states: torch.Tensor, cse: NDArray[Any]) -> None:
        place = self.place[found.latent]
        token, place = found.token[place >= 0], place[place >= 0]
        self.count += np.bincount(place, minlength=len(self.count))
        self.total += found.tokens
        for layer in range(cse.shape[1]):
            for power in (1, 2):
                values = cse[:, layer].astype(np.float64) ** power
                self.cse_all[power - 1, 0, layer] += values.sum()
                self.cse_own[power - 1, :, layer] += np.bincount(place, values[token], len(self.count))
        if self.centre is None:
            # sums of squares lose their digits far from 0
            self.centre = states.mean(0)
        states = states - self.centre
        step = max(1, CELLS // len(states))
        for first in range(0, len(self.count), step):
            some = slice(first, first + step)
            mine = (place >= first) & (place < first + step)
            self._project(some, states, token[mine], place[mine] - first)

    def _project(self, some: slice, states: torch.Tensor, token: NDArray[np.int64], place: NDArray[np.int64]) -> None:
        directions = self.directions[some].to(states)
        for layer, state in enumerate(states.unbind(1)):
            projected = (state @ directions.T).double()
            for power, values in enumerate((projected, projected**2)):
                self.all[power, some, layer] += values.sum(0).cpu().numpy()
                own = values[torch.as_tensor(token), torch.as_tensor(place)].cpu().numpy()
                self.own[power, some, layer] += np.bincount(place, own, values.shape[1])

    def depths(self, streamed: bool) -> Depths:
        *_, separation = compared(self.own, self.all, self.count, self.total)
        if not streamed:
            separation = np.full_like(separation, np.nan)
        cse, other, gap = compared(self.cse_own, self.cse_all, self.count, self.total)
        return Depths(self.count, self.total, separation, cse, other, gap)


def compared(own: Float, every: Float, count: NDArray[np.int64], total: int) -> tuple[Float, Float, Float]:
    """From sums and sums of squares (2, n, places), of ``count`` (n,) tokens and of all ``total``: means of these and of the
    others, and their difference in pooled standard deviations, (n, places) each; NaN where either are fewer than 5.
    """
    sizes = count[:, None], total - count[:, None]
    sums = own, every - own
    with np.errstate(divide="ignore", invalid="ignore"):
        mean, other = (one[0] / size for one, size in zip(sums, sizes, strict=True))
        squares = sum(one[1] - one[0] ** 2 / size for one, size in zip(sums, sizes, strict=True))
        gap = (mean - other) / np.sqrt(np.maximum(squares, 0) / (total - 2))
    enough = (sizes[0] >= FEWEST) & (sizes[1] >= FEWEST)
    return np.where(enough, mean, np.nan), np.where(enough, other, np.nan), np.where(enough, gap, np.nan)
