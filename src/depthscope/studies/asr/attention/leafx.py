"""LEAF-X: a token's map over time out of the decoder's own attention; every choice of it is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.listening import listen
from depthscope.capture.speech import Utterance
from depthscope.errors import DepthscopeError, check_choice
from depthscope.model.crossing import attending
from depthscope.model.speech import hearing
from depthscope.studies.asr.attention.causal import as_tensor, causal_effects, causal_weights
from depthscope.studies.asr.attention.entropy import ROWS, head_weights, row_entropy
from depthscope.studies.asr.attention.gradient import modulated
from depthscope.studies.asr.attention.rollout import Rollout, encoder_mixing
from depthscope.studies.asr.attribution import Attribution, Budget, distribution

Gradient = Literal["positive", "signed"]
Head = tuple[int, int]
Effects = NDArray[np.float64] | None


@dataclass(frozen=True)
class Choices:
    """Every choice of the method, with its default: the mean of all heads of all layers.

    Attributes
    ----------
    tau : float, optional
        Temperature of the entropy weights ``exp(-H / tau)``; the paper's range is 0.5 to 2. None: all heads weigh the same.
    heads : sequence of (layer, head), optional
        Only these, counted from 0; then no weights by entropy unless ``tau`` is given too.
    layers : sequence of int, optional
        Only these layers, counted from 0; negative ones from the last.
    rows : {"predicts", "reads"}
        The query before a token, whose output is the token, or that of the token itself, which is already read.
    gradient : {"positive", "signed"}, optional
        Attention times the gradient of the token's log probability with respect to it; what is negative counts as nothing
        before heads are averaged ("positive"), or after ("signed").
    rollout : bool
        Through all decoder layers (:mod:`depthscope.studies.asr.attention.rollout`), else the mean over layers.
    causal : bool
        Layers weigh as much as the token's probability rests on them (:mod:`depthscope.studies.asr.attention.causal`).
    encoder : bool
        Tell mass in input frames, by a rollout through the encoder. It spreads: see ``docs/studies/asr.md``.
    batch : int
        Tokens at a time, where the gradient of each needs a row of its own.
    """

    tau: float | None = None
    heads: Sequence[Head] | None = None
    layers: Sequence[int] | None = None
    rows: str = "predicts"
    gradient: Gradient | None = None
    rollout: bool = False
    causal: bool = False
    encoder: bool = False
    batch: int = 8


def attention_map(utterance: Utterance, name: str = "attention", **choices: Any) -> Attribution:
    """The map of every token out of one pass over the text; keywords are those of :class:`Choices`.

    Raises
    ------
    DepthscopeError
        A head or a layer that the model does not have, a temperature that is not above 0, choices that exclude each other.
    """
    asked = check(utterance, Choices(**choices))
    budget = Budget(decoder=1)
    effects = causal_effects(utterance) if asked.causal else None
    if effects is not None:
        budget = Budget(decoder=budget.decoder + utterance.model.depth + 1)
    if asked.gradient is None:
        reduced = _Reducer(utterance, asked)
        listen(utterance, reduced.crossed, reduced.own if asked.rollout else None)
        mass = reduced.finished(effects)
    else:
        count = len(utterance.positions)
        budget = Budget(decoder=budget.decoder - 1 + count, backward=count)
        mass = _by_gradient(utterance, asked, effects)
    padding = mass[:, -1] / mass.sum(-1)
    rows = mass[:, :-1]
    if asked.encoder:
        budget = Budget(1, budget.decoder, budget.backward)
        rows = rows @ _mixing(utterance)[: rows.shape[-1], : rows.shape[-1]].to(rows)
    beside = {"padding": padding.double().cpu().numpy()}
    return Attribution(distribution(rows.float().cpu().numpy()), name, budget, beside=beside)


def check(utterance: Utterance, asked: Choices) -> Choices:
    """Refuse what the model does not have."""
    model = utterance.model
    check_choice("rows", asked.rows, ROWS)
    if asked.gradient is not None:
        check_choice("gradient", asked.gradient, ("positive", "signed"))
    if asked.tau is not None and not asked.tau > 0:
        raise DepthscopeError(f"tau={asked.tau}: give a temperature above 0, e.g. 0.5")
    for layer in asked.layers or ():
        if not -model.depth <= layer < model.depth:
            raise DepthscopeError(f"layers={layer}: {model.name} has layers 0 to {model.depth - 1}")
    for layer, head in asked.heads or ():
        if not (0 <= layer < model.depth and 0 <= head < model.crossed.heads[layer]):
            each = f"layers 0 to {model.depth - 1} of {model.crossed.heads[0]} heads each"
            raise DepthscopeError(f"heads=({layer}, {head}): {model.name} has {each}")
    if asked.heads is not None and (asked.rollout or asked.layers):
        raise DepthscopeError("heads= names single heads: leave rollout and layers= out")
    return asked


def queries(utterance: Utterance, rows: str) -> list[int]:
    """Positions of the queries whose attention is a token's map."""
    return utterance.predicting if rows == "predicts" else list(utterance.positions)


@dataclass
class _Reducer:
    """Makes maps out of attention while it is there, and keeps nothing but sums. The last column of each is padding."""

    utterance: Utterance
    asked: Choices
    total: torch.Tensor | None = None
    rollout: Rollout | None = None
    by_layer: list[torch.Tensor] = field(default_factory=list)

    def own(self, layer: int, weights: torch.Tensor) -> None:
        mean = weights[0].float().mean(0)
        if self.rollout is None:
            self.rollout = Rollout.begun(mean.shape[-1], mean, apart=self.asked.causal)
        self.rollout.after_own(mean)

    def crossed(self, layer: int, weights: torch.Tensor) -> None:
        asked = self.asked
        if not counts(asked, layer, self.utterance.model.depth):
            return
        # a rollout needs every position, anything else only those that are asked for
        weights = weights[0][:, slice(None) if asked.rollout else queries(self.utterance, asked.rows)]
        if asked.heads is not None:
            weights = weights[[head for at, head in asked.heads if at == layer]]
        frames = self.utterance.frames
        share = head_weights(row_entropy(weights, frames), asked.tau)
        found = with_padding(torch.einsum("hq,hqt->qt", share, weights.float()), frames)
        if self.rollout is not None:
            self.rollout.after_crossed(found)
        elif asked.causal:
            self.by_layer.append(found)
        else:
            found = found * (len(weights) if asked.heads is not None else 1)
            self.total = found if self.total is None else self.total + found

    def finished(self, effects: Effects) -> torch.Tensor:
        """Mass (token, frames and padding), not yet made to sum to 1."""
        if self.rollout is not None:
            places = queries(self.utterance, self.asked.rows)
            return together([one[places] for one in self.rollout.sound], effects)
        if self.asked.causal:
            return together(self.by_layer, effects)
        assert self.total is not None
        return self.total


def with_padding(rows: torch.Tensor, frames: int) -> torch.Tensor:
    """(..., frame) -> (..., frames + 1): the last column holds all that lies behind the sound."""
    return torch.cat([rows[..., :frames], rows[..., frames:].sum(-1, keepdim=True)], -1)


def counts(asked: Choices, layer: int, depth: int) -> bool:
    """Whether a layer is among those that were chosen."""
    if asked.heads is not None:
        return any(at == layer for at, _ in asked.heads)
    return asked.layers is None or layer in {one % depth for one in asked.layers}


def together(layers: list[torch.Tensor], effects: Effects) -> torch.Tensor:
    """Sum over layers (token, frames and padding), weighted by token if there are effects (token, layer)."""
    if effects is None or len(layers) == 1:
        return torch.stack(layers).sum(0)
    return torch.einsum("nl,lnt->nt", as_tensor(causal_weights(effects), layers[0]), torch.stack(layers))


def _by_gradient(utterance: Utterance, asked: Choices, effects: Effects) -> torch.Tensor:
    """As :meth:`_Reducer.finished`, with attention of each token's own, modulated by the gradient of its log probability."""
    rows = []
    places = queries(utterance, asked.rows)
    for first in range(0, len(places), asked.batch):
        part = list(range(first, min(first + asked.batch, len(places))))
        at, here = torch.tensor([places[k] for k in part]), torch.arange(len(part))
        rollout: Rollout | None = None
        sound = []
        modulated_ones = modulated(utterance, part, asked.tau, asked.gradient or "positive", whole=asked.rollout)
        for layer, (own, crossed) in enumerate(modulated_ones):
            if asked.rollout:
                rollout = rollout or Rollout.begun(own.shape[-1], own, apart=asked.causal)
                rollout.after_own(own)
            if not counts(asked, layer, utterance.model.depth):
                continue
            found = with_padding(crossed, utterance.frames)
            if rollout is not None:
                rollout.after_crossed(found)
            else:
                sound.append(found[here, at])
        if rollout is not None:
            sound = [one[here, at] for one in rollout.sound]
        rows.append(together(sound, None if effects is None else effects[part]))
    return torch.cat(rows)


def _mixing(utterance: Utterance) -> torch.Tensor:
    """Rollout through the encoder (state, input frame), frames of padding among them."""
    model, layers = utterance.model, []
    with hearing(model.network), model.eager():
        hear = [(model.hearing, lambda _, weights: layers.append(weights[0].float().mean(0)))]
        with attending(model.network, hear):
            model.encode(utterance.features)
    return encoder_mixing(layers)
