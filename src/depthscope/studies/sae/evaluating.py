"""Dictionaries measured on text that they have not seen, into a run folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from depthscope.capture.parts import Cut
from depthscope.capture.windows import Window
from depthscope.corpus.documents import Corpus, Split
from depthscope.corpus.read import read_corpus
from depthscope.drawing.saving import save
from depthscope.errors import check_count, require
from depthscope.model.model import Model
from depthscope.run.begin import Begun, begin
from depthscope.run.result import FinishedRun
from depthscope.store.digest import digest
from depthscope.store.tables import read_csv, write_csv
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.evaluation.evaluate import evaluate
from depthscope.studies.sae.evaluation.evaluation import Evaluation
from depthscope.studies.sae.evaluation.tasks import own_tasks, read_tasks
from depthscope.studies.sae.figures import draw_scores
from depthscope.studies.sae.given import dictionaries_of, learnt_from, model_name, model_of, other_weights
from depthscope.studies.sae.page import LAYOUT, SCORES
from depthscope.studies.sae.results import AGAIN, DEPTHS, overview
from depthscope.studies.sae.study import PART, WINDOW
from depthscope.studies.sae.words import evaluated, scores_words
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class EvaluationRun(FinishedRun):
    """What :func:`evaluate_sae` returns.

    Attributes
    ----------
    folder : Path
    scores : DataFrame
        Every number with its interval and its control: ``scores.csv``, see
        :attr:`depthscope.studies.sae.evaluation.evaluation.Evaluation.scores`.
    timings : dict
        Seconds by stage.
    """

    folder: Path
    scores: pd.DataFrame
    timings: dict[str, float]

    @property
    def told(self) -> Sequence[str | Sheet]:
        return [*self.record.answer, *SCORES.sheets(overview(self.scores)), *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        """Explained variance by layer."""
        return draw_scores(self.scores, next(iter(DEPTHS)), self.record.title, ax)


def evaluate_sae(
    folder: str | PathLike[str],
    corpus: str | PathLike[str] | Corpus,
    out: str | PathLike[str],
    *,
    model: str | PathLike[str] | Model | None = None,
    tokens: int | None = None,
    predictions: int | None = None,
    again: str | PathLike[str] | None = None,
    untrained: str | PathLike[str] | None = None,
    tasks: str | PathLike[str] | None = None,
    probes: bool = True,
    thorough: bool = False,
    seed: int = 0,
    text: str = "text",
    split: Split = "file",
    load: Mapping[str, Any] | None = None,
    threads: int | None = None,
    command: str = "",
    progress: bool = True,
) -> EvaluationRun:
    """Measure dictionaries of one model, each number beside its control.

    Parameters
    ----------
    folder : path
        Of dictionaries: what :func:`train_sae` wrote, or any that :func:`depthscope.load_sae` reads.
    corpus : path or Corpus
        Text that they were not trained on.
    out : path
        Run folder.
    model : str, path or Model, optional
        By default the one that the files name.
    tokens : int, optional
        That are measured; 50,000.
    predictions : int, optional
        Next tokens that are predicted with reconstructions in the place of the states; 2,048.
    again : path, optional
        The same dictionaries from another seed: which latents come back.
    untrained : path, optional
        The same trained on the model with random weights: the null of that.
    tasks : path, optional
        Folder of tables for probes, beside the 35 tasks of our own.
    probes : bool
        False: none of them, which saves the passes over their sentences.
    thorough : bool
        More tokens, and the measures that take long.

    Returns
    -------
    EvaluationRun

    Raises
    ------
    DepthscopeError
        No dictionary, one of another model, no text; a folder of other settings.
    """
    if probes:  # said before anything is measured
        require("sklearn", "mechanism")
    check_count("seed", seed, 0)
    given = dictionaries_of(folder)
    repeated = {} if again is None else {name + AGAIN: one for name, one in dictionaries_of(again).items()}
    nulls = {} if untrained is None else dictionaries_of(untrained)
    source = read_corpus(corpus, text=text, split=split) if isinstance(corpus, str | PathLike) else corpus
    name = model.name if isinstance(model, Model) else model_name(given, model)
    with begin(
        "sae",
        {"evaluated": sorted(given), "again": sorted(repeated), "untrained": sorted(nulls), "model": name, "tokens": tokens,
         "predictions": predictions, "thorough": thorough, "probes": probes, "seed": seed,
         "tasks": None if tasks is None else str(tasks), "corpus": {"text": text, "split": split}, "load": dict(load or {})},
        Path(out),
        layout=LAYOUT,
        load=lambda: model if isinstance(model, Model) else model_of(given, name, load),
        ready=lambda loaded: {},
        identity={"corpus": source.digest(), "dictionaries": digest_of({**given, **repeated, **nulls})},
        threads=threads,
        command=command,
        progress=progress,
    ) as run:  # fmt: skip
        asked = own_tasks(seed=seed) if tasks is None else [*own_tasks(seed=seed), *read_tasks(Path(tasks), seed=seed)]
        more = {
            "predictions": predictions,
            "thorough": thorough,
            "tasks": asked if probes else [],
            "random": list(nulls.values()),
        }
        scores = evaluate_into(run, Path(out), {**given, **repeated}, source, tokens, seed, more)
        run.record.title = f"Sparse autoencoders of {run.model.name}, measured"
        run.record.answer = [*evaluated(scores, run.model.name), *learnt_from(given, source.digest())]
        run.record.words["scores"] = [*other_weights(given, run.model), *scores_words(scores)]
        run.about["model"], run.about["text"] = run.model.name, source.source
    return EvaluationRun(Path(out), scores, run.clock.seconds)


def evaluate_into(
    run: Begun[Model],
    out: Path,
    dictionaries: Mapping[str, Dictionary],
    corpus: Corpus,
    tokens: int | None,
    seed: int,
    more: Mapping[str, Any],
) -> pd.DataFrame:
    """Measure into a run under way; what is there is not measured again."""
    files = {name: out / f"{name}.csv" for name in ("scores", "latents")}
    if not all(path.is_file() for path in files.values()):
        with run.clock("measure"):
            found = _measured(run.model, dictionaries, corpus, tokens, seed, more, run.clock.told)
        for name, table in (("probes", found.probes), ("patterns", found.patterns), ("letters", found.letters)):
            if len(table):
                write_csv(out / f"{name}.csv", table)
        write_csv(files["latents"], found.latents)
        write_csv(files["scores"], found.scores)
    scores = read_csv(files["scores"])
    write_csv(out / "overview.csv", overview(scores))
    (out / "figures").mkdir(exist_ok=True)
    for score in DEPTHS:
        if (scores["score"] == score).any():
            save(draw_scores(scores, score, run.model.name).figure, out / "figures" / f"scores-{score}")
    return scores


def _measured(
    model: Model,
    dictionaries: Mapping[str, Dictionary],
    corpus: Corpus,
    tokens: int | None,
    seed: int,
    more: Mapping[str, Any],
    progress: bool,
) -> Evaluation:
    given = {key: value for key, value in more.items() if value is not None}
    return evaluate(
        model, dictionaries, windows_of(model, corpus), tokens=tokens, seed=seed, progress=progress, **given
    )


def windows_of(model: Model, corpus: Corpus) -> list[Window]:
    """The windows of a corpus, of the length that dictionaries are trained on by default."""
    window = min(WINDOW, model.max_length or WINDOW)
    parts = Cut(window, 0, PART, model.causal).parts(corpus, model.tokenizer)
    return [one for part in parts for one in part.windows]


def digest_of(dictionaries: Mapping[str, Dictionary]) -> str:
    """A name for exactly these weights."""
    return digest(
        {
            f"{name}/{key}": value.numpy()
            for name, one in dictionaries.items()
            for key, value in one.state_dict().items()
        }
    )
