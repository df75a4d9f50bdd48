"""Texts and the probes that may follow them, paired by item: what an exchange of states will do, before it begins."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from depthscope.capture.tokens import Subtoken, Tokenized, tokenize
from depthscope.entries import entry_names
from depthscope.errors import DepthscopeError
from depthscope.model.model import Model
from depthscope.stimuli.read import Source, read_stimuli
from depthscope.stimuli.table import row_name

PROBE = "probe"
Span = tuple[int, int]


@dataclass(frozen=True)
class Reading:
    """One text followed by one probe: ``run`` and ``probe`` are 0 for condition a, 1 for b."""

    run: int
    probe: int
    target: Tokenized
    continuation: Tokenized


@dataclass(frozen=True)
class Twins:
    """An item's two texts, each followed by each of its two probes."""

    label: str
    group: str
    place: int
    readings: tuple[Reading, ...]

    @property
    def tokens(self) -> int:
        return sum(len(one.target.ids) for one in self.readings)


@dataclass(frozen=True)
class Plan:
    """What a run of :func:`patch` will do, known before it begins.

    Attributes
    ----------
    twins : tuple of Twins
    spans : tuple of (first, last)
        States exchanged together; ``(l, l)`` is one.
    without : list of str
        Items left out, because a probe is missing.
    """

    twins: tuple[Twins, ...]
    spans: tuple[Span, ...]
    without: list[str]

    @property
    def tokens(self) -> int:
        """Tokens that run through the model, without padding."""
        return sum(t.tokens for t in self.twins) * (len(self.spans) + 1)


def plan_patches(
    model: Model,
    stimuli: Source,
    a: str,
    b: str,
    *,
    windows: Sequence[Span] = (),
    subtoken: Subtoken = "last",
) -> Plan:
    """Pair the texts with their probes and say what will be exchanged: every state 0 .. L alone, then each window.

    Raises
    ------
    DepthscopeError
        No probes, a model that is no causal language model, or a target that several tokens stand for.
    """
    if not model.causal or not model.predicts:
        why = "an encoder sees what follows" if not model.causal else model.checks.get("head", "it has no head")
        raise DepthscopeError(
            f"{model.name}: no probabilities of continuations can be read ({why}): nothing to patch for"
        )
    if model.alone:
        raise DepthscopeError(
            f"{model.name}: under {model.quantization} texts run one by one, so that two cannot exchange states in one pass; "
            "patch the model in another scheme"
        )
    if subtoken == "mean":
        raise DepthscopeError("subtoken='mean': an intervention changes one position; choose last or first")
    table = read_stimuli(stimuli, paired=False)
    if PROBE not in table:
        raise DepthscopeError(
            f"stimuli: no column {PROBE!r}: give each text of {a} and of {b} a short continuation that fits it"
        )
    for first, last in windows:
        if not 0 <= first <= last <= model.depth:
            raise DepthscopeError(f"window {first} to {last}: the states are 0 to {model.depth}")
    rows = table[table["condition"].isin([a, b])]
    labels = pd.Series(entry_names(rows["item"], rows.get("pair")), rows.index)
    twins: list[Twins] = []
    without = []
    for label, pair in rows.groupby(labels, sort=False):
        if set(pair["condition"]) != {a, b}:
            continue
        ordered = pair.set_index("condition").loc[[a, b]].reset_index()
        probes = [str(probe).strip() if isinstance(probe, str) else "" for probe in ordered[PROBE]]
        if not all(probes):
            without.append(str(label))
            continue
        readings = _readings(model, ordered, probes, subtoken)
        twins.append(Twins(str(label), str(ordered["item"].iloc[0]), len(twins), readings))
    if not twins:
        raise DepthscopeError(f"stimuli: no item has a {PROBE} in both {a} and {b}")
    twins.sort(key=lambda one: one.tokens)  # of similar length together: the less is padded
    return Plan(tuple(twins), (*((state, state) for state in range(model.depth + 1)), *windows), without)


def _readings(model: Model, pair: pd.DataFrame, probes: list[str], subtoken: Subtoken) -> tuple[Reading, ...]:
    rows = []
    for run in range(2):
        for probe in range(2):
            text = str(pair["text"].iloc[run])
            whole = f"{text} {probes[probe]}"
            rows.append({**pair.iloc[run].to_dict(), "text": whole, "run": run, "probe": probe, "from": len(text) + 1})
    table = pd.DataFrame(rows)
    targets = tokenize(model.tokenizer, table, subtoken, model.max_length)
    ends = table.assign(start=table["from"], end=table["text"].str.len())
    continuations = tokenize(model.tokenizer, ends, subtoken, model.max_length)
    for row, target, continuation in zip(rows, targets, continuations, strict=True):
        if target.positions[-1] >= continuation.covering[0]:
            raise DepthscopeError(
                f"{row_name('stimuli', row['item'], row['condition'])}: its probe begins in the token of the target, before "
                "which nothing can be changed; end the text with a full stop"
            )
    return tuple(
        Reading(row["run"], row["probe"], target, continuation)
        for row, target, continuation in zip(rows, targets, continuations, strict=True)
    )
