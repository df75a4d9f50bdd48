"""On how few predictions a latent has its effect: what changes in the logits of the next tokens when it is taken away."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from depthscope.arrays import Float
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError
from depthscope.model.model import Model
from depthscope.model.plain import plainly
from depthscope.progress import bar
from depthscope.studies.sae.dictionary import Dictionary, layer_normalized
from depthscope.studies.sae.evaluation.score import Made, Score, scored
from depthscope.studies.sae.evaluation.similarity import generator_of
from depthscope.studies.sae.evaluation.units import Totals, units_of

TOKENS = 32  # of the sample
EACH = 4  # latents that are taken away at each, drawn among those that fire there
FOLLOWING = 8  # tokens whose logits are looked at: the one itself, and those after it
BEFORE = 64  # tokens of context that a token keeps at most
DIRECTIONS = "a direction at random, as large"

NAMES = ("ablations", "affected", "random", "size")
MADE = (Made("ablation_sparsity", "share of the logits affected", "lower", lambda s: s["affected"] / s["ablations"]),)


@dataclass(frozen=True, eq=False)
class Ablations:
    """What taking away single latents did.

    Attributes
    ----------
    totals : Totals
        Sums by document over ablations: of the share of the logits that is affected (``affected``), of that when a direction
        at random of the same size is taken away in its place (``random``), and of the root mean square of the change of the
        logits (``size``).
    """

    totals: Totals

    def scores(self, seed: int = 0) -> list[Score]:
        """``ablation_sparsity``: the share of logits that a latent affects, 0 to 1, as ``(L1 / L2)^2 / (V T)`` of the changes
        of all logits over the vocabulary V and T tokens: ``1 / (V T)`` if one alone changes, 1 if all by as much, and
        ``2 / pi = .64`` if the changes are normal. Beside it a direction at random that is as large.
        """
        (found,) = scored(MADE, self.totals, seed)
        named = dict(zip(self.totals.names, range(len(self.totals.names)), strict=True))
        values = self.totals.values.copy()
        values[:, named["affected"]] = values[:, named["random"]]
        (beside,) = scored(MADE, Totals(self.totals.names, values, self.totals.over), seed)
        return [found.against(DIRECTIONS, beside)]


def affected(change: torch.Tensor) -> float:
    """The share of numbers (T, V) that a change affects, ``(L1 / L2)^2 / (V T)``; NaN if there is none.

    The median over the vocabulary is taken off each token first: a number that is added to all logits changes nothing.
    """
    centred = (change - change.median(-1, keepdim=True).values).double()
    square = float((centred**2).sum())
    return float(centred.abs().sum()) ** 2 / square / centred.numel() if square > 0 else float("nan")


@plainly()
@torch.no_grad()
def ablate(
    model: Model,
    dictionary: Dictionary,
    site: Site,
    windows: Sequence[Window],
    *,
    tokens: int = TOKENS,
    each: int = EACH,
    seed: int = 0,
    progress: bool = False,
) -> Ablations:
    """Take away latents at some tokens, one at a time, and look at the logits of the tokens that follow.

    Parameters
    ----------
    model : Model
        A causal language model.
    dictionary : Dictionary
        No transcoder: its latents are a part of the states that it reads.
    site : Site
    windows : sequence of Window
    tokens, each : int
        Tokens, drawn evenly over the windows, and latents at each, drawn among those that fire there.
    seed : int
        Of the draws.

    Raises
    ------
    DepthscopeError
        A model that predicts nothing, a transcoder, or windows without a token of which enough follow.

    References
    ----------
    Gao et al. (2024), arXiv 2406.04093, section 4.5.
    """
    if not (model.causal and model.predicts):
        raise DepthscopeError(f"{model.name} predicts no next token, so that a latent has no effect on it")
    if dictionary.origin.target not in (None, site):
        raise DepthscopeError(
            "a transcoder's latents are no part of the states that they are read from: leave this out"
        )
    taps, rng = Taps(model, [site]), np.random.default_rng(seed)
    generator = generator_of(seed, "ablation")
    places = [
        (i, int(position))
        for i, window in enumerate(windows)
        for position in taps.measured(window)
        if position + FOLLOWING <= len(window.ids)
    ]
    if not places:
        raise DepthscopeError(f"no token is followed by {FOLLOWING - 1} more in these windows: give longer ones")
    chosen = sorted(rng.choice(len(places), min(tokens, len(places)), replace=False))
    units = units_of(windows)
    sums = np.zeros((units.count, len(NAMES)))
    with bar(len(chosen), "taking latents away", shown=progress) as advance:
        for k in chosen:
            i, position = places[k]
            first = max(0, position - BEFORE)
            ids = torch.from_numpy(windows[i].ids[first : position + FOLLOWING])[None].to(model.device)
            found = _at(taps, dictionary, site, ids, position - first, each, rng, generator)
            if len(found):
                sums[units.of[i]] += found.sum(0)
            advance(1)
    if not sums[:, 0].any():
        raise DepthscopeError("no latent fires at any of the tokens drawn: nothing can be taken away")
    return Ablations(Totals(NAMES, sums[sums[:, 0] > 0], units.over))


def _at(
    taps: Taps,
    dictionary: Dictionary,
    site: Site,
    ids: torch.Tensor,
    place: int,
    each: int,
    rng: np.random.Generator,
    generator: torch.Generator,
) -> Float:
    """Ablations at one token, (ablation, quantity)."""
    model = taps.model
    parts: list[torch.Tensor] = []

    def look(state: torch.Tensor) -> None:
        parts.append(_parts(dictionary, state[0, place], each, rng))

    mask = torch.ones_like(ids)
    after = torch.arange(place, ids.shape[1])
    with taps.editing(site, look):
        intact = model.run(ids, mask, torch.zeros_like(after), after)
    taken = parts[0]
    if not len(taken):
        return np.zeros((0, len(NAMES)))
    drawn = torch.randn(taken.shape, generator=generator).to(taken)
    drawn = drawn / drawn.norm(dim=-1, keepdim=True) * taken.norm(dim=-1, keepdim=True)
    rows = []
    for part, other in zip(taken, drawn, strict=True):
        shares = []
        for one in (part, other):
            with taps.editing(site, lambda state, one=one: state[0, place].sub_(one.to(state))):  # type: ignore[misc]
                change = model.run(ids, mask, torch.zeros_like(after), after).float() - intact.float()
            shares.append((affected(change), float(change.double().pow(2).mean().sqrt())))
        if np.isfinite([share for share, _ in shares]).all():
            rows.append([1.0, shares[0][0], shares[1][0], shares[0][1]])
    return np.array(rows).reshape(-1, len(NAMES))


def _parts(dictionary: Dictionary, state: torch.Tensor, each: int, rng: np.random.Generator) -> torch.Tensor:
    """What some latents that fire at a state (d,) add to it, (latent, d), in the units of the state."""
    code = dictionary.encode(state[None])
    there = torch.nonzero(code.values[0] > 0)[:, 0]
    if len(there) > each:
        there = there[torch.from_numpy(np.sort(rng.choice(len(there), each, replace=False))).to(there.device)]
    given = code.values[0, there, None] * dictionary.decoder[code.indices[0, there]]
    return given * layer_normalized(state[None].to(given))[2] if dictionary.normalization == "layer" else given
