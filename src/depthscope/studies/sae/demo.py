"""A small and real training from end to end: dictionaries at three depths, measured, and a page of their features."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from depthscope.corpus.memory import TextCorpus
from depthscope.corpus.own import SOURCE, documents
from depthscope.corpus.read import read_corpus
from depthscope.model.load import load_text
from depthscope.model.model import Model
from depthscope.run.begin import begin
from depthscope.run.result import FinishedRun
from depthscope.stimuli.read import read_stimuli
from depthscope.studies.sae.evaluating import evaluate_into
from depthscope.studies.sae.figures import draw_training
from depthscope.studies.sae.formats.load import load_sae
from depthscope.studies.sae.page import DICTIONARIES, LAYOUT, SCORES
from depthscope.studies.sae.results import Training, overview
from depthscope.studies.sae.showing import PAGE, show_into
from depthscope.studies.sae.study import Asked, ready, train_into
from depthscope.studies.sae.training.recipe import Recipe
from depthscope.studies.sae.words import answer, caution, evaluated, norms_words, scores_words, title
from depthscope.telling import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# small, so that it takes minutes on two cores; steps are many and short, because the text is
LATENTS, K, TOKENS, BATCH, RATE = 1024, 16, 300_000, 256, 1e-3
# characters of a corpus of one's own that are read
MOST = 2_000_000
# of so many documents one is held out
HELD = 8
# tokens and predictions that are measured, and tokens whose features are shown
MEASURED, PREDICTED, SHOWN = 5_000, 1_024, 20_000


@dataclass(frozen=True, eq=False)
class SaeRun(FinishedRun):
    """What :func:`run_sae` returns.

    Attributes
    ----------
    folder : Path
        With a folder for each dictionary, and ``features.html``.
    training : Training
    scores : DataFrame
        On the documents that were held out: ``scores.csv``.
    timings : dict
        Seconds by stage.
    """

    folder: Path
    training: Training
    scores: pd.DataFrame
    timings: dict[str, float]

    @property
    def dictionaries(self) -> pd.DataFrame:
        return self.training.arrived

    @property
    def told(self) -> Sequence[str | Sheet]:
        tables = [*DICTIONARIES.sheets(self.dictionaries), *SCORES.sheets(overview(self.scores))]
        return [*self.record.answer, *tables, *self.ending, f"features: {self.folder / PAGE}"]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        return draw_training(self.training, self.record.title, ax)


def run_sae(
    model: str | PathLike[str] | Model = "embedded",
    out: str | PathLike[str] = "runs/sae",
    *,
    layers: Sequence[int] | None = None,
    corpus: str | PathLike[str] | None = None,
    latents: int = LATENTS,
    k: int = K,
    tokens: int = TOKENS,
    seed: int = 0,
    load: Mapping[str, Any] | None = None,
    threads: int | None = None,
    command: str = "",
    progress: bool = True,
) -> SaeRun:
    """Train small dictionaries, measure them on documents that were held out, and write a page of their features.

    Parameters
    ----------
    layers : sequence of int, optional
        Of the stream; by default at a third, a half and two thirds of the depth.
    corpus : path, optional
        By default the prose of depthscope's own documents and the sentences of its built-in stimuli, some 40,000 tokens. Of
        another, the first two million characters.
    latents, k, tokens : int
        Of each dictionary; the text is read several times.

    Returns
    -------
    SaeRun

    Raises
    ------
    DepthscopeError
        A layer that is not there, a corpus that is too short.
    """
    learnt, held = _texts(corpus)
    recipe = Recipe(seed=seed, rate=RATE, dead_after=TOKENS // 3)
    # all of the text in one buffer: the model reads it once
    asked = Asked(layers, latents=(latents,), k=(k,), tokens=tokens, batch=BATCH, buffer=2**19, recipe=recipe)
    with begin(
        "sae",
        {"demo": True, "model": model.name if isinstance(model, Model) else fspath(model), **asked.settings,
         "load": dict(load or {})},
        Path(out),
        layout=LAYOUT,
        load=lambda: model if isinstance(model, Model) else load_text(fspath(model), **(load or {})),
        ready=lambda loaded: {"sites": ready(loaded, _placed(asked, loaded))},
        identity={"corpus": learnt.digest(), "held out": held.digest()},
        threads=threads,
        command=command,
        progress=progress,
    ) as run:  # fmt: skip
        place, name = Path(out), run.model.name
        asked = _placed(asked, run.model)
        training = train_into(run, place, learnt, asked)
        dictionaries = {one: load_sae(place / one) for one in training.dictionaries["dictionary"]}
        scores = evaluate_into(run, place, dictionaries, held, MEASURED, seed, {"predictions": PREDICTED})
        with run.clock("features"):
            shown = show_into(run.model, dictionaries, learnt, place / PAGE, SHOWN, command, run.clock.told)
        run.record.title = title(training, name)
        run.record.answer = [*answer(training, name)[:2], *evaluated(scores, name)]
        run.record.words = {
            "training": caution(training),
            "norms": norms_words(training),
            "scores": scores_words(scores),
            "features": shown,
        }
        run.about["model"], run.about["text"] = name, learnt.source
    return SaeRun(Path(out), training, scores, run.clock.seconds)


def _placed(asked: Asked, model: Model) -> Asked:
    """With layers at a third, a half and two thirds of the depth, if none are named."""
    if asked.layers is not None:
        return asked
    depth = model.depth
    return Asked(**{**vars(asked), "layers": [round(depth / 3), round(depth / 2), round(2 * depth / 3)]})


def _texts(corpus: str | PathLike[str] | None) -> tuple[TextCorpus, TextCorpus]:
    """What is learnt from, and what is held out: every eighth document."""
    if corpus is None:
        sentences = read_stimuli("builtin")["text"].drop_duplicates()
        # ten of them to a document, so that they are no lone sentences
        rows = {f"stimuli {i // 10}": "\n".join(sentences[i : i + 10]) for i in range(0, len(sentences), 10)}
        return _halves(SOURCE, {**documents(), **rows})
    texts: dict[str, str] = {}
    room = MOST
    for document in read_corpus(corpus).documents():
        # a long document in pieces, so that some of them can be held out
        text = "".join(document.chunks)[:room]
        room -= len(text)
        texts |= {f"{document.name}, from character {i}": text[i : i + 5_000] for i in range(0, len(text), 5_000)}
        if room <= 0:
            break
    return _halves(fspath(corpus), texts)


def _halves(source: str, texts: Mapping[str, str]) -> tuple[TextCorpus, TextCorpus]:
    items = list(texts.items())
    learnt = dict(item for i, item in enumerate(items) if i % HELD)
    return TextCorpus(source, learnt or texts), TextCorpus(f"{source}, held out", dict(items[::HELD]))
