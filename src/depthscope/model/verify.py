"""Proof, at load time, that what is captured is what the model computes with."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import torch

from depthscope.errors import DepthscopeError, reason
from depthscope.model.blocks import OVERRIDE
from depthscope.model.hooks import hooks
from depthscope.model.judge import OTHER_SHAPE, SAME_SHAPE, DoubtError, Judge, largest, largest_apart
from depthscope.model.model import Model, inputs_of, measuring
from depthscope.model.quantization import without_outliers
from depthscope.model.rounding import Rounding
from depthscope.model.stream import with_stream_out
from depthscope.model.widened import in_float32


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
    judge = Judge(model, Rounding(model, inputs, states, range(model.depth + 1)), model.dtype)
    try:
        checks = _checked(model, inputs, others, states, output, judge)
    except DoubtError as doubt:
        checks = _settled(model, inputs, others, doubt)
    if judge.half:
        precision = str(model.dtype).removeprefix("torch.")
        checks["rounding"] = (
            f"one rounding of {precision} at every layer is {judge.rounding.share():.2g} of the update there"
        )
    peculiarities = model.chain.peculiarities
    return {**checks, "stream": peculiarities} if peculiarities else checks


def _checked(
    model: Model, inputs: dict[str, Any], others: dict[str, Any], states: list[torch.Tensor], output: Any, judge: Judge
) -> dict[str, str]:
    return {
        "causal": _check_causal(model, inputs, others, states, judge),
        "trunk": _check_trunk(model, inputs, states, judge),
        "padding": _check_padding(model, inputs, others, states, judge),
        "hidden_states": _check_hidden_states(model, states, output, judge),
        "logits": _check_logits(model, inputs, states[-1], output, others, judge),
    }


def _settled(model: Model, inputs: dict[str, Any], others: dict[str, Any], doubt: DoubtError) -> dict[str, str]:
    """The same checks in float32, in which a leak is a thousand roundings."""
    try:
        with in_float32(model.network, model.blocks):
            states, output = _run(model, inputs)
            judge = Judge(model, Rounding(model, inputs, states, range(model.depth + 1)), torch.float32)
            found = _checked(model, inputs, others, states, output, judge)
    except DepthscopeError:
        raise
    except Exception as problem:  # no memory, or code that insists on its precision
        raise DepthscopeError(
            f"{model.name}: other tokens change states by {doubt} (relative), which may be rounding or a leak, and it does not "
            f"run in float32, which would tell; load it with dtype='float32'. It says: {reason(problem)}"
        ) from None
    return {name: f"{said} (in float32)" for name, said in found.items()}


def _run(model: Model, inputs: dict[str, Any]) -> tuple[list[torch.Tensor], Any]:
    states: dict[int, torch.Tensor] = {}
    with measuring(model.network), _copying(model, states):
        output = model.network(**inputs, output_hidden_states=True)
    return [states[i] for i in range(model.depth + 1)], output


def _copying(model: Model, states: dict[int, torch.Tensor]) -> AbstractContextManager[None]:
    """Copies, because a block may add to its state in place."""
    return model.chain.listening(model.network, lambda i, state: states.update({i: state.clone()}), raw=True)


def _check_trunk(model: Model, inputs: dict[str, Any], states: list[torch.Tensor], judge: Judge) -> str:
    """Without the head, as capture runs it, the states are the same."""
    alone: dict[int, torch.Tensor] = {}
    with _copying(model, alone):
        model.run_trunk(inputs["input_ids"], inputs["attention_mask"])
    same, worst = judge.states(_in_order(alone), states, SAME_SHAPE)
    if not same:
        raise DepthscopeError(
            f"{model.name}: the states differ by {worst} (relative) when the network runs without its head"
        )
    return f"states without the head differ by at most {worst}"


def _check_causal(
    model: Model, inputs: dict[str, Any], others: dict[str, Any], states: list[torch.Tensor], judge: Judge
) -> str:
    """Other tokens in the second half leave the states of the first half as they were."""
    half = inputs["input_ids"].shape[1] // 2
    other = {**inputs, "input_ids": torch.cat([inputs["input_ids"][:, :half], others["input_ids"][:, half:]], dim=1)}
    changed, _ = _run(model, other)
    seen = _cut(model, changed, half), _cut(model, states, half)
    difference = max(largest_apart(model, a, b) for a, b in zip(*seen, strict=True))
    if not model.causal:
        # a difference is expected, and large
        alone, worst = (
            judge.states(*seen, SAME_SHAPE) if judge.half else (difference <= judge.tolerance, f"{difference:.1g}")
        )
        if alone:
            raise DepthscopeError(
                f"{model.name}: later tokens leave the states of earlier ones alone, so {type(model.network).__name__} is no "
                "encoder; leave stack= (--stack) out"
            )
        return f"not asked of an encoder: later tokens change earlier states by {worst}"
    if model.alone:
        with without_outliers(model.network):
            seen = _cut(model, _run(model, other)[0], half), _cut(model, _run(model, inputs)[0], half)
    alone, worst = judge.states(*seen, SAME_SHAPE)
    if not alone:
        raise DepthscopeError(
            f"{model.name}: tokens change the states of those before them (relative difference {worst}), so "
            f"{type(model.network).__name__} is no decoder-only model; to measure it as an encoder, give stack='encoder'"
        )
    if model.alone and difference > judge.tolerance:
        # the few tokens of the check have few outliers: on texts the share is far larger
        return f"later tokens change earlier states through the rounding of {model.quantization} (here by {difference:.1g})"
    return f"later tokens change earlier states by at most {worst}"


def _check_padding(
    model: Model, inputs: dict[str, Any], others: dict[str, Any], states: list[torch.Tensor], judge: Judge
) -> str:
    """Masked tokens behind the text leave its states as they are.

    A longer text rounds in another way than a shorter one; which tokens are masked must make no difference even to that.
    """
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    if model.alone:
        return "not asked: texts run one by one"
    padded = _padded(model, ids, mask, torch.zeros_like(ids))
    same, worst = judge.states(_cut(model, padded, ids.shape[1]), states, OTHER_SHAPE)
    if same and judge.half:
        other = _padded(model, ids, mask, others["input_ids"])
        same, leak = judge.states(_cut(model, other, ids.shape[1]), _cut(model, padded, ids.shape[1]), SAME_SHAPE)
        worst = worst if same else leak
    if not same:
        raise DepthscopeError(
            f"{model.name}: padding changes the states of the text before it (relative difference {worst}), so "
            f"{type(model.network).__name__} gives other numbers in a batch than alone, and cannot be measured"
        )
    return f"padding changes states by at most {worst}"


def _padded(model: Model, ids: torch.Tensor, mask: torch.Tensor, behind: torch.Tensor) -> list[torch.Tensor]:
    """States of a text with masked tokens ``behind`` it."""
    states: dict[int, torch.Tensor] = {}
    with _copying(model, states):
        model.run_trunk(torch.cat([ids, behind], 1), torch.cat([mask, torch.zeros_like(mask)], 1))
    return _in_order(states)


def _in_order(states: dict[int, torch.Tensor]) -> list[torch.Tensor]:
    return [states[i] for i in range(len(states))]


def _cut(model: Model, states: Sequence[torch.Tensor], tokens: int) -> list[torch.Tensor]:
    """Their first tokens, as they lie in memory."""
    axis = model.chain.layout.split().index("token")
    return [state.narrow(axis, 0, tokens) for state in states]


def _check_hidden_states(model: Model, states: list[torch.Tensor], output: Any, judge: Judge) -> str:
    """The model's own hidden states are pre-norm up to the last, which most models normalise.

    Most models report what enters each block, and then the end; some (Mamba) what leaves each block, and then the end.
    """
    own = getattr(output, "hidden_states", None)
    if own is None or len(own) != model.depth + 1:
        return "not compared: the model does not give one hidden state per block"
    # of one pass: in half precision no more than a rescaling is rounded
    tolerance = torch.finfo(judge.dtype).eps if judge.half else judge.tolerance
    # as the next block receives them, where the network rescales on the way; behind the last one only its own output shows it
    factors = (*model.chain.factors, _share(own[-2], states[-1]))
    handed = [state * factor for state, factor in zip(states, factors, strict=True)]
    for first in (0, 1):
        if all(_agree(a, b, tolerance) for a, b in zip(handed[first:], own[:-1], strict=False)):
            return f"states {first} to {model.depth - 1 + first} equal the model's own"
    number = next(i for i, (a, b) in enumerate(zip(handed, own, strict=True)) if not _agree(a, b, tolerance))
    raise DepthscopeError(
        f"{model.name}: state {number} at {model.path} is not the model's own hidden state {number}; {OVERRIDE}"
    )


def _share(part: torch.Tensor, whole: torch.Tensor) -> float:
    """By which number ``whole`` comes closest to ``part``; 1 where they cannot be compared."""
    if part.shape != whole.shape or not whole.any():
        return 1.0
    a, b = part.double().flatten(), whole.double().flatten()
    return float((a @ b) / (b @ b))


def _agree(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    return a.shape == b.shape and largest(a, b) <= tolerance


def _check_logits(
    model: Model, inputs: dict[str, Any], last: torch.Tensor, output: Any, others: dict[str, Any], judge: Judge
) -> str:
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
    what = answer.replace("_", " ")
    of_answer = replace(judge, rounding=Rounding(model, inputs, [given], (model.depth,)))
    same, difference = of_answer.answers(replayed, given, SAME_SHAPE)
    if not same:
        raise DepthscopeError(
            f"{model.name}: the last state at {model.path} does not give the model's {what} through its final norm and "
            f"head (relative difference {difference}), so these blocks do not carry the whole stream; {OVERRIDE}"
        )
    return f"{what} from the last state differ by at most {difference}"


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
        read = full.clone()
        read[rows, positions] = model.run(ids, mask, rows, positions)
        rounding = Rounding(model, inputs_of(model.network, ids, mask), [full], (model.depth,))
        judge = Judge(model, rounding, model.dtype)
        same, difference = judge.answers(read, full, OTHER_SHAPE)
    except Exception as problem:  # foreign code objects in whatever way it likes
        return False, f"no surprisal: logits cannot be read at single tokens ({reason(problem)})"
    if not same:
        return False, f"no surprisal: logits read at single tokens differ by {difference} (relative)"
    return True, f"logits read at single tokens differ by at most {difference}"
