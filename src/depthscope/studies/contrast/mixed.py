"""Mixed models beside the cluster test: is the difference there with everything that texts share held random?"""

from collections.abc import Sequence

import pandas as pd

from depthscope.errors import DepthscopeError
from depthscope.statistics.mixed import Mixed, check_factors, mixed_model
from depthscope.statistics.terms import Terms

# the column that is crossed with items if none is named
FRAME = "frame"
# texts: a fit of more with anything crossed takes more than some seconds
FEW = 600


def mixed_models(
    texts: pd.DataFrame, terms: Terms, window: tuple[int, int], crossed: Sequence[str]
) -> tuple[list[Mixed], list[str]]:
    """Items alone, then items and all that is ``crossed`` with them, over the layers of the window.

    Returns
    -------
    (models, problems)
        Those that could be fitted; and a sentence for each that could not, which stops nothing else.
    """
    models: list[Mixed] = []
    problems: list[str] = []
    named = list(crossed) or [name for name in (FRAME,) if name in texts]
    for names in [[], named] if named else [[]]:
        try:
            models.append(_model(texts, terms, window, names))
        except DepthscopeError as problem:
            if str(problem) not in problems:
                problems.append(str(problem))
    return models, problems


def _model(texts: pd.DataFrame, terms: Terms, window: tuple[int, int], crossed: list[str]) -> Mixed:
    sides = _sides(terms)
    if crossed:
        tested = texts["in_contrast"] & texts["condition"].isin(sides) & (texts["layer"] == window[0])
        _check_number(int(tested.sum()))
    return mixed_model(texts, *sides, crossed=crossed, layers=window)


def _check_number(texts: int) -> None:
    if texts > FEW:
        raise DepthscopeError(
            f"texts: {texts:,} texts, and a fit of more than {FEW:,} with anything crossed with items takes too long in a run: "
            "draw fewer items (--sample), or go on from texts.csv"
        )


def check_crossed(table: pd.DataFrame, terms: Terms, crossed: Sequence[str]) -> None:
    """Refuse columns that cannot be crossed with items in this contrast: all of it can be known from the stimuli."""
    taken = ("item", "condition", "text")
    for name in crossed:
        if name not in table or name in taken:
            known = [str(column) for column in table if column not in taken]
            what = "cannot be crossed with items" if name in taken else "there is no such column"
            raise DepthscopeError(f"--crossed {name}: {what}; choose among {', '.join(known)}")
    try:
        texts = table[table["condition"].isin(_sides(terms))]
        check_factors(texts, ["item", *crossed])
        _check_number(len(texts))
    except DepthscopeError as problem:
        raise DepthscopeError(f"--crossed {' '.join(crossed)}: {problem}") from None


def _sides(terms: Terms) -> tuple[str, str]:
    """The two conditions that a contrast comes down to."""
    reduced = terms.reduced
    if len(reduced.left) > 1:
        raise DepthscopeError(
            f"{terms.name}: a mixed model is of two conditions, and this is a difference of differences"
        )
    return reduced.left[0], reduced.right[0]
