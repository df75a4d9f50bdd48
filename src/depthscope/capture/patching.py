"""Interventions: one state of the target, exchanged for that of its twin; what the model then expects next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray

from depthscope.capture.batches import default_budget, pad
from depthscope.capture.probes import Reading, Span, Twins, plan_patches
from depthscope.capture.surprisal import predictions, surprisal
from depthscope.capture.tokens import Subtoken
from depthscope.model.model import Model
from depthscope.model.plain import plainly
from depthscope.progress import bar
from depthscope.stimuli.read import Source
from depthscope.store.shards import Shards

# twins that share one undisturbed pass, and one file of a run that may be killed
GROUP = 8


@plainly()
def patch(
    model: Model,
    stimuli: Source,
    a: str,
    b: str,
    *,
    windows: Sequence[Span] = (),
    subtoken: Subtoken = "last",
    token_budget: int | None = None,
    progress: bool = True,
    shards: Shards | None = None,
) -> xr.Dataset:
    """Exchange the state of each target for that of its twin, and read the probability of what may follow.

    The text of condition ``a`` runs with the state that the target has in the text of ``b`` put in its place after layer l,
    and the reverse; nothing else is touched. Each text is followed once by the probe of a, once by that of b (column
    ``probe``: a short continuation that fits the text beside which it stands).

    Parameters
    ----------
    model : Model
        A causal language model.
    stimuli : table, or anything :func:`depthscope.read_stimuli` reads
        With a column ``probe``.
    a, b : str
        Conditions.
    windows : sequence of (first, last)
        States to exchange together, beside every single one: state l stands after layer l, state 0 before the first.
    subtoken : {"last", "first"}
        Which token of the target is changed.
    token_budget, progress, shards
        As for :func:`depthscope.trace`.

    Returns
    -------
    Dataset
        ``intact`` (item, run, probe) and ``patched`` (item, run, probe, patch): log2 probability of the probe, in bits, 0
        or less. ``run`` and ``probe`` are the conditions; ``first`` and ``last`` (patch) the states exchanged; ``group``
        (item). Attributes: ``same`` the largest change, in bits, when a state is exchanged for itself (0: exact).

    Raises
    ------
    DepthscopeError
        No probes, an encoder, a model without readable logits, texts beyond the model's context.
    """
    work = plan_patches(model, stimuli, a, b, windows=windows, subtoken=subtoken)
    budget = token_budget or default_budget(model.device)
    parts, groups = [], [work.twins[i : i + GROUP] for i in range(0, len(work.twins), GROUP)]
    shortcut = _can_stand_in(model, work.twins[0].readings[:1])
    with bar(len(work.twins), "patching", unit="item", shown=progress) as advance:
        for number, group in enumerate(groups):
            part = shards.load(number) if shards is not None else None
            if part is None:
                part = _patch_group(model, group, work.spans, budget, shortcut)
                if shards is not None:
                    shards.save(number, part)
            parts.append(part)
            advance(len(group))
    order = np.argsort([t.place for t in work.twins])
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    same = float(arrays.pop("same").max())
    arrays = {name: values[order] for name, values in arrays.items()}
    twins = [work.twins[i] for i in order]
    first, last = np.array(work.spans).T
    coords: dict[str, Any] = {
        "item": [t.label for t in twins],
        "group": ("item", [t.group for t in twins]),
        "run": [a, b],
        "probe": [a, b],
        "first": ("patch", first),
        "last": ("patch", last),
    }
    attrs = {
        "model": model.name,
        "fingerprint": model.fingerprint,
        "depth": model.depth,
        "subtoken": subtoken,
        "tokens": work.tokens,
        "same": same,
        "without_probe": ", ".join(work.without),
    }
    data = {"intact": (("item", "run", "probe"), arrays["intact"])}
    return xr.Dataset({**data, "patched": (("item", "run", "probe", "patch"), arrays["patched"])}, coords, attrs)


def _patch_group(
    model: Model, group: Sequence[Twins], spans: Sequence[Span], budget: int, shortcut: bool
) -> dict[str, NDArray[Any]]:
    """Some items: once as they are, which gives every state that is put in later, then every exchange."""
    rows = [one for twins in group for one in twins.readings]
    intact = np.empty(len(rows))
    patched = np.empty((len(rows), len(spans)))
    # readings come in fours, by run and then by probe: a batch of whole fours holds every reading with its twin
    longest = max(len(one.target.ids) for one in rows)
    step = max(4, budget // longest // 4 * 4)
    same = 0.0
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        before = _as_they_are(model, some)
        intact[start : start + step] = before.bits
        given = before.states[[i ^ 2 for i in range(len(some))]]
        for k, span in enumerate(spans):
            outputs = before.outputs[: span[0]] if shortcut else ()
            patched[start : start + step, k] = _exchanged(model, some, given, span, outputs)
        again = _exchanged(model, some, before.states, (0, model.depth))
        same = max(same, float(np.abs(again - before.bits).max()))
    shape = (len(group), 2, 2)
    return {"intact": -intact.reshape(shape), "patched": -patched.reshape(*shape, -1), "same": np.array([same])}


@dataclass(frozen=True)
class _Undisturbed:
    """One pass: surprisal of the probes in bits (B,), states of the targets (B, L + 1, d), what each block gave."""

    bits: NDArray[np.float64]
    states: torch.Tensor
    outputs: list[Any]


def _as_they_are(model: Model, rows: Sequence[Reading]) -> _Undisturbed:
    places = _places(rows)
    states: list[torch.Tensor] = []
    outputs: list[Any] = []
    with (
        model.listening(lambda _, state: states.append(state[places].to(model.device))),
        model.chain.recording(model.network, outputs),
    ):
        bits = _bits(model, rows)
    return _Undisturbed(bits, torch.stack(states, dim=1), outputs)


def _exchanged(
    model: Model, rows: Sequence[Reading], given: torch.Tensor, span: Span, outputs: Sequence[Any] = ()
) -> NDArray[np.float64]:
    """Surprisal of the probes (B,), with the states of the span taken from ``given`` (B, L + 1, d).

    ``outputs`` are those of the blocks below the span, which then need not run again.
    """
    places = _places(rows)

    def put(number: int, stream: torch.Tensor) -> None:
        stream[places] = given[:, number].to(stream.device)

    with model.chain.standing_in(model.network, outputs), model.editing(put, range(span[0], span[1] + 1)):
        return _bits(model, rows)


def _can_stand_in(model: Model, rows: Sequence[Reading]) -> bool:
    """Whether blocks below an exchange may be left out: not where later blocks use what earlier ones kept for them.

    Asked at every depth, and after a pass in which all that might be kept is wrong, as it is between two exchanges.
    """
    before = _as_they_are(model, rows)
    other = before.states.flip(1)  # of this very pass, and wrong at every layer but one
    depths = range(1, model.depth)
    whole = [_exchanged(model, rows, other, (first, first)) for first in depths]
    _exchanged(model, rows, other, (0, model.depth))
    for first, bits in zip(depths, whole, strict=True):
        try:
            short = _exchanged(model, rows, other, (first, first), before.outputs[:first])
        except Exception:  # foreign code misses what the blocks left out would have made
            return False
        if not np.array_equal(bits, short):
            return False
    return True


def _places(rows: Sequence[Reading]) -> tuple[torch.Tensor, torch.Tensor]:
    """Row and position of every target."""
    return torch.arange(len(rows)), torch.tensor([row.target.positions[0] for row in rows])


def _bits(model: Model, rows: Sequence[Reading]) -> NDArray[np.float64]:
    ids, mask = pad([row.target.ids for row in rows], 0, model.device)
    wanted = predictions([row.continuation for row in rows])
    return surprisal(model.run(ids, mask, wanted.rows, wanted.positions), wanted, len(rows))
