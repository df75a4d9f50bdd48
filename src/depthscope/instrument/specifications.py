"""All defensible settings of the definition: the choices that a careful reader could have made otherwise."""

from dataclasses import dataclass
from itertools import product
from typing import Any

# every axis: words for the dashboard -> keywords of cse; the default comes first. "periods" is in units of the depth.
AXES: dict[str, dict[str, dict[str, Any]]] = {
    "wavelet": {name: {"wavelet": name} for name in ("paul(4)", "morlet(6)", "dog(2)", "haar")},
    "periods": {"2 to L/2": {"longest": 1 / 2}, "2 to L/3": {"longest": 1 / 3}},
    "padding": {name: {"padding": name} for name in ("zero", "symmetric")},
    "signal": {name: {"signal": name} for name in ("update", "direction", "norm", "state")},
    "norm": {name: {"energy_norm": name} for name in ("L2", "L1")},
    "edges": {"masked": {"mask_coi": True}, "unmasked": {"mask_coi": False}},
}


@dataclass(frozen=True)
class Specification:
    """One way to compute CSE: ``choices`` in words, ``options`` as keywords of :func:`depthscope.cse`."""

    choices: dict[str, str]
    options: dict[str, Any]


def specifications(depth: int, layers: tuple[int, int] | None = None) -> list[Specification]:
    """Every combination of :data:`AXES` for a model of ``depth`` layers, the default one first: 240 of them.

    wavelet x range of periods x padding x signal (update, its direction, its log norm, the state) x energy norm x cone of
    influence masked or not; masked Haar counts once, because what is left of it never reaches the padding. None is left
    out for what it shows.
    """
    within = depth if layers is None else layers[1] - layers[0] + 1
    found = []
    for words in product(*AXES.values()):
        choices = dict(zip(AXES, words, strict=True))
        if choices["wavelet"] == "haar" and choices["edges"] == "masked" and choices["padding"] != "zero":
            continue
        options: dict[str, Any] = {"layers": layers} if layers else {}
        for axis, word in choices.items():
            options |= AXES[axis][word]
        longest = options.pop("longest")
        options["periods"] = None if longest == 1 / 2 else (2.0, max(within * longest, 3.0))
        found.append(Specification(choices, options))
    return found
