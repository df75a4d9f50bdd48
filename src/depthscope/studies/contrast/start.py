"""How a study of a contrast begins: the settings and stimuli of a contrast, put to :func:`depthscope.run.begin.begin`."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from depthscope.instrument.cse import cse_options
from depthscope.model.load import load_text
from depthscope.model.model import Model
from depthscope.report.part import Layout
from depthscope.run.begin import Begun, begin
from depthscope.statistics.contrast import OPTIONS
from depthscope.statistics.terms import Terms
from depthscope.studies.contrast.floor import noise_floor
from depthscope.studies.contrast.settings import Settings, check_depth
from depthscope.studies.contrast.usable import check_usable


@contextmanager
def started(
    study: str,
    settings: Settings,
    extra: dict[str, Any],
    table: pd.DataFrame,
    out: Path,
    *,
    layout: Layout,
    command: str,
    progress: bool,
    terms: Sequence[Terms],
    model: Model | None = None,
) -> Iterator[Begun[Model]]:
    """A run of a study of contrasts; ``extra`` are settings of this study alone.

    That each contrast has pairs to be tested on, and the transform layers, is made sure of before the block begins.
    """
    options = {"cse": cse_options(settings.cse), "contrast": {**OPTIONS, **settings.contrast}}
    asked = {name: value for name, value in asdict(settings).items() if name != "threads"}

    def ready(loaded: Model) -> dict[str, str]:
        check_depth(loaded, settings)
        check_usable(loaded, table, terms, settings)
        return noise_floor(loaded, table, settings.cse)

    with begin(
        study,
        {**asked, **options, **extra},
        out,
        layout=layout,
        load=lambda: model or load_text(settings.model, **settings.load),
        ready=ready,
        identity={"stimuli": _fingerprint(table)},
        threads=settings.threads,
        token_budget=settings.token_budget,
        surprisal=settings.surprisal,
        command=command,
        progress=progress,
    ) as run:
        yield run


def _fingerprint(table: pd.DataFrame) -> str:
    return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:16]
