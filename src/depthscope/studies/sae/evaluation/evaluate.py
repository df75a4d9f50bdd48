"""All that is measured of dictionaries, put together: one pass for what they give back, a few for what is put back."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike

import numpy as np
import pandas as pd

from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError, check_count
from depthscope.model.model import Model
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.asking import ask
from depthscope.studies.sae.evaluation.closer import Closer, look_closer
from depthscope.studies.sae.evaluation.directions import latent_table, near_of, near_score, stability_scores
from depthscope.studies.sae.evaluation.evaluation import CONTROL, DICTIONARY, Evaluation, Scored
from depthscope.studies.sae.evaluation.giving_back import RANDOM, GivenBack, Placed, give_back, placed
from depthscope.studies.sae.evaluation.pooled import Pool
from depthscope.studies.sae.evaluation.putting_back import PutBack, Replacement, put_back
from depthscope.studies.sae.evaluation.tasks import Task, own_tasks, read_tasks

TOKENS, PREDICTIONS = 50_000, 2_048
OWN = "own"
DOZEN = 12  # windows whose predictions are compared, at least
THOROUGH = 4  # times as many of both
SAMPLE = 2**14  # latents up to which the nearest direction of each is sought, unless thorough; of more, of so many


def evaluate(
    model: Model,
    dictionaries: Mapping[str, Dictionary],
    windows: Iterable[Window],
    *,
    tokens: int | None = None,
    predictions: int | None = None,
    tasks: Sequence[Task] | str | PathLike[str] | None = None,
    pool: Pool = "max",
    random: Sequence[Dictionary] = (),
    thorough: bool = False,
    seed: int = 0,
    progress: bool = True,
) -> Evaluation:
    """Measure dictionaries of one model on a text that they were not trained on, each number beside its control.

    Parameters
    ----------
    model : Model
    dictionaries : mapping of str to Dictionary
        By name, of any sites of the model. Those that differ in nothing but their weights (same site, same number of latents,
        same activation) are taken for trainings from several seeds: which latents come back is worked out.
    windows : iterable of Window
        Of the text. As many of them are read as hold the tokens asked for, evenly spread over all of them, so that many
        documents are among them.
    tokens : int, optional
        Whose states are given back; 50,000.
    predictions : int, optional
        Next tokens that are predicted with reconstructions in the place of the states, each several times; 2,048. 0 for none.
        An encoder predicts none.
    tasks : sequence of Task, "own", or path, optional
        Questions that a single latent may answer: 35 of our own
        (:func:`depthscope.studies.sae.evaluation.tasks.own_tasks`), or a folder of tables with the columns prompt and target.
        By default none, or our own if it is ``thorough``.
    pool : {"max", "last"}
        What of an example is asked: the largest activation in it, or that of its last token.
    random : sequence of Dictionary
        Trained in the same way on the same model with random weights, two or more for each site: the matched null of what
        comes back.
    thorough : bool
        Four times the tokens and predictions, the nearest direction of every latent, one-to-one assignments, our own tasks;
        and ablation sparsity, patterns of tokens and the absorption of first letters.
    seed : int
        Of the controls and of the resamples.
    progress : bool
        Show how far it has come.

    Returns
    -------
    Evaluation

    Raises
    ------
    DepthscopeError
        No dictionary, no text, a dictionary whose site is not known or that belongs to another model.
    """
    check_count("tokens", tokens)
    check_count("predictions", predictions, 0)
    if not dictionaries:
        raise DepthscopeError("no dictionary to evaluate: name one at least")
    subjects = [placed(name, one) for name, one in dictionaries.items()]
    times = THOROUGH if thorough else 1
    some = spread(list(windows), tokens or TOKENS * times)
    taps = Taps(model, [site for one in subjects for site in (one.reads, one.writes)])
    given = give_back(taps, subjects, some, seed=seed, progress=progress)
    scored = _given_scores(subjects, given, seed)
    put: dict[str, PutBack] = {}
    wanted = PREDICTIONS * times if predictions is None else predictions
    if wanted and model.causal and model.predicts:
        put = _put(model, subjects, given, shortened(some, wanted), progress)
        scored += _put_scores(subjects, given, put, seed)
    near = {one.name: near_of(one.dictionary, most=None if thorough else SAMPLE, seed=seed) for one in subjects}
    scored += [near_score(one, near[one.name], given.found[one.name]) for one in subjects]
    scored += stability_scores(subjects, given.found, random, assign=thorough, seed=seed)
    probes = pd.DataFrame()
    questions = _tasks(tasks, thorough, seed)
    if questions:
        probes, asked = ask(model, subjects, given.random, questions, pool=pool, seed=seed, progress=progress)
        scored += asked
    closer = Closer((), pd.DataFrame(), pd.DataFrame(), {})
    if thorough:
        closer = look_closer(model, subjects, given.random, spread(some, TOKENS), seed=seed, progress=progress)
        scored += closer.scored
    order = {one.name: i for i, one in enumerate(subjects)}
    scored.sort(key=lambda one: order.get(one.dictionary, len(order)))
    return Evaluation(
        tuple(scored),
        pd.concat([latent_table(one, given.found[one.name], near[one.name]) for one in subjects], ignore_index=True),
        probes,
        closer.patterns,
        closer.letters,
        left_out=closer.left_out,
        tokens=next(iter(given.found.values())).tokens,
        predictions=max((one.tokens for one in put.values()), default=0),
    )


def _tasks(tasks: Sequence[Task] | str | PathLike[str] | None, thorough: bool, seed: int) -> Sequence[Task]:
    if tasks is None:
        return own_tasks(seed=seed) if thorough else ()
    if isinstance(tasks, str | PathLike):
        return own_tasks(seed=seed) if tasks == OWN else read_tasks(tasks, seed=seed)
    return tasks


def spread(windows: Sequence[Window], tokens: int) -> list[Window]:
    """Windows evenly spread over all, with about so many measured tokens; all of them if they have no more."""
    lengths = [window.measured[1] - window.measured[0] for window in windows]
    total = sum(lengths)
    if total <= tokens:
        return list(windows)
    count = max(1, round(len(windows) * tokens / total))
    chosen = np.unique(((np.arange(count) + 0.5) * len(windows) / count).astype(int))
    return [windows[i] for i in chosen]


def shortened(windows: Sequence[Window], tokens: int) -> list[Window]:
    """Windows with about so many measured tokens: a dozen at least, if there are as many, of which each is cut at its end.

    Of a few long ones there would be no interval.
    """
    count = sum(window.measured[1] - window.measured[0] for window in windows)
    few = min(len(windows), DOZEN)
    if not few or count * few <= tokens * len(windows):
        return spread(windows, tokens)
    chosen = spread(windows, round(count * few / len(windows)))
    most = max(1, -(-tokens // len(chosen)))
    made = []
    for window in chosen:
        begin, end = window.measured
        cut = min(end, begin + most)
        kept = slice(cut - begin)
        # what follows, special tokens too, is nothing that a causal model would look at
        made.append(
            window._replace(ids=window.ids[:cut], measured=(begin, cut), start=window.start[kept], end=window.end[kept])
        )
    return made


def _given_scores(subjects: Sequence[Placed], given: GivenBack, seed: int) -> list[Scored]:
    """What is given back, beside random directions; and what the mean and principal components give back."""
    found = []
    for one in subjects:
        mine, other = given.found[one.name], given.beside[one.name]
        beside = {score.name: score for score in other.scores(seed)}
        found += [
            Scored(one.name, DICTIONARY, one.writes, score.against(RANDOM, beside[score.name]), mine.totals.over)
            for score in mine.scores(seed)
        ]
    for (site, name), line in given.lines.items():
        found += [Scored(name, CONTROL, site, score, line.totals.over) for score in line.scores(seed)]
    return found


def _put(
    model: Model, subjects: Sequence[Placed], given: GivenBack, windows: Sequence[Window], progress: bool
) -> dict[str, PutBack]:
    """What is lost with each dictionary, its random directions, and the principal components of its site."""
    replacements: dict[str, Replacement] = {}
    for one in subjects:
        replacements[one.name] = Replacement(one.reads, one.writes, one.dictionary.reconstruct)
        replacements[_random_name(one.name)] = Replacement(one.reads, one.writes, given.random[one.name].reconstruct)
    for (site, name), line in given.linear.items():
        if len(line.directions):
            replacements[_line_name(name, site)] = Replacement(site, site, line.reconstruct)
    means = {site: line.mean for (site, _), line in given.linear.items()}
    return put_back(model, replacements, windows, means=means, progress=progress)


def _put_scores(subjects: Sequence[Placed], given: GivenBack, put: Mapping[str, PutBack], seed: int) -> list[Scored]:
    found = []
    for one in subjects:
        mine = put[one.name]
        beside = {score.name: score for score in put[_random_name(one.name)].scores(seed)}
        found += [
            Scored(one.name, DICTIONARY, one.writes, score.against(RANDOM, beside[score.name]), mine.totals.over)
            for score in mine.scores(seed)
        ]
    for site, name in given.linear:
        line = put.get(_line_name(name, site))
        if line is not None:
            found += [Scored(name, CONTROL, site, score, line.totals.over) for score in line.scores(seed)]
    return found


# no name of a user holds a line break, so that none is the same
def _random_name(name: str) -> str:
    return f"{name}\nrandom"


def _line_name(name: str, site: Site) -> str:
    return f"{name}\n{site}"
