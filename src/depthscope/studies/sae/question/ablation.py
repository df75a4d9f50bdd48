"""What becomes of CSE when latents are taken out of the state of the target, beside other latents and other directions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import stats

from depthscope.arrays import Float
from depthscope.statistics.effects import Effect, mean_effect
from depthscope.statistics.permutation import cluster_test
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.question.depth import firing_of
from depthscope.studies.sae.question.matching import Numbers, matched
from depthscope.studies.sae.question.pairs import Mask, Pairs
from depthscope.studies.sae.question.selective import Selectivity, scale_of, written

# matched: latents that fire as often and as strongly, as they fire; directions: what the selective ones write, along the
# directions of these others; random: along directions at random. The last two change each state by as much
Instead = Literal["matched", "directions", "random"]
INSTEAD: tuple[Instead, ...] = get_args(Instead)
# copies that come first: one without a change, one without the latents
FIRST = 2
# how changes are told: of the contrast, and of the two conditions
Of = Literal["contrast", "a", "b"]
OF: tuple[Of, ...] = get_args(Of)


@dataclass(frozen=True, eq=False)
class Plan:
    """What is added to the state of each target, in each copy of it.

    The copies: one as it is, one without the latents that are followed, and ``draws`` for each of the others.
    """

    dictionary: Dictionary
    found: Selectivity
    states: torch.Tensor
    turn: Numbers
    sets: tuple[Numbers, Numbers]
    random: torch.Tensor
    draws: int

    @property
    def copies(self) -> int:
        return FIRST + len(INSTEAD) * self.draws

    def changes(self, texts: NDArray[np.int64]) -> torch.Tensor:
        """(text, copy, d): by the latents that items of the other half chose; 0 for texts of no item."""
        with torch.no_grad():
            return torch.stack([self._of(int(text)) for text in texts])

    def _of(self, text: int) -> torch.Tensor:
        width = self.states.shape[1]
        whole = self.states.new_zeros(self.copies, width, dtype=torch.float32)
        turn = int(self.turn[text])
        if turn < 0:
            return whole
        chosen, sets = self.found.chosen[turn], self.sets[turn]
        fires, latents = self.found.firing.values[text], torch.from_numpy(self.found.firing.latents)
        decoder, state = self.dictionary.decoder.float(), self.states[text][None]
        values = torch.from_numpy(fires[chosen]).to(decoder)
        taken = written(self.dictionary, values[None], latents[chosen], state)[0].float()
        own = torch.from_numpy(fires[sets]).to(decoder)
        directions = decoder[latents[torch.from_numpy(sets)]]
        others = torch.einsum("rk,rkd->rd", own, directions) * scale_of(self.dictionary, state)
        along = torch.einsum("k,rkd->rd", values, directions)
        random = torch.einsum("k,rkd->rd", values, self.random.to(decoder))
        size = taken.norm()
        scaled = [size * torch.nn.functional.normalize(one, dim=1) for one in (along, random)]
        whole[1] = -taken
        whole[FIRST:] = -torch.cat([others, *scaled])
        return whole


def plan_ablation(
    found: Selectivity,
    dictionary: Dictionary,
    states: torch.Tensor,
    pairs: Pairs,
    halves: Mask,
    *,
    draws: int = 24,
    seed: int = 0,
) -> Plan:
    """Which latents are taken out of which targets, and what instead; ``states`` (stimulus, d) at the dictionary's site."""
    rates, levels = firing_of(found)
    sets = tuple(matched(rates, levels, found.chosen[half], found.indifferent, draws, seed + half) for half in range(2))
    generator = torch.Generator().manual_seed(seed)
    random = torch.randn(draws, len(found.chosen[0]), states.shape[1], generator=generator)
    return Plan(
        dictionary,
        found,
        states.float(),
        pairs.choice_of(halves, len(states)),
        (sets[0], sets[1]),
        torch.nn.functional.normalize(random, dim=-1),
        draws,
    )


@dataclass(frozen=True, eq=False)
class Change:
    """One quantity, by layer, less what it is in the undisturbed pass.

    Attributes
    ----------
    values, low, high : array (layer,)
        Mean over items, with its 95 % interval (Student); NaN where CSE is not measured.
    clusters : list of (first, last, p)
        Layers at which it is other than 0, in order of depth: cluster mass, flips of signs.
    nulls : mapping of str to array (draw, layer)
        The same when other latents, or directions, are taken out.
    window : Effect
        Of its mean over the layers that are asked about.
    drawn : mapping of str to array (draw,)
        Means over these layers, of the others.
    """

    values: Float
    low: Float
    high: Float
    clusters: list[tuple[int, int, float]]
    nulls: Mapping[Instead, Float]
    window: Effect
    drawn: Mapping[Instead, Float]


@dataclass(frozen=True, eq=False)
class Ablation:
    """CSE without the latents of one dictionary that are followed.

    Attributes
    ----------
    name : str
    layer : int
        After which they are taken out.
    inside : tuple of int
        First and last layer that are asked about.
    intact : float
        The contrast of CSE there, undisturbed.
    of : mapping of {"contrast", "a", "b"} to Change
        Of the difference between the conditions, and of each of them.
    size_a, size_b : float
        Mean norm of what is taken out, in norms of the state.
    """

    name: str
    layer: int
    inside: tuple[int, int]
    intact: float
    of: Mapping[Of, Change]
    size_a: float
    size_b: float


def ablation(
    plan: Plan, measured: Float, pairs: Pairs, inside: tuple[int, int], *, permutations: int = 10_000, seed: int = 0
) -> Ablation:
    """Changes of CSE from what :func:`~depthscope.studies.sae.question.copies.copied_cse` measured, (copy, stimulus, layer).

    CSE at a layer is an entropy of the energies of a wavelet transform over depth: it sees updates of layers around it. So it
    may change a little before the layer after which a state is changed, and does so by the transform alone.
    """
    rows = np.arange(1, measured.shape[2] + 1)
    where = (rows >= inside[0]) & (rows <= inside[1]) & np.isfinite(measured[0]).all(0)
    changed = measured - measured[:1]
    sides = {
        "a": np.stack([pairs.over_items(one[pairs.left]) for one in changed]),
        "b": np.stack([pairs.over_items(one[pairs.right]) for one in changed]),
    }
    options: dict[str, Any] = {"permutations": permutations, "seed": seed}
    each = {"contrast": sides["a"] - sides["b"], **sides}
    norms = plan.states.norm(dim=1)
    taken = torch.stack([plan.changes(np.array([row]))[0, 1].norm() for row in range(len(plan.states))])
    sizes = (taken / norms).numpy()
    return Ablation(
        plan.found.name,
        plan.found.layer,
        inside,
        float(pairs.differences(measured[0])[:, where].mean()),
        {name: _change(each[name], where, plan.draws, options) for name in OF},
        *(float(pairs.over_items(sizes[side]).mean()) for side in (pairs.left, pairs.right)),
    )


def _change(values: Float, where: Mask, draws: int, options: dict[str, Any]) -> Change:
    """Of changes (copy, item, layer)."""
    own = values[1]
    n = len(own)
    mean = own.mean(0)
    half = stats.t.isf(0.025, n - 1) * own.std(0, ddof=1) / np.sqrt(n)
    test = cluster_test(own, **options)
    clusters = []
    for cells in test.clusters:
        layers = np.flatnonzero(cells.where) + 1
        clusters.append((int(layers[0]), int(layers[-1]), test.p_value(cells.mass)[0]))
    parts = {name: values[FIRST + i * draws : FIRST + (i + 1) * draws].mean(1) for i, name in enumerate(INSTEAD)}
    return Change(
        mean,
        mean - half,
        mean + half,
        clusters,
        parts,
        mean_effect(own[:, where].mean(1), **options),
        {name: one[:, where].mean(1) for name, one in parts.items()},
    )
