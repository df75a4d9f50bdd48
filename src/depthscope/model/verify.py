"""Proof, at load time, that what is captured is what the model computes with."""

from contextlib import AbstractContextManager
from typing import Any

import torch

from depthscope.errors import DepthscopeError, reason
from depthscope.model.blocks import OVERRIDE
from depthscope.model.hooks import hooks
from depthscope.model.model import Model, inputs_of, measuring
from depthscope.model.stream import to_stream, with_stream_out

# Recomputing the same numbers in the same shapes leaves only the noise of non-deterministic kernels.
TOLERANCE = {torch.float64: 1e-10, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 2e-3}

# Kernels for packed weights are free to add up in another order in another shape.
PACKED = 1e-3


def verify(model: Model, inputs: dict[str, Any], others: dict[str, Any]) -> dict[str, str]:
    """Check the captured stream of ``inputs``; ``others`` are different tokens in the same shape.

    Returns
    -------
    dict
        One line per check, for the record. States are compared as they lie in memory.

    Raises
    ------
    DepthscopeError
        If a check fails: the model is refused, with the reason and the argument that overrides the path.
    """
    states, output = _run(model, inputs)
    if not all(bool(state.isfinite().all()) for state in states):
        raise DepthscopeError(
            f"{model.name}: NaN or infinity in the residual stream of a plain text: the weights are damaged, or need a "
            "wider precision (dtype='float32')"
        )
    checks = {
        "causal": _check_causal(model, inputs, others, states),
        "trunk": _check_trunk(model, inputs, states),
        "padding": _check_padding(model, inputs, states),
        "hidden_states": _check_hidden_states(model, states, output),
        "logits": _check_logits(model, states[-1], output, others),
    }
    peculiarities = model.chain.peculiarities
    return {**checks, "stream": peculiarities} if peculiarities else checks


def _run(model: Model, inputs: dict[str, Any]) -> tuple[list[torch.Tensor], Any]:
    states: dict[int, torch.Tensor] = {}
    with measuring(model.network), _copying(model, states):
        output = model.network(**inputs, output_hidden_states=True)
    return [states[i] for i in range(model.depth + 1)], output


def _copying(model: Model, states: dict[int, torch.Tensor]) -> AbstractContextManager[None]:
    """Copies, because a block may add to its state in place."""
    return model.chain.listening(model.network, lambda i, state: states.update({i: state.clone()}), raw=True)


def _check_trunk(model: Model, inputs: dict[str, Any], states: list[torch.Tensor]) -> str:
    """Without the head, as capture runs it, the states are the same."""
    alone: dict[int, torch.Tensor] = {}
    with _copying(model, alone):
        model.run_trunk(inputs["input_ids"], inputs["attention_mask"])
    worst = max(_difference(alone[i], state) for i, state in enumerate(states))
    if worst > _tolerance(model):
        raise DepthscopeError(
            f"{model.name}: the states differ by {worst:.1g} (relative) when the network runs without its head"
        )
    return f"states without the head differ by at most {worst:.1g}"


def _check_causal(model: Model, inputs: dict[str, Any], others: dict[str, Any], states: list[torch.Tensor]) -> str:
    """Other tokens in the second half leave the states of the first half as they were."""
    half = inputs["input_ids"].shape[1] // 2
    ids = torch.cat([inputs["input_ids"][:, :half], others["input_ids"][:, half:]], dim=1)
    changed, _ = _run(model, {**inputs, "input_ids": ids})
    worst = max(_apart(model, a, b, half) for a, b in zip(changed, states, strict=True))
    if not model.causal and worst <= _tolerance(model):
        raise DepthscopeError(
            f"{model.name}: later tokens leave the states of earlier ones alone, so {type(model.network).__name__} is no "
            "encoder; leave stack= (--stack) out"
        )
    if not model.causal:
        return f"not asked of an encoder: later tokens change earlier states by {worst:.1g}"
    if worst > _tolerance(model) and model.alone:
        # the few tokens of the check have few outliers: on texts the share is far larger
        return f"later tokens change earlier states through the rounding of {model.quantization} (here by {worst:.1g})"
    if worst > _tolerance(model):
        raise DepthscopeError(
            f"{model.name}: tokens change the states of those before them (relative difference {worst:.1g}), so "
            f"{type(model.network).__name__} is no decoder-only model; to measure it as an encoder, give stack='encoder'"
        )
    return f"later tokens change earlier states by at most {worst:.1g}"


def _check_padding(model: Model, inputs: dict[str, Any], states: list[torch.Tensor]) -> str:
    """Masked tokens behind the text leave its states as they are."""
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    longer = torch.cat([ids, torch.zeros_like(ids)], 1), torch.cat([mask, torch.zeros_like(mask)], 1)
    padded: dict[int, torch.Tensor] = {}
    with _copying(model, padded):
        model.run_trunk(*longer)
    worst = max(_apart(model, padded[i], state, ids.shape[1]) for i, state in enumerate(states))
    if model.alone:
        return "not asked: texts run one by one"
    if worst > _tolerance(model):
        raise DepthscopeError(
            f"{model.name}: padding changes the states of the text before it (relative difference {worst:.1g}), so "
            f"{type(model.network).__name__} gives other numbers in a batch than alone, and cannot be measured"
        )
    return f"padding changes states by at most {worst:.1g}"


def _apart(model: Model, a: torch.Tensor, b: torch.Tensor, tokens: int) -> float:
    """Difference over the first tokens."""
    a, b = (to_stream(state, model.chain.layout)[:, :tokens] for state in (a, b))
    return _difference(a, b)


def _check_hidden_states(model: Model, states: list[torch.Tensor], output: Any) -> str:
    """The model's own hidden states are pre-norm up to the last, which most models normalise.

    Most models report what enters each block, and then the end; some (Mamba) what leaves each block, and then the end.
    """
    own = getattr(output, "hidden_states", None)
    if own is None or len(own) != model.depth + 1:
        return "not compared: the model does not give one hidden state per block"
    tolerance = _tolerance(model)
    # as the next block receives them, where the network rescales on the way
    handed = [state * factor for state, factor in zip(states, (*model.chain.factors, 1.0), strict=True)]
    for first in (0, 1):
        if all(_agree(a, b, tolerance) for a, b in zip(handed[first:], own[:-1], strict=False)):
            return f"states {first} to {model.depth - 1 + first} equal the model's own"
    number = next(i for i, (a, b) in enumerate(zip(handed, own, strict=True)) if not _agree(a, b, tolerance))
    raise DepthscopeError(
        f"{model.name}: state {number} at {model.path} is not the model's own hidden state {number}; {OVERRIDE}"
    )


def _agree(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    return a.shape == b.shape and _difference(a, b) <= tolerance


def _check_logits(model: Model, last: torch.Tensor, output: Any, others: dict[str, Any]) -> str:
    """The last state alone, through the model's own final norm and head, gives the model's own logits.

    The network runs on other tokens, with the captured state put in the place of what its last block gives.
    Nothing of the first pass can reach the logits but that state. A network without a head answers with its last hidden
    state.
    """
    answer = "logits" if getattr(output, "logits", None) is not None else "last_hidden_state"
    given = getattr(output, answer, None)
    if given is None:
        return "not compared: the model gives neither logits nor a last hidden state"
    with hooks(model.network) as placed, measuring(model.network):
        placed.after(model.blocks[-1], lambda module, args, out: with_stream_out(out, last))
        replayed = getattr(model.network(**others), answer)
    difference = _difference(replayed, given)
    what = answer.replace("_", " ")
    if not difference <= _tolerance(model):
        raise DepthscopeError(
            f"{model.name}: the last state at {model.path} does not give the model's {what} through its final norm and "
            f"head (relative difference {difference:.1g}), so these blocks do not carry the whole stream; {OVERRIDE}"
        )
    return f"{what} from the last state differ by at most {difference:.1g}"


def verify_head(model: Model, inputs: dict[str, Any], others: dict[str, Any]) -> tuple[bool, str]:
    """Whether logits can be read at single tokens, and the line for the record.

    A model is not refused for it: its stream is sound, only the surprisal is missing.
    """
    if not model.causal:
        return False, "no surprisal: an encoder sees the target itself, and what follows it"
    # two rows and three tokens, in no order: a network that forces its own shape upon the logits cannot pass
    ids, mask = (torch.cat([inputs[name], others[name]]) for name in ("input_ids", "attention_mask"))
    last = ids.shape[1] - 1
    rows, positions = torch.tensor([1, 0, 1]), torch.tensor([last, last // 2, 0])
    try:
        with measuring(model.network):
            full = getattr(model.network(**inputs_of(model.network, ids, mask)), "logits", None)
        if full is None:
            return False, "no surprisal: the model has no language-model head"
        difference = _difference(model.run(ids, mask, rows, positions), full[rows, positions])
    except Exception as problem:  # foreign code objects in whatever way it likes
        return False, f"no surprisal: logits cannot be read at single tokens ({reason(problem)})"
    if not difference <= _tolerance(model):
        return False, f"no surprisal: logits read at single tokens differ by {difference:.1g} (relative)"
    return True, f"logits read at single tokens differ by at most {difference:.1g}"


def _tolerance(model: Model) -> float:
    return max(TOLERANCE.get(model.dtype, 1e-2), 0.0 if model.quantization is None else PACKED)


def _difference(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest absolute difference over the largest absolute value."""
    a, b = a.double().cpu(), b.double().cpu()
    scale = float(b.abs().max())
    return float((a - b).abs().max()) / scale if scale else float((a - b).abs().max())
