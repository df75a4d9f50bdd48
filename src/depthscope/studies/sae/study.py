"""Settings in, dictionaries out: one pass over a model and a corpus, into a run folder with a folder for each dictionary."""

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from depthscope.capture.parts import Cut
from depthscope.capture.sites import PLACES, Site
from depthscope.capture.stream import BUFFER, Order, Stream
from depthscope.capture.taps import Taps
from depthscope.corpus.documents import Corpus, Split
from depthscope.corpus.read import read_corpus
from depthscope.drawing.saving import save
from depthscope.errors import DepthscopeError, check_choice, check_count, listed
from depthscope.model.load import load_text
from depthscope.model.model import Model
from depthscope.model.untrained import untrained
from depthscope.run.begin import Begun, begin
from depthscope.run.result import FinishedRun
from depthscope.store.folder import RECORD
from depthscope.store.tables import read_csv, write_csv
from depthscope.studies.sae.activations.activation import Activation
from depthscope.studies.sae.activations.names import activation_of
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.figures import draw_training
from depthscope.studies.sae.first_tokens import WINDOWS, first_tokens
from depthscope.studies.sae.formats.load import load_sae
from depthscope.studies.sae.formats.write import save_sae
from depthscope.studies.sae.page import DICTIONARIES, LAYOUT
from depthscope.studies.sae.results import Training, curve_of
from depthscope.studies.sae.training.plan import Plan
from depthscope.studies.sae.training.recipe import Recipe
from depthscope.studies.sae.training.sharded import check
from depthscope.studies.sae.training.trainer import Trainer
from depthscope.studies.sae.words import answer, caution, norms_words, title
from depthscope.telling import Sheet
from depthscope.training.processes import joined
from depthscope.training.ranks import ALONE, Ranks, check_groups
from depthscope.training.schedule import Schedule

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW, BATCH, LATENTS, K = 256, 1024, 4096, 32
# tokens of a part of the corpus, which here are only handed on
PART = 2**16
CHECKPOINT = "training.shards/checkpoint.safetensors"
TABLES = {"dictionaries": "dictionaries.csv", "curve": "training.csv", "norms": "norms.csv"}
# what an activation calls the weight of its penalty
PENALTIES = {"relu": "l1", "gated": "l1", "jump_relu": "l0"}


@dataclass(frozen=True)
class Asked:
    """Which dictionaries, from which states: what decides the result, whatever the machine.

    Attributes
    ----------
    layers : sequence of int or None
        None: the middle one.
    site, to : str
        Place of what is read; and of what is written, of a transcoder.
    latents, k : sequence of int
        All combinations are trained, at every layer.
    activation : str
    tokens : int or None
        None: the corpus once.
    batch, buffer, window : int
    recipe : Recipe
    skip : bool
    penalty : float or None
        Weight of what keeps activations few, of those without k.
    """

    layers: Sequence[int] | None = None
    site: str = "resid"
    to: str | None = None
    latents: Sequence[int] = (LATENTS,)
    k: Sequence[int] = (K,)
    activation: str = "topk"
    tokens: int | None = None
    batch: int = BATCH
    buffer: int = BUFFER
    window: int = WINDOW
    recipe: Recipe = field(default_factory=Recipe)
    skip: bool = False
    penalty: float | None = None

    def __post_init__(self) -> None:
        check_choice("site", self.site, PLACES)
        if self.to is not None:
            check_choice("to", self.to, PLACES)
        for name in ("tokens", "batch", "buffer"):
            check_count(name, getattr(self, name))
        check_count("window", self.window, 2)
        if self.buffer < self.batch:
            raise DepthscopeError(
                f"buffer={self.buffer}: fewer tokens than a batch of {self.batch}; give a larger buffer, or smaller batches"
            )
        for name in ("layers", "latents", "k"):
            if (some := getattr(self, name)) is not None and not len(some):
                raise DepthscopeError(f"{name}={some!r}: give at least one")
        if self.to == self.site:
            raise DepthscopeError(f"to={self.to!r}: is what is read, and no transcoder; leave it out")
        if self.penalty is not None and not 0 <= self.penalty < math.inf:
            raise DepthscopeError(f"penalty={self.penalty}: give 0 or more")
        self.plans(1)

    def layers_of(self, depth: int) -> list[int]:
        """The layers in a model of so many blocks."""
        return list(dict.fromkeys(self.layers)) if self.layers is not None else [max(1, depth // 2)]

    def plans(self, depth: int) -> dict[str, Plan]:
        """What is to be trained, by the name of its folder."""
        activations = self._activations()
        several = len(self.latents) * len(activations) > 1
        found: dict[str, Plan] = {}
        for layer in self.layers_of(depth):
            site = Site(self.site, layer)  # type: ignore[arg-type]
            onto = None if self.to is None else Site(self.to, layer)  # type: ignore[arg-type]
            for n in self.latents:
                for k, activation in activations.items():
                    size = f"-n{n}{'' if k is None else f'-k{k}'}" if several else ""
                    name = f"{site}{'' if onto is None else f'-to-{self.to}'}{size}"
                    found[name] = Plan(site, n, activation, onto, self.skip, self.recipe)
        return found

    def _activations(self) -> dict[int | None, Activation]:
        """By the number of active latents, of those that fix it."""
        penalty = {} if self.penalty is None else {PENALTIES.get(self.activation, "penalty"): self.penalty}
        each: dict[int | None, Activation] = {k: activation_of(self.activation, k, **penalty) for k in self.k}
        first = next(iter(each.values()))
        # the others are one and the same
        return each if hasattr(first, "k") else {None: first}

    @property
    def settings(self) -> dict[str, Any]:
        """In what JSON knows."""
        return {
            **{name: value for name, value in vars(self).items() if name != "recipe"},
            "layers": None if self.layers is None else list(self.layers),
            "latents": list(self.latents),
            "k": list(self.k),
            "recipe": self.plans(1)[next(iter(self.plans(1)))].settings["recipe"],
        }

    def stream(
        self, model: Model, corpus: Corpus, states: Path | None, budget: int | None, ranks: Ranks = ALONE
    ) -> Stream:
        """The states that are learnt from, of several processes the share of this one; as many steps as the tokens make."""
        sites = [site for plan in self.plans(model.depth).values() for site in (plan.site, plan.target) if site]
        window = min(self.window, model.max_length or self.window)
        order = Order(Cut(window, 0, PART, model.causal), self.batch, self.buffer, seed=self.recipe.seed)
        stream = Stream(Taps(model, sites), corpus, order, 1, states, ranks.rank, ranks.count, budget=budget)
        tokens = self.tokens if self.tokens is not None else stream.count()
        if tokens < self.batch:
            raise DepthscopeError(
                f"{corpus.source}: {tokens} tokens to learn from, fewer than a batch of {self.batch}; give more text, or a "
                "smaller --batch"
            )
        stream.steps = tokens // self.batch
        return stream


@dataclass(frozen=True, eq=False)
class TrainingRun(FinishedRun):
    """What :func:`train_sae` returns.

    Attributes
    ----------
    folder : Path
    training : Training
    timings : dict
        Seconds by stage.
    first : bool
        Whether this process wrote it, of several that torchrun started: the others have nothing to tell.
    """

    folder: Path
    training: Training
    timings: dict[str, float]
    first: bool = True

    @property
    def dictionaries(self) -> pd.DataFrame:
        return self.training.arrived

    def load(self, name: str) -> Dictionary:
        """A dictionary, by the name of its folder: ``"layer-15"``."""
        return load_sae(self.folder / name)

    @property
    def told(self) -> Sequence[str | Sheet]:
        return [] if not self.first else [*self.record.answer, *DICTIONARIES.sheets(self.dictionaries), *self.ending]

    def plot(self, ax: "Axes | None" = None) -> "Axes":
        return draw_training(self.training, self.record.title, ax)


def train_sae(
    model: str | PathLike[str] | Model,
    corpus: str | PathLike[str],
    out: str | PathLike[str],
    *,
    layers: Sequence[int] | None = None,
    site: str = "resid",
    to: str | None = None,
    latents: Sequence[int] = (LATENTS,),
    k: Sequence[int] | None = None,
    activation: str = "topk",
    penalty: float | None = None,
    tokens: int | None = None,
    normalization: str = "scale",
    rate: float | None = None,
    decay: float = 0.0,
    dead_tokens: int = 10_000_000,
    auxk: int | None = None,
    skip: bool = False,
    clip: float | None = None,
    ema: float | None = None,
    seed: int = 0,
    batch: int = BATCH,
    buffer: int = BUFFER,
    window: int = WINDOW,
    states: str | PathLike[str] | None = None,
    text: str = "text",
    split: Split = "file",
    token_budget: int | None = None,
    save_every: float = 300.0,
    shards: int = 1,
    random_weights: int | None = None,
    load: Mapping[str, Any] | None = None,
    threads: int | None = None,
    command: str = "",
    progress: bool = True,
) -> TrainingRun:
    """Train sparse autoencoders on the states of a model, all of them in one pass.

    Killed at any moment and called again, it goes on from the last checkpoint, and ends with the same bits. Started by
    torchrun, each process reads its share of the corpus and of each batch, and the first one writes.

    Parameters
    ----------
    model : str, path or Model
        What :func:`depthscope.load` takes, or gives.
    corpus : str or path
        See :func:`depthscope.corpus.read.read_corpus`, also for ``text`` and ``split``.
    out : path
        Run folder; each dictionary is a folder in it that SAELens reads too.
    layers : sequence of int, optional
        Of the stream 0 to L, of parts 1 to L; by default the middle one.
    site : {"resid", "attention", "mlp", "attention-in", "mlp-in"}
        What is read: the residual stream behind a block, or what its parts add to it or take in.
    to : str, optional
        What is written, of a transcoder; the same by default.
    latents, k : sequence of int
        Sizes, and active latents at a token (32): all combinations are trained, at every layer. k goes with the activations
        that have one.
    activation : {"topk", "batch_topk", "relu", "jump_relu", "gated", "matryoshka"}
    penalty : float, optional
        Of relu, gated (L1) and jump_relu (L0): weight of what keeps active latents few.
    tokens : int, optional
        To learn from, the corpus again and again if it is shorter; by default the corpus once.
    normalization : {"scale", "layer", "none"}
        Of the input: one constant, folded away in the end; each token by itself; none.
    rate, decay, dead_tokens, auxk, clip, ema, seed
        Of the recipe: see :class:`depthscope.studies.sae.training.recipe.Recipe`. ``decay``: share of the steps, at the end,
        over which the rate falls to 0.
    skip : bool
        Of a transcoder: a linear map beside the latents.
    batch, buffer, window : int
        Tokens of a step; whose states are held and shuffled; that the model reads at once.
    states : path, optional
        A folder in which states are kept, or read if they are there: 2 or 4 bytes x features x tokens x sites.
    save_every : float
        Seconds between checkpoints.
    shards : int
        Started by torchrun: so many processes share the latents of each dictionary, of TopK; by default each has all of them,
        and sums of gradients are sent.
    random_weights : int, optional
        Seed of random weights that the same network is given: dictionaries for the null of any number
        (:func:`depthscope.untrained`).
    load : mapping, optional
        Keywords of :func:`depthscope.load`.

    Returns
    -------
    TrainingRun

    Raises
    ------
    DepthscopeError
        More active latents than latents, a layer or site that is not there, a corpus shorter than a batch, states that are not
        finite, a folder of other settings, no space left.

    Examples
    --------
    >>> run = ds.train_sae("embedded", "books/", "sae/smollm", layers=[10, 15, 20], tokens=2_000_000)   # doctest: +SKIP
    >>> sae = run.load("layer-15")                                                                # doctest: +SKIP
    """
    # by the names that they have here
    for name, count, least in (("auxk", auxk, 1), ("dead_tokens", dead_tokens, 0), ("token_budget", token_budget, 1),
                               ("random_weights", random_weights, 0)):  # fmt: skip
        check_count(name, count, least)
    if ema is not None and not 0 <= ema < 1:
        raise DepthscopeError(f"ema={ema}: give a share of the past, from 0 to below 1")
    if not save_every >= 0:
        raise DepthscopeError(f"save_every={save_every}: give seconds, 0 or more")
    recipe = Recipe(
        rate=rate,
        schedule=Schedule(decay=decay),
        dead_after=dead_tokens,
        k_aux=auxk,
        clip=clip,
        average=ema,
        seed=seed,
        normalization=normalization,  # type: ignore[arg-type]
    )
    asked = Asked(
        layers,
        site,
        to,
        tuple(latents),
        (K,) if k is None else tuple(k),
        activation,
        tokens,
        batch,
        buffer,
        window,
        recipe,
        skip,
        penalty,
    )
    for name, given in (("k", k and listed(k)), ("auxk", auxk)):
        if given is not None and activation in PENALTIES:
            raise DepthscopeError(f"{name}={given}: {activation} has none; leave it out, or choose another activation")
    folder, kept = Path(out), None if states is None else Path(states)
    loading = dict(load or {})
    with joined(model.device.type if isinstance(model, Model) else loading.get("device")) as ranks:
        check_groups(ranks.count, shards)
        source = read_corpus(corpus, text=text, split=split)

        def made() -> Model:
            return _loaded(model, {**loading, **({"device": ranks.device} if ranks.device else {})}, random_weights)

        if ranks.rank:
            follow(made(), source, asked, ranks, folder, kept, token_budget, save_every, shards)
        else:
            with begin(
                "sae",
                {"model": model.name if isinstance(model, Model) else fspath(model), **asked.settings,
                 "corpus": {"text": text, "split": split}, "load": loading,
                 **({"processes": ranks.count, "shards": shards} if ranks.count > 1 else {}),
                 **({} if random_weights is None else {"random_weights": random_weights})},
                folder,
                layout=LAYOUT,
                load=made,
                ready=lambda loaded: {"sites": ready(loaded, asked, shards)},
                identity={"corpus": source.digest()},
                threads=threads,
                command=command,
                progress=progress,
            ) as run:  # fmt: skip
                training = train_into(run, folder, source, asked, kept, token_budget, save_every, ranks, shards)
                name = run.model.name
                run.record.title = title(training, name)
                run.record.answer = answer(training, name)
                run.record.words = {"training": caution(training), "norms": norms_words(training)}
                run.about["model"] = name
    if ranks.rank:
        return TrainingRun(folder, _read(folder), {}, first=False)
    return TrainingRun(folder, training, run.clock.seconds)


def _loaded(model: str | PathLike[str] | Model, load: Mapping[str, Any] | None, random_weights: int | None) -> Model:
    found = model if isinstance(model, Model) else load_text(fspath(model), **(load or {}))
    return found if random_weights is None else untrained(found, random_weights)


def ready(model: Model, asked: Asked, shards: int = 1) -> str:
    """What cannot be done is said before the corpus is read."""
    plans = asked.plans(model.depth)
    for plan in plans.values():
        check(plan, shards)
    Taps(model, [site for plan in plans.values() for site in (plan.site, plan.target) if site])
    return ", ".join(plans)


def train_into(
    run: Begun[Model],
    out: Path,
    corpus: Corpus,
    asked: Asked,
    states: Path | None = None,
    token_budget: int | None = None,
    save_every: float = 300.0,
    ranks: Ranks = ALONE,
    shards: int = 1,
) -> Training:
    """Train what is asked for into a run under way; what is there already is not trained again.

    Of several processes, the first: see :func:`follow`.
    """
    model = run.model
    plans = asked.plans(model.depth)
    there = all((out / name).is_file() for name in (*TABLES.values(), *(f"{name}/cfg.json" for name in plans)))
    threads = ranks.shared(None if there else torch.get_num_threads())
    if threads is not None:
        with run.clock("count"):
            stream = asked.stream(model, corpus, states, token_budget, ranks)
        with run.clock("train"):
            trainer = Trainer(list(plans.values()), stream, device=model.device, ranks=ranks, shards=shards)
            (out / CHECKPOINT).parent.mkdir(exist_ok=True)
            made = trainer.train(
                path=out / CHECKPOINT, seconds=save_every, shown=run.clock.told, origin=_origin(run, asked, stream)
            )
        with run.clock("write"):
            _write(out, made, trainer, plans, stream)
            shutil.rmtree((out / CHECKPOINT).parent)
    training = _read(out)
    with run.clock("report"):
        (out / "figures").mkdir(exist_ok=True)
        source = f"{model.name}; {asked.activation}; single steps, means of nine"
        save(draw_training(training, source).figure, out / "figures" / "training")
    return training


def follow(
    model: Model,
    corpus: Corpus,
    asked: Asked,
    ranks: Ranks,
    out: Path,
    states: Path | None = None,
    token_budget: int | None = None,
    save_every: float = 300.0,
    shards: int = 1,
) -> None:
    """What every process but the first does: its share of the training, if the first one says that there is one. It writes
    nothing but its share of the states that are kept.
    """
    ready(model, asked, shards)
    threads = ranks.shared(None)
    if threads is None:
        return
    if not (out / RECORD).is_file():
        raise DepthscopeError(
            f"{out}: process {ranks.rank} does not see what the first one writes there; choose a folder on a disk that all "
            "machines share"
        )
    torch.set_num_threads(threads)
    stream = asked.stream(model, corpus, states, token_budget, ranks)
    plans = list(asked.plans(model.depth).values())
    trainer = Trainer(plans, stream, device=model.device, ranks=ranks, shards=shards)
    trainer.train(path=out / CHECKPOINT, seconds=save_every, shown=False)


def _read(out: Path) -> Training:
    return Training(**{name: read_csv(out / file) for name, file in TABLES.items()})


def _origin(run: Begun[Model], asked: Asked, stream: Stream) -> Callable[[Plan], Origin]:
    more = {
        "corpus": run.record.identity["corpus"],
        "tokens": stream.steps * stream.order.batch,
        "load": run.record.settings["load"],
        "settings": asked.settings,
    }
    return lambda plan: Origin(run.model.name, run.model.fingerprint, plan.site, plan.target, more)


def _write(out: Path, made: Sequence[Dictionary], trainer: Trainer, plans: Mapping[str, Plan], stream: Stream) -> None:
    tokens = stream.steps * stream.order.batch
    folders = {plan.name: name for name, plan in plans.items()}
    rows = []
    for plan, dictionary in zip(plans.values(), made, strict=True):
        save_sae(dictionary, out / folders[plan.name], format="saelens")
        rows.append(
            {
                "dictionary": folders[plan.name],
                "site": str(plan.site),
                "layer": plan.site.layer,
                "latents": plan.latents,
                "k": getattr(plan.activation, "k", None),
                "activation": plan.activation.name,
                "tokens": tokens,
                "readings": tokens / stream.corpus_tokens if stream.corpus_tokens else float(stream.epoch),
                "rate": plan.recipe.learning_rate(plan.latents),
            }
        )
    curve = curve_of([(p.step, p.metrics) for p in trainer.curve], folders, stream.order.batch)
    norms = first_tokens(stream.taps, islice(stream.windows(), WINDOWS))
    write_csv(out / "training.csv", curve)
    write_csv(out / "norms.csv", norms)
    # last: with it all the rest is there
    write_csv(out / "dictionaries.csv", Training(pd.DataFrame(rows), curve, norms).arrived)
