"""Metaphor features and CSE, asked of dictionaries in a folder."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from depthscope.model.model import Model
from depthscope.studies.sae.given import dictionaries_of, loading, model_name
from depthscope.studies.sae.question.study import QuestionRun, run_question

# how often other latents are taken out instead, at the least that can decide
DRAWS = 19


def question_sae(
    folder: str | PathLike[str],
    out: str | PathLike[str],
    *,
    model: str | PathLike[str] | Model | None = None,
    untrained: str | PathLike[str] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    load: Mapping[str, Any] | None = None,
    threads: int | None = None,
    command: str = "",
    progress: bool = True,
) -> QuestionRun:
    """Do features that fire on metaphors sit where CSE differs, and does CSE change without them?

    See :func:`depthscope.studies.sae.question.study.run_question`. The model is loaded as when the dictionaries were trained,
    but not in half precision, unless that is asked for: on SmolLM2 it alone moves the CSE of a text by .0003, as much as what
    is taken out does.
    """
    given = dictionaries_of(folder)
    loaded = loading(given, {"dtype": None, **(load or {})})
    return run_question(
        given,
        model if isinstance(model, Model) else model_name(given, model),
        Path(out),
        control=None if untrained is None else dictionaries_of(untrained),
        draws=draws,
        seed=seed,
        load={name: value for name, value in loaded.items() if value is not None},
        threads=threads,
        command=command,
        progress=progress,
    )
