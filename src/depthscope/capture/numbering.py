"""States in the order of depth, by the names or numbers they have: which of them enters the first block, and is any missing."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from depthscope.capture.doubts import Kind
from depthscope.errors import DepthscopeError, listed

# how TransformerLens calls what enters the first block, and what leaves each
ENTERS, LEAVES = "blocks.0.hook_resid_pre", re.compile(r"blocks\.(\d+)\.hook_resid_post")
# names of numbered states that nobody gives to outputs of blocks, which are counted from the first block and lack h_0
STATES = re.compile(r"(all[ _]?)?(hidden[ _]?)?states?[\W_]*\*\W*", re.IGNORECASE)


def in_order(cache: Any, kind: Kind) -> tuple[list[Any], bool]:
    """What a dict of layers or a cache of activations holds, and whether the last state is raw by its name."""
    names = list(cache.keys())
    posts = {int(found[1]): name for name in names if (found := LEAVES.fullmatch(str(name)))}
    if posts:
        if kind == "updates":
            raise DepthscopeError(
                "kind='updates', but blocks.*.hook_resid_post are states by their names: leave kind= out"
            )
        if ENTERS not in names:
            raise DepthscopeError(
                f"the cache has no {ENTERS}, the state that enters the first block: keep it too (hook_embed is not always "
                "the whole of it)"
            )
        _check_numbers(sorted(posts), 0, "blocks.*.hook_resid_post")
        return [cache[ENTERS], *(cache[posts[number]] for number in sorted(posts))], True
    if names and all(isinstance(name, int | np.integer) for name in names):
        _check_numbers(sorted(names), _first(kind, min(names)), kind, kind)
        return [cache[name] for name in sorted(names)], False
    order, plain, numbers, pattern = _by_name(names)
    if kind == "updates":
        if plain:
            raise DepthscopeError(
                f"{plain!r} is no update of a block: if it is the state that enters the first, say initial="
            )
        if STATES.fullmatch(pattern):
            raise DepthscopeError(f"kind='updates', but {pattern} are states by their names: leave kind= out")
        _check_numbers(numbers, _first(kind, numbers[0]), pattern, kind)
        return [cache[name] for name in order], False
    if plain:  # what enters the first block, and what leaves each
        _check_numbers(numbers, min(numbers[0], 1), pattern)
        return [cache[plain], *(cache[name] for name in order)], False
    if not STATES.fullmatch(pattern):
        raise DepthscopeError(
            f"{str(order[0])!r} may be the state that enters the first block, or the one that leaves it: use whole numbers "
            "as names, 0 for the state that enters the first block"
        )
    _check_numbers(numbers, 0, pattern)
    return [cache[name] for name in order], False


def _by_name(names: Sequence[Any]) -> tuple[list[Any], Any, list[int], str]:
    """Names in the order of their numbers, the one without a number, the numbers, and the pattern of the names."""
    numbered = {name: re.findall(r"\d+", str(name)) for name in names}
    plain = [name for name, found in numbered.items() if not found]
    several = [name for name, found in numbered.items() if len(found) > 1]
    if several or len(plain) > 1 or len(plain) == len(names):
        odd = several or plain
        raise DepthscopeError(
            f"the names of the layers cannot be put in order ({listed(map(repr, odd))}): use whole numbers, 0 for the state "
            "that enters the first block"
        )
    order = sorted((name for name in names if name not in plain), key=lambda name: int(numbered[name][0]))
    patterns = {re.sub(r"\d+", "*", str(name)) for name in order}
    if len(patterns) > 1:
        raise DepthscopeError(
            f"the layers have names of several kinds ({listed(sorted(patterns))}): keep the states of the stream alone"
        )
    return order, plain[0] if plain else None, [int(numbered[name][0]) for name in order], patterns.pop()


def _first(kind: Kind, least: int) -> int:
    """States are counted from 0, which enters the first block; updates from 1, or from 0 as blocks often are."""
    return 0 if kind == "states" else min(max(least, 0), 1)


def _check_numbers(numbers: Sequence[int], first: int, pattern: str, kind: Kind = "states") -> None:
    missing = sorted(set(range(first, int(numbers[-1]) + 1)) - set(numbers))
    if missing or numbers[0] < first or len(set(numbers)) < len(numbers):
        what = f"{listed(missing)} missing" if missing else f"they begin at {numbers[0]}"
        raise DepthscopeError(
            f"{pattern}: {what}; an update is the difference of neighbours, so every state is needed, from "
            f"{first} on (0: what enters the first block)"
            if kind == "states"
            else f"{pattern}: {what}; the update of every block is needed, from {first} on"
        )


def check_labels(array: xr.DataArray, dim: str, kind: Kind) -> None:
    """Labels along depth must be neighbours, in order, from what enters the first block on: they would be lost otherwise."""
    if dim not in array.coords:
        return
    labels = array[dim].values
    numbers = _numbers(labels)
    if numbers is None:
        return
    shown = f"the axis {dim!r} is numbered {listed(labels, 8)}"
    if (
        numbers % 1 != 0
    ).any():  # depths of another kind, such as shares of the whole: their order is all there is to see
        if not (np.diff(numbers) > 0).all():
            raise DepthscopeError(f"{shown}: bring it into the order of depth")
        return
    whole = len(numbers) == len(labels)
    if (np.diff(numbers) != 1).any() or (whole and numbers[0] not in (0, 1)):
        raise DepthscopeError(
            f"{shown}: an update is the difference of neighbours, so every state is needed, in order, from what enters the "
            "first block on"
            if kind == "states"
            else f"{shown}: the update of every block is needed, in order, from the first on"
        )
    if whole and numbers[0] == 1 and kind == "states":
        raise DepthscopeError(
            f"{shown}: if 1 is the state that enters the first block, number them from 0; if it is what leaves the first "
            "block, put the state that enters it before it; if they are updates, say kind='updates'"
        )


def _numbers(labels: Any) -> Any:
    """The numbers of labels, or those in labels of one pattern; None if there are none."""
    if labels.dtype.kind in "iuf":
        return labels.astype(float)
    numbered = [(str(label), re.findall(r"\d+", str(label))) for label in labels if labels.dtype.kind in "OUS"]
    found = [(re.sub(r"\d+", "*", label), int(parts[0])) for label, parts in numbered if len(parts) == 1]
    if len(found) < 2 or len({pattern for pattern, _ in found}) > 1:
        return None
    return np.array([number for _, number in found], dtype=float)
