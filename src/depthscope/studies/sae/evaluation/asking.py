"""Tasks put to dictionaries: a table of probes, and what they come to."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from depthscope.model.model import Model
from depthscope.progress import bar
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.evaluation import DICTIONARY, Scored
from depthscope.studies.sae.evaluation.giving_back import RANDOM, Placed
from depthscope.studies.sae.evaluation.pooled import Pool, pool_texts
from depthscope.studies.sae.evaluation.probes import SEVERAL, Probe, full_loss, probe
from depthscope.studies.sae.evaluation.score import Made, scored
from depthscope.studies.sae.evaluation.tasks import Task
from depthscope.studies.sae.evaluation.units import Totals

NAMES = ("tasks", "loss", "majority", "full", "knows", "shuffled")
MADE = (
    Made("probe_loss", "nats per example, mean over tasks", "lower", lambda s: s["loss"] / s["tasks"]),
    Made(
        "probe_share",
        "of what the whole state tells",
        "higher",
        lambda s: (s["majority"] - s["loss"]) / (s["majority"] - s["full"]),
    ),
    Made("probe_known", "share of tasks", "higher", lambda s: s["knows"] / s["tasks"]),
)


def ask(
    model: Model,
    subjects: Sequence[Placed],
    random: Mapping[str, Dictionary],
    tasks: Sequence[Task],
    *,
    pool: Pool = "max",
    seed: int = 0,
    progress: bool = False,
) -> tuple[pd.DataFrame, list[Scored]]:
    """Probe dictionaries, and random directions in their place, on the same examples, which run through the model once.

    Parameters
    ----------
    model : Model
    subjects : sequence of Placed
    random : mapping of str to Dictionary
        The random directions of each dictionary.
    tasks : sequence of Task
    pool : {"max", "last"}
        What of a text is asked: see :func:`depthscope.studies.sae.evaluation.pooled.pool_texts`.

    Returns
    -------
    probes : DataFrame
        ``dictionary``, ``site``, ``task``, ``latent``, ``loss``, ``low``, ``high``, ``accuracy``, ``loss_2`` and ``loss_5`` (of
        so many latents together), ``majority``, ``shuffled``, ``random`` (the best of the random directions), ``full``,
        ``share``, ``knows``, ``examples``: see :class:`depthscope.studies.sae.evaluation.probes.Probe`.
    scores : list of Scored
        ``probe_loss``: mean over tasks of the loss of the best latent. ``probe_share``: of what the whole state tells beyond
        the majority, over all tasks. ``probe_known``: share of tasks that a latent knows. Intervals over tasks.
    """
    texts = [text for task in tasks for text in task.texts]
    both = {one.name: (one.reads, one.dictionary) for one in subjects}
    # a key that no name of a user is
    both |= {f"{one.name}\n": (one.reads, random[one.name]) for one in subjects}
    pooled = pool_texts(model, both, texts, pool=pool, progress=progress)
    ends = np.cumsum([0, *(len(task.texts) for task in tasks)])
    places = [slice(int(a), int(b)) for a, b in pairwise(ends)]
    full: dict[object, list[float]] = {}
    rows, sums = [], []
    with bar(len(subjects) * len(tasks), "probing", shown=progress) as advance:
        for one in subjects:
            if one.reads not in full:
                states = pooled.states[one.reads]
                full[one.reads] = [
                    full_loss(states[place], task.labels, seed=seed) for task, place in zip(tasks, places, strict=True)
                ]
            latents, other = (pooled.latents[name].tocsr() for name in (one.name, f"{one.name}\n"))
            pairs = []
            for task, place, most in zip(tasks, places, full[one.reads], strict=True):
                mine = probe(task.name, latents[place].tocsc(), task.labels, full=most, seed=seed)
                beside = probe(task.name, other[place].tocsc(), task.labels, full=most, seed=seed)
                rows.append(_row(one, mine, beside))
                pairs.append((mine, beside))
                advance(1)
            sums += _scored(one, pairs, seed)
    return pd.DataFrame(rows), sums


def _row(one: Placed, mine: Probe, beside: Probe) -> dict[str, object]:
    return {
        "dictionary": one.name,
        "site": str(one.reads),
        "task": mine.task,
        "latent": mine.latent,
        "loss": mine.loss.value,
        "low": mine.loss.low,
        "high": mine.loss.high,
        "accuracy": mine.accuracy,
        **{f"loss_{count}": loss for count, loss in zip(SEVERAL, mine.several, strict=True)},
        "majority": mine.majority,
        "shuffled": mine.shuffled,
        "random": beside.loss.value,
        "full": mine.full,
        "share": mine.share,
        "knows": mine.knows,
        "examples": mine.examples,
    }


def _scored(one: Placed, pairs: Sequence[tuple[Probe, Probe]], seed: int) -> list[Scored]:
    mine, beside = (scored(MADE, _totals([pair[side] for pair in pairs]), seed) for side in (0, 1))
    return [
        Scored(one.name, DICTIONARY, one.reads, score.against(RANDOM, other), "tasks")
        for score, other in zip(mine, beside, strict=True)
    ]


def _totals(probes: Sequence[Probe]) -> Totals:
    values = [[1.0, one.loss.value, one.majority, one.full, float(one.knows), one.shuffled] for one in probes]
    return Totals(NAMES, np.array(values), "tasks")
