"""Patterns of the latents of a dictionary in a model: made on half of a text, judged on the other."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.arrays import Float
from depthscope.capture.around import surrounding_ids
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError
from depthscope.model.model import Model
from depthscope.model.tokenizer import ordinary_tokens
from depthscope.progress import bar
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.patterns import EXAMPLES, LONGEST, Example, Fires, Patterns, judged, patterns_of
from depthscope.studies.sae.evaluation.reconstruction import DENSE
from depthscope.studies.sae.sparse import Sparse

LATENTS = 30  # of the sample
ENOUGH = 2 * EXAMPLES  # tokens at which a latent must fire in the first half


@torch.no_grad()
def read_patterns(
    model: Model,
    dictionary: Dictionary,
    site: Site,
    windows: Sequence[Window],
    *,
    latents: int = LATENTS,
    examples: int = EXAMPLES,
    seed: int = 0,
    progress: bool = False,
) -> Patterns:
    """Find patterns for some latents and judge them.

    Parameters
    ----------
    model : Model
    dictionary : Dictionary
    site : Site
    windows : sequence of Window
        Every other one is for making patterns, the rest for judging them.
    latents : int
        Of the sample, drawn among those that fire at 16 tokens at least and at less than a tenth of all.
    examples : int
        Activations of each from which patterns are made: half of them the largest, half drawn.
    seed : int
        Of the draws.

    Raises
    ------
    DepthscopeError
        No latent that fires often enough.
    """
    taps, rng = Taps(model, [site]), np.random.default_rng(seed)
    made, left = list(windows[::2]), list(windows[1::2])
    with bar(3, "finding patterns", shown=progress) as advance:
        row, window, position, value, tokens = _fired(taps, dictionary, site, made)
        counts = np.bincount(row, minlength=dictionary.latents)
        there = np.flatnonzero((counts >= ENOUGH) & (counts < DENSE * max(tokens, 1)))
        if not len(there) or not left:
            raise DepthscopeError(
                f"no latent fires at {ENOUGH} tokens or more, and at less than a tenth of all: give a longer text"
            )
        chosen = rng.choice(there, min(latents, len(there)), replace=False)
        given = []
        for latent in chosen:
            mine = np.flatnonzero(row == latent)
            top = mine[np.argsort(-value[mine], kind="stable")]
            some = [*top[: examples // 2], *rng.permutation(top[examples // 2 :])[: examples - examples // 2]]
            for i in some:
                ids = made[window[i]].ids[max(0, position[i] + 1 - LONGEST) : position[i] + 1]
                given.append(Example(int(latent), tuple(map(int, ids)), float(value[i])))
        advance(1)
        substitutes = ordinary_tokens(model.tokenizer, model.vocabulary)
        found = patterns_of(given, _fires(taps, dictionary, site), substitutes, seed=seed)
        advance(1)
        row, window, position, value, _ = _fired(taps, dictionary, site, left)
        begins = np.cumsum([0, *(len(one.ids) for one in left)])
        size = int(begins[-1])
        first, asked = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
        first[begins[:-1]] = True
        for one, begin in zip(left, begins[:-1], strict=True):
            asked[begin + taps.measured(one)] = True
        fired = {}
        for latent in found:
            fired[latent] = np.zeros(size, dtype=bool)
            mine = row == latent
            fired[latent][begins[window[mine]] + position[mine]] = True
        advance(1)
    result = judged(found, fired, np.concatenate([one.ids for one in left]), first, asked)
    if not len(result.latents):
        raise DepthscopeError("no latent that was drawn fires in the second half of the text: give a longer text")
    return result


def _fired(
    taps: Taps, dictionary: Dictionary, site: Site, windows: Sequence[Window]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Float, int]:
    """Of every activation in windows: latent, window, position, value; and how many tokens were read."""
    parts, tokens = [], 0
    for read in taps.read(windows):
        code = dictionary.encode(read.states[site])
        fires = (code.values > 0).cpu().numpy()
        row = np.repeat(np.arange(len(read.ids))[:, None], fires.shape[1], axis=1)[fires]
        latent = code.indices.cpu().numpy()[fires]
        value = code.values.double().cpu().numpy()[fires]
        parts.append((latent, read.numbers[read.window[row]], read.position[row], value))
        tokens += len(read.ids)
    if not parts:
        raise DepthscopeError("no token to find patterns in: give a longer text")
    latents, window, position, value = (np.concatenate(some) for some in zip(*parts, strict=True))
    return latents, window, position, value, tokens


def _fires(taps: Taps, dictionary: Dictionary, site: Site) -> Fires:
    """Activations at the end of sequences, each behind what a text begins with, or a token that stands for it."""
    model = taps.model
    before, _ = surrounding_ids(model.tokenizer)
    # the first token of all is like no other, and must not be one of the sequence
    lead = before or [next(iter(sorted(taps.special)), 0)]

    def fires(sequences: Sequence[Sequence[int]], latents: Sequence[int]) -> Float:
        windows = [
            Window(
                "",
                0,
                np.array([*lead, *some]),
                (len(lead) + len(some) - 1, len(lead) + len(some)),
                *[np.zeros(1, int)] * 2,
            )
            for some in sequences
        ]
        found = np.zeros(len(sequences))
        for read in taps.read(windows):
            code = dictionary.encode(read.states[site])
            number = read.numbers[read.window]
            found[number] = _of(code, np.asarray(latents)[number])
        return found

    return fires


def _of(code: Sparse, latents: NDArray[np.int64]) -> Float:
    """The activation of one latent at each token."""
    wanted = torch.from_numpy(latents)[:, None].to(code.indices.device)
    found: Float = (code.values * (code.indices == wanted)).sum(-1).detach().double().cpu().numpy()
    return found
