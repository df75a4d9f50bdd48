"""The entrance for running text: every token of it in one forward pass, each as ``trace`` would measure it."""

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, overload

import numpy as np
import torch
import xarray as xr

from depthscope.capture.every import every_state
from depthscope.capture.labels import layer_coords, model_attrs, update_norm
from depthscope.capture.lens import Lens, readout
from depthscope.capture.pieces import Pieces, decoded, read_pieces
from depthscope.capture.record import Arrays, check_vocabulary, reduce_states
from depthscope.capture.surprisal import nats
from depthscope.capture.tokens import special_prefix
from depthscope.errors import DepthscopeError
from depthscope.model.model import Model
from depthscope.model.plain import plainly
from depthscope.progress import bar, each

DIMS = {
    "gram": ("token", "layer", "other_layer"),
    "update_norm": ("token", "layer"),
    "state_norm": ("token", "state"),
    "initial_dot": ("token", "layer"),
    "participation": ("token", "layer"),
    "lens_token": ("token", "layer", "rank"),
    "lens_probability": ("token", "layer", "rank"),
    "lens_entropy": ("token", "layer"),
}
REDUCED_BYTES = 2**26  # states that are reduced together are in float64


@overload
def trace_text(model: Model, text: str, *, lens: int = 0, progress: bool = True) -> xr.Dataset: ...  # type: ignore[overload-overlap]


@overload
def trace_text(model: Model, text: Iterable[str], *, lens: int = 0, progress: bool = True) -> list[xr.Dataset]: ...


@plainly()
def trace_text(
    model: Model, text: str | Iterable[str], *, lens: int = 0, progress: bool = True
) -> xr.Dataset | list[xr.Dataset]:
    """Capture the residual stream of every token of a text, in one forward pass; or of several texts, one after the other.

    Parameters
    ----------
    model : Model
        From :func:`depthscope.load`.
    text : str, or several of them
        Each up to the model's context. The tokenizer adds what it adds to plain text (BOS and the like).
    lens : int
        How many readings of the logit lens to keep at every layer, the likeliest first; by default none, for they take most
        of the time.
    progress : bool
        Show a bar if it takes longer than a second.

    Returns
    -------
    Dataset over token, layer, other_layer, state, rank
        For each token what :func:`depthscope.trace` gives for a target, float64: ``gram`` (token, layer, other_layer),
        ``update_norm``, ``initial_dot``, ``participation`` (token, layer), ``state_norm`` (token, state). With ``lens``, of the
        state after each layer, read by the model's own norm and head: ``lens_token`` (token, layer, rank), the likeliest
        next tokens as the tokenizer decodes them, ``lens_probability`` (token, layer, rank), 0 to 1, and ``lens_entropy``
        (token, layer), bits; absent where logits cannot be read.

        Coordinates over token: ``piece``, its text as it is in the text, or a special token's name; ``start`` and
        ``end``, characters; ``special``, added by the tokenizer; ``token_id``; ``surprisal``, ``-log2`` of the probability that
        the model gives to the token after those before it, bits, NaN for the first and where logits cannot be read.
        ``layer``, ``state``, ``relative_depth`` and the attributes are those of ``trace``; the attribute ``text`` is the text.

        Of several texts, a list of such Datasets, in their order: each what it is alone.

    Raises
    ------
    DepthscopeError
        An empty text, one beyond the model's context, NaN or infinity in the stream, a number of readings that there is not;
        of several texts it names which, and those that cannot be read are refused before the first is run.

    Examples
    --------
    >>> traj = ds.trace_text(ds.load("embedded"), "The lawyer is a shark.")   # doctest: +SKIP
    >>> ds.cse(traj).dims                                                     # doctest: +SKIP
    ('token', 'layer')
    """
    _check_readings(model, lens)
    if isinstance(text, str):
        return _trace_text(model, text, _pieces(model, text), lens, progress)
    texts = _listed(text)
    pieces = [_pieces(model, one, f"text {number}: ") for number, one in enumerate(texts, 1)]
    found = []
    for number, (one, own) in enumerate(each(list(zip(texts, pieces, strict=True)), "texts", shown=progress), 1):
        try:
            found.append(_trace_text(model, one, own, lens, progress))
        except DepthscopeError as problem:
            raise DepthscopeError(f"text {number}: {problem}") from None
    return found


def _listed(texts: Iterable[str]) -> list[str]:
    found = list(texts) if isinstance(texts, Iterable) and not isinstance(texts, Mapping | bytes) else None
    if found is None or not all(isinstance(one, str) for one in found):
        raise DepthscopeError(f"a {type(texts).__name__} is neither a text nor several: give words, or a list of texts")
    if not found:
        raise DepthscopeError("there is no text in the list: give at least one")
    return found


def _pieces(model: Model, text: str, which: str = "") -> Pieces:
    try:
        pieces = read_pieces(model.tokenizer, text, model.max_length, model.name)
        check_vocabulary(model.name, model.vocabulary, max(pieces.ids))
    except DepthscopeError as problem:
        raise DepthscopeError(f"{which}{problem}") from None
    return pieces


def _check_readings(model: Model, lens: int) -> None:
    if not isinstance(lens, Integral) or not 0 <= lens <= model.vocabulary:
        raise DepthscopeError(
            f"lens={lens!r}: give a whole number of readings from 0 to {model.vocabulary}, the vocabulary"
        )


def _trace_text(model: Model, text: str, pieces: Pieces, lens: int, progress: bool) -> xr.Dataset:
    states = _states(model, pieces.ids)
    _check_finite(states, pieces)
    arrays = _reduced(states)
    surprisal = np.full(len(pieces.ids), np.nan)
    if model.predicts:
        read, surprisal = _read(model, states, pieces.ids, lens, progress)
        arrays |= read
    return _dataset(model, text, pieces, arrays, surprisal)


def _states(model: Model, ids: list[int]) -> torch.Tensor:
    """``h_0 .. h_L`` of every token, (T, L + 1, d)."""
    row = torch.tensor([ids], device=model.device)
    every = torch.arange(len(ids), device=model.device)
    return every_state(model, row, torch.ones_like(row), torch.zeros_like(every), every)


def _check_finite(states: torch.Tensor, pieces: Pieces) -> None:
    for number, state in enumerate(states.unbind(1)):
        finite = torch.isfinite(state).all(-1)
        if not bool(finite.all()):
            # the first state shows where it began: attention carries it to all the others
            token = int((~finite).nonzero()[0])
            where = f"after layer {number}" if number else "before layer 1"
            raise DepthscopeError(
                f"token {token} ({pieces.shown[token]!r}): NaN or infinity in the residual stream {where}; load the model in a "
                "wider precision (dtype='float32')"
            )


def _reduced(states: torch.Tensor) -> Arrays:
    step = max(1, REDUCED_BYTES // (8 * states[0].numel()))
    parts = [reduce_states(some) for some in torch.split(states, step)]
    return {name: torch.cat([part[name] for part in parts]).cpu().numpy() for name in parts[0]}


def _read(model: Model, states: torch.Tensor, ids: list[int], top: int, progress: bool) -> tuple[Arrays, Any]:
    """What the head makes of the states: of the last ones alone, from which surprisal follows, if ``top`` is 0."""
    layers = torch.arange(1 if top else model.depth, model.depth + 1)
    count = len(ids) * len(layers)
    head = Lens(model, count)
    bits = torch.empty(count, dtype=torch.float64)
    found = torch.empty(count, top, dtype=torch.long)
    probability = torch.empty(count, top, dtype=torch.float64)
    expected = torch.empty(len(ids), dtype=torch.float64)
    following = torch.tensor([*ids[1:], 0])  # what the last token predicts is not there
    with bar(count, "reading", unit="state", shown=progress) as advance:
        for some in torch.split(torch.arange(count), head.size):
            token, layer = some // len(layers), layers[some % len(layers)]
            logits = head.logits(states[token, layer])
            if top:
                one = readout(logits, top)
                bits[some], found[some], probability[some] = one.bits.cpu(), one.ids.cpu(), one.probability.cpu()
            last = layer == model.depth
            expected[token[last]] = nats(logits[last], following[token[last]]).cpu()
            advance(len(some))
    surprisal = np.concatenate([[np.nan], expected.numpy()[:-1] / np.log(2)])
    if not top:
        return {}, surprisal
    shape = (len(ids), model.depth)
    return {
        "lens_token": _words(model.tokenizer, found.numpy()).reshape(*shape, top),
        "lens_probability": probability.numpy().reshape(*shape, top),
        "lens_entropy": bits.numpy().reshape(shape),
    }, surprisal


def _words(tokenizer: Any, ids: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    numbers, where = np.unique(ids, return_inverse=True)
    words = decoded(tokenizer, numbers.tolist())
    return np.array([words[i] for i in numbers.tolist()], dtype=object)[where]


def _dataset(model: Model, text: str, pieces: Pieces, arrays: Arrays, surprisal: Any) -> xr.Dataset:
    start, end = np.array(pieces.offsets).T
    coords: dict[str, Any] = {
        **layer_coords(model.depth),
        "token": np.arange(len(pieces.ids)),
        "piece": ("token", np.array(pieces.shown, dtype=object)),
        "start": ("token", start),
        "end": ("token", end),
        "special": ("token", np.array(pieces.special)),
        "token_id": ("token", np.array(pieces.ids)),
        # a coordinate, so that it travels with whatever is computed from the Gram matrices
        "surprisal": ("token", surprisal),
    }
    if "lens_token" in arrays:
        coords["rank"] = np.arange(1, arrays["lens_token"].shape[-1] + 1)
    arrays = {**arrays, "update_norm": update_norm(arrays["gram"])}
    data: dict[str, Any] = {name: (dims, arrays[name]) for name, dims in DIMS.items() if name in arrays}
    attrs = {**model_attrs(model), "special_prefix": special_prefix(model.tokenizer), "text": text}
    return xr.Dataset(data, coords, attrs)
