"""Pages of features into a file: one latent, or all of them with an index."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from depthscope.corpus.documents import Corpus, Split
from depthscope.corpus.memory import TextCorpus
from depthscope.corpus.own import SOURCE, documents
from depthscope.corpus.read import read_corpus
from depthscope.errors import DepthscopeError, check_count, require
from depthscope.model.model import Model
from depthscope.report.page.place import check_page
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.features.collected import Collecting
from depthscope.studies.sae.features.export.delphi import write_delphi
from depthscope.studies.sae.features.export.neurons import write_neurons
from depthscope.studies.sae.features.index import FeatureIndex
from depthscope.studies.sae.features.showing import show_features
from depthscope.studies.sae.given import dictionaries_of, model_name, model_of, other_weights
from depthscope.telling import Told

PAGE = "features.html"
TOKENS = 50_000
# tokens of a row of the export: short, because what is left over at the end of a document is passed over
ROW = 64


@dataclass(frozen=True)
class Shown:
    """A page that was written: what is told of it, and the same for a program."""

    told: Told
    document: Mapping[str, Any]


def show_sae(
    folder: str | PathLike[str],
    out: str | PathLike[str],
    *,
    model: str | PathLike[str] | Model | None = None,
    corpus: str | PathLike[str] | None = None,
    layer: int | None = None,
    feature: int | None = None,
    tokens: int = TOKENS,
    export: str | PathLike[str] | None = None,
    seed: int = 0,
    text: str = "text",
    split: Split = "file",
    load: Mapping[str, Any] | None = None,
    threads: int | None = None,
    command: str = "",
    progress: bool = True,
) -> Shown:
    """Write a page of one feature, or of all features of a dictionary with an index to search.

    Parameters
    ----------
    folder : path
        Of dictionaries: see :func:`depthscope.studies.sae.given.dictionaries_of`. Those of other layers are compared with.
    out : path
        The page, ``.html``.
    model : str, path or Model, optional
        By default the one that the files name.
    corpus : path, optional
        What is read; by default the text that comes with the package.
    layer : int, optional
        By default the middle one of those there are.
    feature : int, optional
        One latent; by default all.

    export : path, optional
        A new folder for what autointerp tools read: ``delphi/`` (its cache of latents) and ``neurons/`` (records in JSON
        lines).

    Raises
    ------
    DepthscopeError
        No such layer or latent, a dictionary of another model, a name that is no page.
    """
    place = Path(out)
    check_count("seed", seed, 0)
    if place.suffix.lower() not in (".html", ".htm"):
        raise DepthscopeError(f"{place}: the page is one file; give a name that ends in .html")
    check_page(place, PAGE)  # before anything takes long
    check_count("threads", threads)
    if threads:
        require("torch", "models").set_num_threads(threads)
    given = dictionaries_of(folder)
    source = TextCorpus(SOURCE, documents()) if corpus is None else read_corpus(corpus, text=text, split=split)
    loaded = model if isinstance(model, Model) else model_of(given, model_name(given, model), load)
    layers = sorted({one.origin.site.layer for one in given.values() if one.origin.site})
    chosen = layer if layer is not None or not layers else layers[len(layers) // 2]
    found = show_features(
        loaded, given, source, layer=chosen, feature=feature, tokens=tokens, kept=Collecting(seed=seed), command=command,
        progress=progress,
    )  # fmt: skip
    written = found.save(place)
    exported: list[str] = []
    if export is not None:
        some = {name: one for name, one in given.items() if one.origin.site and one.origin.site.layer == chosen}
        write_delphi(loaded, some, source, Path(export) / "delphi", tokens=tokens, length=ROW, progress=progress)
        if isinstance(found, FeatureIndex):
            write_neurons(found, Path(export) / "neurons")
        exported = [f"for autointerp tools: {export}"]
    told = [*found.told, *other_weights(given, loaded), "", f"page: {written}", *exported]
    document: dict[str, Any] = {"page": written, "features": found.to_dataframe().to_dict("records")}
    return Shown(told, document)


def show_into(
    model: Model,
    dictionaries: Mapping[str, Dictionary],
    corpus: Corpus,
    page: Path,
    tokens: int,
    command: str,
    progress: bool,
) -> list[str]:
    """The page of all features into a run folder, unless it is there; what is said of it."""
    if not page.is_file():
        found = show_features(model, dictionaries, corpus, tokens=tokens, command=command, progress=progress)
        assert isinstance(found, FeatureIndex)
        found.save(page)
    return [f"Every latent, with what it fires on and what it makes the model say: `{page.name}` in the run folder."]
