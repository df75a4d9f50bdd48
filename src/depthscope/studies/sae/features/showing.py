"""``show_features``: from dictionaries, a model and a text to what each latent fires on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from os import PathLike, fspath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.pieces import decoded
from depthscope.capture.sites import Site
from depthscope.capture.taps import Read, Taps
from depthscope.capture.windows import Window
from depthscope.corpus.documents import Corpus
from depthscope.corpus.read import read_corpus
from depthscope.errors import DepthscopeError, check_count
from depthscope.instrument.cse import cse_options
from depthscope.model.load import load_text
from depthscope.model.model import Model
from depthscope.progress import Advance, bar
from depthscope.run.environment import environment
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.features.chosen import chosen_dictionaries, chosen_latents
from depthscope.studies.sae.features.collect import collect
from depthscope.studies.sae.features.collected import Collected, Collecting
from depthscope.studies.sae.features.depth import Depths, depths
from depthscope.studies.sae.features.effect import Effect, logit_effect
from depthscope.studies.sae.features.export.about import about_dictionary
from depthscope.studies.sae.features.feature import FeatureCard
from depthscope.studies.sae.features.index import FeatureIndex, Features
from depthscope.studies.sae.features.named import Given, named, site_of, written_by
from depthscope.studies.sae.features.neighbours import neighbours
from depthscope.studies.sae.features.spread import spread

Latents = Mapping[str, NDArray[np.int64]]

TOKENS = 200_000
# tokens whose profiles over depth are measured: all layers run, and all directions are looked for at each
SAMPLE = 4096
# states on which the effect on logits is averaged: of all features, and of a single one
STATES, MORE_STATES = 8, 64
# a text from which such states are taken is so long
SHORT = 64
# nearest directions that are shown
NEAR = 8
# with so few latents, windows in which they fire come first into the sample of tokens
FEW = 64


def show_features(
    model: Model | str,
    dictionaries: Given,
    corpus: Corpus | str | PathLike[str] | Iterable[Window],
    *,
    layer: int | None = None,
    feature: int | None = None,
    latents: Sequence[int] | None = None,
    tokens: int = TOKENS,
    sample: int = SAMPLE,
    effect: bool = True,
    most: int | None = None,
    kept: Collecting = Collecting(),  # noqa: B008
    budget: int | None = None,
    command: str = "",
    progress: bool = True,
    **options: Any,
) -> FeatureIndex | FeatureCard:
    """What latents fire on, in one pass over a text, and what they do: an index of all, or one.

    Parameters
    ----------
    model : Model or str
        From :func:`depthscope.load`, or a name that it takes.
    dictionaries : Dictionary, several of them, or mapping of str to Dictionary
        Each says in its ``origin`` which site it reads.
    corpus : Corpus, str, path, or iterable of Window
        What :func:`depthscope.corpus.read.read_corpus` reads, from 16 documents in turn; or windows.
    layer : int, optional
        Of the dictionaries that are shown; the others are only compared with them.
    feature : int, optional
        Show this latent alone.
    latents : sequence of int, optional
        Show these, of each dictionary.
    tokens : int
        How many are read, about: to the end of a window.
    sample : int
        Tokens of the sample on which profiles over depth and CSE are measured; 0 for neither.
    effect : bool
        Measure the effect on logits.
    most : int, optional
        Of a dictionary with more latents, a random sample of those that fire is shown; 8,192 by default.
    kept : Collecting
        How many occurrences, and how much around them.
    budget : int, optional
        Padded tokens per pass, as for :func:`depthscope.trace`.
    command : str
        By which it can be repeated, for the record.
    progress : bool
        Show a bar if it takes longer than a second.
    **options
        Those of :func:`depthscope.cse`.

    Returns
    -------
    FeatureIndex, or FeatureCard of one ``feature``
        ``.save("features.html")``, ``.to_dataframe()``, ``.told``; ``.card(1234)`` of an index, ``.plot()`` of a card.

    Raises
    ------
    DepthscopeError
        No such layer, feature or latent; a dictionary of another model; a text without tokens; and whatever
        :func:`depthscope.load` and :func:`depthscope.cse` raise.
    """
    asked = cse_options(options, "show_features")
    for name, count, least in (("tokens", tokens, 1), ("sample", sample, 0)):
        check_count(name, count, least)
    loaded = load_text(model) if isinstance(model, str) else model
    given = named(dictionaries)
    chosen = chosen_dictionaries(given, loaded, layer, feature)
    windows, source = _windows(corpus, loaded, tokens)
    found = _collected(loaded, chosen, windows, kept, budget, progress)
    wanted = [feature] if feature is not None else latents
    shown = {name: chosen_latents(one, wanted, most, kept.seed) for name, one in found.items()}
    effects = _effects(loaded, chosen, found, shown, windows, progress) if effect else {}
    profiles = _profiles(loaded, chosen, found, shown, windows, sample, asked) if sample else {}
    features = {
        name: Features(
            site_of(one),
            found[name],
            shown[name],
            neighbours(one.decoder[shown[name]], one.decoder, NEAR, shown[name]),
            {
                other: neighbours(one.decoder[shown[name]], theirs.decoder, 1)
                for other, theirs in given.items()
                # what goes into a part has other axes than the stream
                if other != name and (written_by(one) is None) == (written_by(theirs) is None)
            },
            effects.get(name),
            profiles.get(name),
        )
        for name, one in chosen.items()
    }
    settings = {
        "Asked": {
            "corpus": source,
            "tokens": tokens,
            "sample": sample,
            **asdict(kept),
            "cse": asked if sample else None,
        },
        "Versions and machine": environment(str(loaded.device), torch.get_num_threads()),
        "Verified of the model": dict(loaded.checks),
    }
    about = {name: about_dictionary(name, one) for name, one in chosen.items()}
    index = FeatureIndex(loaded.name, features, _words(loaded, features), settings, command, about)
    return index if feature is None else index.card(feature)


def _windows(
    corpus: Corpus | str | PathLike[str] | Iterable[Window], model: Model, tokens: int
) -> tuple[list[Window], str]:
    """Windows of about so many tokens, and what they are of."""
    if isinstance(corpus, str | PathLike):
        corpus = read_corpus(fspath(corpus))
    if not isinstance(corpus, Iterable):
        return list(spread(corpus, model, tokens)), corpus.source
    found: list[Window] = []
    left = tokens
    for window in corpus:
        if left <= 0:
            break
        found.append(window)
        left -= len(window.start)
    if not found:
        raise DepthscopeError("there is no window to read: give a corpus, or windows of one")
    return found, f"{len(found)} windows"


def _collected(
    model: Model,
    chosen: Mapping[str, Dictionary],
    windows: list[Window],
    kept: Collecting,
    budget: int | None,
    progress: bool,
) -> dict[str, Collected]:
    taps = Taps(model, [site_of(one) for one in chosen.values()])

    def counted(advance: Advance) -> Iterator[Read]:
        for read in taps.read(windows, budget=budget):
            yield read
            advance(len(read.ids))

    with bar(
        sum(len(taps.measured(window)) for window in windows), "features", unit="token", shown=progress
    ) as advance:
        return collect(chosen, counted(advance), kept)


def _effects(
    model: Model,
    chosen: Mapping[str, Dictionary],
    found: Mapping[str, Collected],
    shown: Latents,
    windows: list[Window],
    progress: bool,
) -> dict[str, Effect]:
    """Of the dictionaries that write to the stream; none of a model without logits."""
    writing = {name: one for name, one in chosen.items() if written_by(one)}
    if not model.predicts or not writing:
        return {}
    single = all(len(latents) == 1 for latents in shown.values())
    count = MORE_STATES if single else STATES
    last = Site("resid", model.depth)
    texts = [_short(window) for window in evenly_spaced(windows, count)]
    reads = list(Taps(model, [last, *map(site_of, writing.values())]).read(texts))

    def some(site: Site) -> torch.Tensor:
        states = torch.cat([read.states[site] for read in reads])
        return states[np.linspace(0, len(states) - 1, min(count, len(states))).round()]

    effects = {}
    for name, one in writing.items():
        sizes = found[name].mean[shown[name]]
        if one.normalization == "layer":
            # its directions are in units of a token's own standard deviation
            sizes = sizes * float(some(site_of(one)).float().std(-1).mean())
        effects[name] = logit_effect(model, one.decoder.detach()[shown[name]], sizes, some(last), progress=progress)
    return effects


def _short(window: Window) -> Window:
    ids = window.ids[:SHORT]
    return window._replace(ids=ids, measured=(0, len(ids)))


def _profiles(
    model: Model,
    chosen: Mapping[str, Dictionary],
    found: Mapping[str, Collected],
    shown: Latents,
    windows: list[Window],
    sample: int,
    options: Mapping[str, Any],
) -> dict[str, Depths]:
    few = sum(map(len, shown.values())) <= FEW
    first = [window for window in windows if _holds(window, found, shown)] if few else []
    own = {id(window) for window in first}
    rest = [window for window in windows if id(window) not in own]
    picked: list[Window] = []
    # half of the sample is of windows in which one of them fires, where they are few
    for some, room in ((first, sample // 2), (rest, sample)):
        each = max(1, sum(len(window.start) for window in some) // max(len(some), 1))
        left = room - sum(len(window.start) for window in picked)
        picked += evenly_spaced(some, -(-max(left, 0) // each))
    return depths(model, chosen, picked, shown, options)


def _holds(window: Window, found: Mapping[str, Collected], shown: Latents) -> bool:
    """Whether an occurrence that is shown stands in it."""
    last = window.first + len(window.start)
    for name, latents in shown.items():
        for kept in (found[name].top, found[name].random):
            here = (kept.document[latents] == window.document) & (kept.value[latents] > 0)
            if (here & (kept.place[latents] >= window.first) & (kept.place[latents] < last)).any():
                return True
    return False


def evenly_spaced(windows: list[Window], count: int) -> list[Window]:
    """So many of them, or all, from the first to the last."""
    if count >= len(windows):
        return list(windows)
    return [windows[i] for i in np.linspace(0, len(windows) - 1, count).round().astype(int)] if count else []


def _words(model: Model, features: Mapping[str, Features]) -> dict[int, str]:
    """Texts of all tokens that are shown anywhere."""
    ids: list[NDArray[Any]] = []
    for one in features.values():
        kept = one.collected
        ids += [kept.top.ids[one.shown], kept.random.ids[one.shown], kept.token[one.shown]]
        ids += [one.effect.up, one.effect.down] if one.effect else []
    numbers = np.unique(np.concatenate([some.ravel() for some in ids])).astype(int)
    known = numbers[(numbers >= 0) & (numbers < len(model.tokenizer))].tolist()
    # a network may have more embeddings than its tokenizer has tokens
    return {**{i: f"<{i}>" for i in numbers.tolist() if i >= 0}, **decoded(model.tokenizer, known)}
