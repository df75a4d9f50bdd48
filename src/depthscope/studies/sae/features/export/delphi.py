"""All activations of a text as EleutherAI's delphi reads them: its cache of latents.

A folder for each dictionary with ``START_END.safetensors`` for consecutive latents: ``locations`` (M, 3) of row, position
and latent less START; ``activations`` (M,); ``tokens`` (rows, length); and ``config.json`` with the keys that delphi writes,
and which model, weights and site it is of beside them, which a cache of delphi does not say. Read of eai-delphi 0.1.3.
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from depthscope.capture.around import surrounding_ids
from depthscope.capture.sections import sections
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window, windows
from depthscope.corpus.documents import Corpus
from depthscope.errors import DepthscopeError, check_count
from depthscope.model.model import Model
from depthscope.progress import bar
from depthscope.store.files import write_text
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.features.export.about import about_dictionary
from depthscope.studies.sae.features.export.neurons import made_folder
from depthscope.studies.sae.features.fired import Fired, fired
from depthscope.studies.sae.features.named import Given, named, site_of
from depthscope.studies.sae.formats.weights import write_safetensors

TOKENS = 200_000
# what delphi keeps is above this
LEAST = 1e-5
# its examples are windows of 32 tokens, which must fit a whole number of times
EXAMPLE = 32
# of float16
LARGEST = 65504.0
ENTRY = np.dtype([("row", "<u4"), ("position", "<u4"), ("latent", "<u4"), ("value", "<f4")])


def write_delphi(
    model: Model,
    dictionaries: Given,
    corpus: Corpus,
    folder: str | Path,
    *,
    tokens: int = TOKENS,
    length: int = 256,
    splits: int = 5,
    budget: int | None = None,
    progress: bool = True,
) -> list[Path]:
    """Run a text through a model and write whatever fires.

    Memory is that of one split of the latents.

    Parameters
    ----------
    model : Model
    dictionaries : Dictionary, several of them, or mapping of str to Dictionary
    corpus : Corpus
        Cut into rows of ``length`` tokens; what is left at the end of a document is passed over, for rows cannot differ.
    folder : str or path
        It is made; within it ``latents/NAME`` for each dictionary.
    tokens : int
        About how many, to the end of a row.
    length : int
        Tokens of a row, special ones included: a multiple of the 32 that an example of delphi has.
    splits : int
        Files of each dictionary.
    budget : int, optional
        Padded tokens per pass.
    progress : bool
        Show a bar if it takes longer than a second.

    Returns
    -------
    list of Path
        The folders of the dictionaries.

    Raises
    ------
    DepthscopeError
        Rows of a length that delphi or the model cannot use, a text too short for one, or a folder that cannot be made.
    """
    for name, count in (("tokens", tokens), ("length", length), ("splits", splits)):
        check_count(name, count)
    if length % EXAMPLE:
        raise DepthscopeError(
            f"length={length}: give a multiple of {EXAMPLE}, of which the examples of delphi are made"
        )
    if model.max_length is not None and length > model.max_length:
        raise DepthscopeError(f"length={length}: {model.name} reads at most {model.max_length} tokens")
    found = named(dictionaries)
    rows = list(islice(_rows(corpus, model, length), -(-tokens // length)))
    if not rows:
        raise DepthscopeError(
            f"{corpus.source}: no document has {length} tokens; give a longer text, or a smaller length"
        )
    top = made_folder(Path(folder) / "latents")
    matrix = torch.from_numpy(np.stack([row.ids for row in rows]).astype(np.int64))
    with TemporaryDirectory(dir=top) as scratch:
        spools = {name: _Spool(Path(scratch) / str(i), one, splits) for i, (name, one) in enumerate(found.items())}
        taps = Taps(model, [site_of(one) for one in found.values()])
        with bar(len(rows), "activations", unit="row", shown=progress) as advance:
            for read in taps.read(rows, budget=budget):
                for name, one in found.items():
                    spools[name].add(fired(one, read.states[site_of(one)]), read.numbers[read.window], read.position)
                advance(len(read.windows))
        for name, one in found.items():
            place = made_folder(top / name)
            spools[name].write(place, matrix)
            write_text(place / "config.json", json.dumps(_config(model, name, one, corpus, matrix, splits), indent=4))
    return [top / name for name in found]


def _rows(corpus: Corpus, model: Model, length: int) -> Iterator[Window]:
    """Windows of that length, no token in two of them."""
    prefix, suffix = surrounding_ids(model.tokenizer)
    names = model.tokenizer.convert_ids_to_tokens(prefix)
    for document in corpus.documents():
        text = sections(model.tokenizer, document.chunks, without=names)
        for window in windows(document.name, text, length, 0, prefix, suffix, model.causal):
            if len(window.ids) == length:
                yield window


class _Spool:
    """What fires, in a file for each split of the latents, until all of it is there."""

    def __init__(self, folder: Path, dictionary: Dictionary, splits: int) -> None:
        folder.mkdir()
        edges = np.unique(np.linspace(0, dictionary.latents, splits + 1).astype(np.int64))
        self.spans = list(zip(edges[:-1].tolist(), (edges[1:] - 1).tolist(), strict=True))
        self.paths = [folder / str(i) for i in range(len(self.spans))]
        for path in self.paths:
            path.touch()

    def add(self, found: Fired, row: NDArray[np.int64], position: NDArray[np.int64]) -> None:
        """Entries of tokens that stand at rows and positions (N,)."""
        above = found.value > LEAST
        entries = np.empty(int(above.sum()), ENTRY)
        token = found.token[above]
        entries["row"], entries["position"] = row[token], position[token]
        entries["latent"], entries["value"] = found.latent[above], found.value[above]
        for (first, last), path in zip(self.spans, self.paths, strict=True):
            mine = entries[(entries["latent"] >= first) & (entries["latent"] <= last)]
            with path.open("ab") as file:
                file.write(mine.tobytes())

    def write(self, folder: Path, tokens: torch.Tensor) -> None:
        """``START_END.safetensors``, in which a latent's places ascend: delphi takes neighbours for one window."""
        for (first, last), path in zip(self.spans, self.paths, strict=True):
            entries = np.fromfile(path, ENTRY)
            entries.sort(order=["row", "position", "latent"])
            places = np.stack([entries["row"], entries["position"], entries["latent"] - first], axis=1)
            narrow = places.max(initial=0) < 2**16
            half = entries["value"].max(initial=0) <= LARGEST
            tensors = {
                "locations": torch.from_numpy(places.astype(np.uint16 if narrow else np.uint32)),
                "activations": torch.from_numpy(entries["value"].astype(np.float16 if half else np.float32)),
                "tokens": tokens,
            }
            write_safetensors(folder / f"{first}_{last}.safetensors", tensors)


def _config(
    model: Model, name: str, dictionary: Dictionary, corpus: Corpus, tokens: torch.Tensor, splits: int
) -> Mapping[str, Any]:
    """Keys of delphi first, then ours."""
    return {
        "dataset_repo": corpus.source,
        "dataset_split": "",
        "dataset_name": "",
        "dataset_column": "",
        "batch_size": 1,
        "cache_ctx_len": tokens.shape[1],
        "ctx_len": tokens.shape[1],
        "n_tokens": tokens.numel(),
        "n_splits": splits,
        "model_name": model.name,
        **about_dictionary(name, dictionary),
        "model": dictionary.origin.model or model.name,
        "model_fingerprint": dictionary.origin.fingerprint or model.fingerprint,
        "left_out": "special tokens and position 0 of a row",
    }
