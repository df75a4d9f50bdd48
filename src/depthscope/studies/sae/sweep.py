"""How what is left over falls with latents and active latents: many dictionaries in one pass, and the law that joins them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from depthscope.capture.stream import BUFFER
from depthscope.corpus.documents import Split
from depthscope.corpus.read import read_corpus
from depthscope.drawing.saving import save
from depthscope.errors import DepthscopeError, check_count
from depthscope.model.load import load_text
from depthscope.model.model import Model
from depthscope.run.begin import begin
from depthscope.run.result import FinishedRun
from depthscope.statistics.scaling import ScalingLaw, joint_law
from depthscope.store.tables import write_csv
from depthscope.studies.sae.page import LAW, LAYOUT
from depthscope.studies.sae.results import END, Training
from depthscope.studies.sae.study import BATCH, WINDOW, Asked, ready, train_into
from depthscope.studies.sae.training.recipe import Recipe
from depthscope.studies.sae.words import caution, law_answer, law_words, norms_words
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LATENTS, K = (512, 1024, 2048, 4096), (8, 16, 32, 64)
# parameters of the law with its floor, and runs beside them without which nothing tells how far a run is from it
FEWEST = 8


@dataclass(frozen=True, eq=False)
class SweepRun(FinishedRun):
    """What :func:`sweep_sae` returns.

    Attributes
    ----------
    folder : Path
    training : Training
    scaling : ScalingLaw
        ``predict(n, k)``, ``floor(k)``, ``plot()``.
    timings : dict
        Seconds by stage.
    """

    folder: Path
    training: Training
    scaling: ScalingLaw
    timings: dict[str, float]

    @property
    def law(self) -> pd.DataFrame:
        """The parameters with their intervals: ``law.csv``."""
        return self.scaling.to_dataframe()

    @property
    def told(self) -> Sequence[str | Sheet]:
        return [*self.record.answer, *LAW.sheets(self.law), *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        return self.scaling.plot(ax)


def sweep_sae(
    model: str | PathLike[str] | Model,
    corpus: str | PathLike[str],
    out: str | PathLike[str],
    *,
    layers: Sequence[int] | None = None,
    site: str = "resid",
    latents: Sequence[int] = LATENTS,
    k: Sequence[int] = K,
    tokens: int | None = None,
    seed: int = 0,
    batch: int = BATCH,
    buffer: int = BUFFER,
    window: int = WINDOW,
    states: str | PathLike[str] | None = None,
    text: str = "text",
    split: Split = "file",
    token_budget: int | None = None,
    rate: float | None = None,
    load: Mapping[str, Any] | None = None,
    threads: int | None = None,
    command: str = "",
    progress: bool = True,
) -> SweepRun:
    """Train dictionaries of all combinations of sizes at one layer, and fit ``L(n, k)`` of Gao et al. (2024), section 3.1.3.

    The loss is the normalised squared error of the last tenth of the training, the median of its steps, on batches that
    were not learnt from before, unless the corpus is read more than once.

    Parameters
    ----------
    latents, k : sequence of int
        Eight combinations at least.
    layers : sequence of int, optional
        One; the middle one by default.
    model, corpus, out, site, tokens, batch, buffer, window, states, rate, seed, load
        As for :func:`depthscope.studies.sae.study.train_sae`.

    Returns
    -------
    SweepRun

    Raises
    ------
    DepthscopeError
        Several layers, fewer combinations than the law has to be told from, and whatever training refuses.
    """
    check_count("token_budget", token_budget)
    asked = Asked(
        layers,
        site,
        None,
        tuple(latents),
        tuple(k),
        "topk",
        tokens,
        batch,
        buffer,
        window,
        Recipe(seed=seed, rate=rate),
    )
    if len(asked.layers_of(2)) > 1:
        raise DepthscopeError(f"layers={list(layers or ())}: a law is of one layer; give one")
    if len(set(latents)) * len(set(k)) < FEWEST:
        raise DepthscopeError(
            f"{len(set(latents))} widths and {len(set(k))} numbers of active latents: the law has six parameters, and needs "
            f"{FEWEST} combinations at least; give more with --latents and --k"
        )
    source = read_corpus(corpus, text=text, split=split)
    with begin(
        "sae",
        {"sweep": True, "model": model.name if isinstance(model, Model) else fspath(model), **asked.settings,
         "corpus": {"text": text, "split": split}, "load": dict(load or {})},
        Path(out),
        layout=LAYOUT,
        load=lambda: model if isinstance(model, Model) else load_text(fspath(model), **(load or {})),
        ready=lambda loaded: {"sites": ready(loaded, asked)},
        identity={"corpus": source.digest()},
        threads=threads,
        command=command,
        progress=progress,
    ) as run:  # fmt: skip
        training = train_into(run, Path(out), source, asked, None if states is None else Path(states), token_budget)
        with run.clock("fit"):
            points = losses(training)
            law = joint_law(points["latents"], points["k"], points["loss"], measure="normalised MSE", seed=seed)
            write_csv(Path(out) / "law.csv", law.to_dataframe())
            write_csv(Path(out) / "sweep.csv", points.assign(fitted=law.points["fitted"].to_numpy()))
            save(law.plot().figure, Path(out) / "figures" / "law")
        name = run.model.name
        run.record.title = f"Scaling law of sparse autoencoders of {name}, {training.dictionaries['site'].iloc[0]}"
        run.record.answer = law_answer(law, training, name)
        run.record.words = {
            "law": law_words(law, training),
            "training": caution(training),
            "norms": norms_words(training),
        }
        run.about["model"] = name
    return SweepRun(Path(out), training, law, run.clock.seconds)


def losses(training: Training) -> pd.DataFrame:
    """``latents``, ``k``, ``loss``: where each training arrived."""
    # the median of steps: a batch with one of the few states of enormous norm is like no other
    arrived = {
        str(name): float(part["normalized_mse"].tail(max(1, round(END * len(part)))).median())
        for name, part in training.curve.groupby("dictionary", sort=False)
    }
    sizes = training.dictionaries[["latents", "k"]].astype(int)
    return sizes.assign(loss=[arrived[str(name)] for name in training.dictionaries["dictionary"]])
