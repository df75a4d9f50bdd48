"""Which classes of the installed transformers depthscope reads: each built small, loaded, checked, traced, measured."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from depthscope.capture.trace import trace
from depthscope.errors import DepthscopeError, listed
from depthscope.instrument.cse import cse
from depthscope.model.load import load_text
from depthscope.model.miniature import Family, Kind, building_many, byte_tokenizer, families, miniature
from depthscope.model.model import Model
from depthscope.model.parts import KINDS, find_parts
from depthscope.progress import each
from depthscope.studies.coverage.results import Covered, Outcome
from depthscope.studies.coverage.words import remark

# of unequal length, so that one is padded when they share a batch
_TEXTS = [
    ("shark", "metaphor", "The new lawyer is a shark."),
    ("shark", "literal", "The big fish by the pier is a shark."),
]
ALONE = 1e-4  # relative difference of the Gram matrices, alone and in a batch, beyond which a network is no instrument


def coverage(names: Sequence[str] = (), kinds: Sequence[Kind] = (), *, progress: bool = True) -> Iterator[Covered]:
    """Try every family, or those of the given model types and kinds, one after the other.

    A family works if a network of its class, with random weights, passes all checks of :func:`depthscope.load`, and the
    texts give the same trajectories in a batch as alone, from which CSE can be computed.

    Raises
    ------
    DepthscopeError
        A name that the installed transformers does not know, or not as one of these kinds.
    """
    with building_many():
        known = families()
        unknown = [name for name in names if name not in {family.model_type for family in known}]
        if unknown:
            raise DepthscopeError(
                f"{listed(unknown)}: no such model type in this transformers; leave the name out to try all"
            )
        chosen = [f for f in known if (not names or f.model_type in names) and (not kinds or f.kind in kinds)]
        if not chosen:
            raise DepthscopeError(f"{listed(names)}: no model type of the kind {listed(kinds)}; leave the kind out")
        for family in each(chosen, "families", unit="class", shown=progress):
            yield try_family(family)


def try_family(family: Family) -> Covered:
    """Build, load, check, trace and measure one."""

    def outcome(outcome: Outcome, blocks: str = "", note: str = "", parts: str = "") -> Covered:
        names = family.kind, family.model_type, family.class_name, family.stack
        return Covered(*names, outcome, blocks, remark(note), parts)

    try:
        network = miniature(family)
    except DepthscopeError as problem:
        return outcome("not built", note=str(problem))
    try:
        model = load_text(network, byte_tokenizer(), stack=family.stack)
        table = pd.DataFrame(_TEXTS, columns=["item", "condition", "text"]).assign(target="shark")
        together, alone = (trace(model, table, token_budget=budget, progress=False) for budget in (10**6, 1))
        h = cse(together)
    except DepthscopeError as problem:
        return outcome("refused", note=str(problem))
    except Exception as problem:  # the network's own, on texts longer than those of the checks
        return outcome("refused", note=f"fails on plain text: {problem}")
    gap = float(np.abs(together["gram"] - alone["gram"]).max() / np.abs(alone["gram"]).max())
    if gap > ALONE:
        return outcome("refused", model.path, f"a text gives other states in a batch than alone (by {gap:.1g})")
    if not np.isfinite(h).any():
        return outcome("refused", model.path, "CSE is not defined")
    remarks = [model.chain.peculiarities]
    if not model.predicts and model.causal:
        remarks.append(model.checks["head"])
    return outcome("works", model.path, "; ".join(filter(None, remarks)), _parts(model))


def _parts(model: Model) -> str:
    try:
        found = find_parts(model)
    except DepthscopeError:
        return ""
    there = {part.kind for block in found.blocks for part in block}
    return ", ".join(kind for kind in KINDS if kind in there)
