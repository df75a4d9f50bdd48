"""Scores and a table of the directions of dictionaries: how near they lie to one another, and which come back."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from math import nan

import numpy as np
import pandas as pd
import torch

from depthscope.statistics.classify import Estimate
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.evaluation import DICTIONARY, Scored
from depthscope.studies.sae.evaluation.giving_back import Placed
from depthscope.studies.sae.evaluation.reconstruction import Reconstruction
from depthscope.studies.sae.evaluation.score import Score
from depthscope.studies.sae.evaluation.similarity import Nearest, chance_nearest, nearest
from depthscope.studies.sae.evaluation.stability import MOST, Match, stability

ALIKE, WEIGHTS = "directions drawn alike", "dictionaries of random weights"
KINDS: dict[str, Callable[[Match], float]] = {
    "comes_back": lambda match: match.share,
    "comes_back_mutually": lambda match: match.mutual_share,
    "comes_back_one_to_one": lambda match: match.assigned_share,
}


def near_of(dictionary: Dictionary, *, most: int | None = None, seed: int = 0) -> Nearest:
    """The nearest other decoder direction of each latent, or of ``most`` of them drawn at random: NaN and -1 for the others."""
    count = dictionary.latents
    if count < 2:
        return Nearest(np.full(count, np.nan), np.full(count, -1))
    if most is None or count <= most:
        return nearest(dictionary.decoder)
    chosen = np.sort(np.random.default_rng(seed).choice(count, most, replace=False))
    decoder = dictionary.decoder.detach()
    found = nearest(decoder[torch.from_numpy(chosen).to(decoder.device)], decoder, without=chosen)
    cosine, index = np.full(count, np.nan), np.full(count, -1)
    cosine[chosen], index[chosen] = found.cosine, found.index
    return Nearest(cosine, index)


def near_score(one: Placed, near: Nearest, found: Reconstruction) -> Scored:
    """Median cosine of the latents that fire with the nearest other direction, beside that of as many on the sphere."""
    there = near.cosine[~found.dead & np.isfinite(near.cosine)]
    value = float(np.median(there)) if len(there) else nan
    chance = float(chance_nearest(one.dictionary.latents - 1, one.dictionary.width)) if len(there) else nan
    beside = Estimate(chance, chance, chance)
    score = Score("nearest_cosine", Estimate(value, nan, nan), "cosine, median over latents that fire", "neither")
    return Scored(one.name, DICTIONARY, one.writes, score.against("directions on the sphere", _of(score, beside)), "")


def latent_table(one: Placed, found: Reconstruction, near: Nearest) -> pd.DataFrame:
    """One row for each latent: see :class:`depthscope.studies.sae.evaluation.evaluation.Evaluation`."""
    return pd.DataFrame(
        {
            "dictionary": one.name,
            "site": str(one.writes),
            "latent": np.arange(one.dictionary.latents),
            "density": found.density,
            "mean_activation": found.average,
            "max_activation": found.most,
            "nearest": near.cosine,
            "nearest_latent": near.index,
            "dead": found.dead,
            "dense": found.dense,
        }
    )


def stability_scores(
    subjects: Sequence[Placed],
    found: Mapping[str, Reconstruction],
    random: Sequence[Dictionary] = (),
    *,
    assign: bool = False,
    seed: int = 0,
) -> list[Scored]:
    """Which latents come back in the other dictionaries of the same site, size and activation; of latents that fire.

    The value of a dictionary is the mean over the others, its ends the smallest and the largest. Beside it is the null: what
    comes back between dictionaries of random weights, where there are any of the same size, and else directions that are drawn
    with the same second moments.
    """
    groups: dict[object, list[Placed]] = defaultdict(list)
    for one in subjects:
        groups[_size(one.dictionary)].append(one)
    nulls: dict[object, list[Dictionary]] = defaultdict(list)
    for null in random:
        nulls[_size(null)].append(null)
    scored = []
    for size, group in groups.items():
        if len(group) < 2:
            continue
        few = group[0].dictionary.latents <= MOST
        matched = nulls[size] if len(nulls[size]) > 1 else []
        result = stability(
            [one.dictionary for one in group],
            matched,
            alive=[~found[one.name].dead for one in group],
            assign=assign and few,
            seed=seed,
        )
        for name, kind in KINDS.items():
            if name == "comes_back_one_to_one" and not (assign and few):
                continue
            for i, one in enumerate(group):
                shares = [
                    kind(match) for match, (first, _) in zip(result.pairs, result.between, strict=True) if first == i
                ]
                score = Score(name, _spread(shares), "share of latents that fire", "higher")
                beside = [kind(match) for match in result.random] or [kind(result.alike[i])]
                score = score.against(WEIGHTS if matched else ALIKE, _of(score, _spread(beside)))
                scored.append(Scored(one.name, DICTIONARY, one.writes, score, "smallest and largest over seeds"))
    return scored


def _size(dictionary: Dictionary) -> object:
    """What dictionaries that differ by their seed share."""
    origin = dictionary.origin
    # settings as they are written: a list that was read from a file has no place among keys
    return origin.site, origin.target, dictionary.latents, dictionary.width, repr(dictionary.activation)


def _spread(values: Sequence[float]) -> Estimate:
    return Estimate(float(np.mean(values)), min(values), max(values))


def _of(score: Score, value: Estimate) -> Score:
    return Score(score.name, value, score.unit, score.better)
