"""One number per text for each latent: the largest activation in it, or that of its last token; and one state per text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from depthscope.arrays import Float
from depthscope.capture.around import surrounding_ids
from depthscope.capture.sites import Site
from depthscope.capture.taps import Taps
from depthscope.capture.windows import Window
from depthscope.errors import DepthscopeError, check_choice
from depthscope.model.model import Model
from depthscope.progress import bar
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.sparse import Sparse

Pool = Literal["max", "last"]
LONGEST = 256  # tokens of a text that are read: its last ones


@dataclass(frozen=True, eq=False)
class Pooled:
    """Texts as latents and as states.

    Attributes
    ----------
    latents : dict of str to sparse matrix (text, latent)
        Of each dictionary, compressed by columns; 0 or more.
    states : dict of Site to array (text, d or 2 d)
        Where latents are the largest ones in a text, the mean state of its tokens, and beside it that of the last (text, 2 d);
        else that of the last.
    """

    latents: dict[str, sparse.csc_matrix]
    states: dict[Site, Float]


def text_windows(model: Model, texts: Sequence[str], longest: int = LONGEST) -> list[Window]:
    """Each text a window of its own; of long ones the last ``longest`` tokens."""
    before, after = surrounding_ids(model.tokenizer)
    room = min(longest, model.max_length or longest) - len(before) - len(after)
    ids = model.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    made = []
    for i, each in enumerate(ids):
        kept = each[-room:]
        empty = np.zeros(len(kept), dtype=np.int64)
        whole = np.array([*before, *kept, *after], dtype=np.int64)
        made.append(Window(str(i), 0, whole, (len(before), len(before) + len(kept)), empty, empty))
    return made


@torch.no_grad()
def pool_texts(
    model: Model,
    dictionaries: Mapping[str, tuple[Site, Dictionary]],
    texts: Sequence[str],
    *,
    pool: Pool = "max",
    progress: bool = False,
) -> Pooled:
    """Read texts and keep of each what a probe sees.

    Parameters
    ----------
    model : Model
    dictionaries : mapping of str to (Site, Dictionary)
    texts : sequence of str
        Tokens that dictionaries were not trained on (special ones, and the first of a text) are left out.
    pool : {"max", "last"}
        The largest activation of a latent over the tokens of a text; or that of the last token, which a causal model has
        read the rest before.

    Raises
    ------
    DepthscopeError
        A text of which no token is left.
    """
    check_choice("pool", pool, ("max", "last"))
    sites = {site for site, _ in dictionaries.values()}
    parts: dict[str, list[tuple[NDArray[Any], ...]]] = {name: [] for name in dictionaries}
    states: dict[Site, Float] = {}
    seen = np.zeros(len(texts), dtype=bool)
    windows = text_windows(model, texts)
    with bar(len(texts), "reading examples", shown=progress) as advance:
        for read in Taps(model, sorted(sites)).read(windows):
            every = read.numbers[read.window]
            last = np.flatnonzero(np.r_[np.diff(every) != 0, True])
            rows = last if pool == "last" else np.arange(len(every))
            text = every[rows]
            seen[text] = True
            for site in sites:
                state = read.states[site].double().cpu().numpy()
                width = state.shape[-1]
                if site not in states:
                    states[site] = np.zeros((len(texts), width if pool == "last" else 2 * width))
                states[site][every[last], -width:] = state[last]
                if pool == "max":
                    np.add.at(states[site][:, :width], every, state / np.bincount(every)[every][:, None])
            for name, (site, dictionary) in dictionaries.items():
                some = read.states[site][torch.from_numpy(rows).to(read.states[site].device)]
                parts[name].append(_largest(dictionary.encode(some), text))
            advance(len(read.windows))
    if not seen.all():
        raise DepthscopeError(
            f"example {texts[int(np.flatnonzero(~seen)[0])]!r} has no token that is read: special tokens and the first of a "
            "text are left out; give longer examples"
        )
    found = {}
    for name, (_, dictionary) in dictionaries.items():
        text, latent, value = (np.concatenate(each) for each in zip(*parts[name], strict=True))
        found[name] = sparse.csc_matrix((value, (text, latent)), shape=(len(texts), dictionary.latents))
    return Pooled(found, states)


def _largest(code: Sparse, text: NDArray[np.int64]) -> tuple[NDArray[Any], ...]:
    """The largest activation of each latent in each text: texts, latents and values, each pair once."""
    fires = (code.values > 0).cpu()
    row = np.repeat(text[:, None], code.values.shape[-1], axis=1)[fires.numpy()]
    latent, value = code.indices.cpu()[fires].numpy(), code.values.cpu()[fires].double().numpy()
    key = row * code.latents + latent
    pairs, place = np.unique(key, return_inverse=True)
    most = np.zeros(len(pairs))
    np.maximum.at(most, place, value)
    return pairs // code.latents, pairs % code.latents, most
