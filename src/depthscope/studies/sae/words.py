"""A training in sentences."""

from collections.abc import Mapping

import pandas as pd

from depthscope.statistics.scaling import ScalingLaw
from depthscope.studies.sae.results import AGAIN, Training, not_better, overview
from depthscope.words import names_text

READING = (
    "Explained variance, of single batches while they were learnt from: 1 less the squared error over the variance of the "
    "batch. What a dictionary does on text that it has not seen is another number: `depthscope sae eval`."
)
NORMS_READING = (
    "At the first token of a text models park attention, and its state is like no other. A dictionary that reads it spends its "
    "loss there, and the mean of its input is not the mean of tokens; so it is left out, with the special tokens, here and "
    "wherever a dictionary is used."
)
# tokens from which a dictionary of the literature begins
MANY = 10**8


def title(training: Training, model: str) -> str:
    sites = names_text(dict.fromkeys(training.dictionaries["site"]))
    return f"Sparse autoencoders of {model}: {sites}"


def answer(training: Training, model: str) -> list[str]:
    """First how many and from what, then where they arrived."""
    found = training.arrived
    tokens = int(found["tokens"].max())
    low, high = found["explained"].min(), found["explained"].max()
    share = f"{low:.1%}" if len(found) == 1 else f"{low:.1%} to {high:.1%}"
    count = "One dictionary was" if len(found) == 1 else f"{len(found)} dictionaries were"
    told = [
        f"{count} trained on {tokens:,} tokens of the states of `{model}`, in one pass over the model.",
        f"At the end of the training **{share} of the variance** is explained, by {found['l0'].mean():.3g} active latents a "
        "token on average.",
    ]
    if training.readings > 1.01:
        told.append(f"The corpus was read {training.readings:.1f} times.")
    return told


def caution(training: Training) -> list[str]:
    """What the numbers do not say."""
    told = []
    tokens = int(training.dictionaries["tokens"].max())
    if tokens < MANY:
        told.append(
            f"{tokens:,} tokens are few: dictionaries in the literature see {MANY:,} and more, and with few tokens latents are "
            "of frequent words and word pieces rather than of rare things."
        )
    if training.still_learning:
        told.append(
            f"Still learning when it ended: {names_text(training.still_learning)}; more tokens make them better."
        )
    if training.much_dead:
        told.append(
            f"More than a tenth of the latents are dead in {names_text(training.much_dead)}: fewer latents, or a shorter "
            "`--dead-tokens`, by which AuxK takes hold of them sooner."
        )
    return told


def norms_words(training: Training) -> list[str]:
    """One sentence for each site that matters."""
    told = []
    for row in training.norms.dropna(subset=["left_out"]).to_dict("records"):
        ratio = row["left_out"] / row["median"]
        told.append(
            f"{row['site']}: the norm of what is left out is {ratio:.3g} times that of other tokens (median "
            f"{row['median']:.3g}); {row['tokens']:.1%} of the tokens, they would be {row['share']:.0%} of the loss."
        )
    return told


def about(settings: Mapping[str, object]) -> str:
    """The settings of a recipe in few words."""
    return ", ".join(
        f"{name.replace('_', ' ')} {value}" for name, value in settings.items() if value not in (None, False)
    )


SCORES_READING = (
    "Each number with its 95 % interval over documents, and beside it the same number of a control: directions drawn at "
    "random, of the same number and activation. The reconstruction stands in the place of the state at every token but the "
    "first of a window and special ones. Loss recovered is 1 where nothing is lost, 0 where as much is lost as with the mean "
    "state; beside zeros, as most papers write it, it is nearer to 1 (`loss_recovered` in scores.csv)."
)


def evaluated(scores: pd.DataFrame, model: str) -> list[str]:
    """What the dictionaries give back, and what the model loses."""
    found = overview(scores)
    found = found[~found["dictionary"].str.endswith(AGAIN)]
    low, high = found["explained_variance"].min(), found["explained_variance"].max()
    count = "One dictionary" if len(found) == 1 else f"{len(found)} dictionaries"
    told = [
        f"{count} of `{model}`, on text that was held out: **{_between(low, high)} of the variance** is explained; by random "
        f"directions {_between(found['explained_variance_control'].min(), found['explained_variance_control'].max())}."
    ]
    if "loss_recovered_mean" in found:
        told.append(
            f"With the reconstruction in the place of the state the model loses {found['ce_increase'].min():.2g} to "
            f"{found['ce_increase'].max():.2g} nats a token; of what the mean state in its place costs, "
            f"{_between(found['loss_recovered_mean'].min(), found['loss_recovered_mean'].max())} is recovered."
        )
    return told


def scores_words(scores: pd.DataFrame) -> list[str]:
    """What is no better than its control, and what comes back."""
    told = []
    worse = not_better(scores)
    for score, part in worse.groupby("score", sort=False):
        told.append(f"No better than its control: {score} of {names_text(part['dictionary'])}.")
    found = overview(scores)
    if "comes_back" in found:
        told += [
            f"{row['dictionary']}: {row['comes_back']:.1%} of the latents come back under another seed (cosine above .7); "
            f"by the control {row['comes_back_control']:.1%}."
            for row in found.dropna(subset=["comes_back"]).to_dict("records")
        ]
    return told


def _between(low: float, high: float) -> str:
    first, last = f"{low:.1%}", f"{high:.1%}"
    return first if first == last else f"{first} to {last}"


LAW_READING = (
    "L(n, k) of Gao et al. (2024), section 3.1.3: a power of the number of latents n whose exponent depends on the active "
    "latents k, above a floor that more latents do not lower. The loss is the normalised squared error of the last tenth of "
    "the training, the median of its steps. Every dictionary saw the same tokens, so that this is the law at that budget, "
    "not of trainings that converged."
)


FEATURES_READING = (
    "Search it by a token; a click on a feature shows the places where it fires most, others at random, what it makes "
    "likelier, its neighbours and where along the depth it is."
)


def law_answer(law: ScalingLaw, training: Training, model: str) -> list[str]:
    """How much is left over at the ends, and what the law says of doubling."""
    points = law.points
    rows = points.sort_values("loss").to_dict("records")
    best, worst = rows[0], rows[-1]
    tokens = int(training.dictionaries["tokens"].max())
    return [
        f"{len(points)} dictionaries of `{model}` ({training.dictionaries['site'].iloc[0]}), {tokens:,} tokens each: "
        f"**{worst['loss']:.1%} of the variance is left over** with n {worst['n']:.0f} and k {worst['k']:.0f}, "
        f"{best['loss']:.1%} with n {best['n']:.0f} and k {best['k']:.0f}.",
        f"A run lies {law.spread:.2%} from the law (one standard deviation).",
    ]


def law_words(law: ScalingLaw, training: Training) -> list[str]:
    """The law in symbols, and what it does not tell."""
    told = [f"{law.formula}."]
    if law.unidentified:
        told.append(
            f"These runs do not tell {names_text(law.unidentified)}: a floor that more latents do not lower is not seen here; "
            "larger dictionaries, trained for longer, would show whether there is one."
        )
    if training.readings > 1:
        told.append("The corpus was read more than once, so that the loss is of text that was learnt from before.")
    return told
