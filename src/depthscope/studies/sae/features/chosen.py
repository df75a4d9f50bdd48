"""Which dictionaries and which latents are shown."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from depthscope.errors import DepthscopeError, check_count, listed
from depthscope.model.model import Model
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.features.collected import Collected
from depthscope.studies.sae.features.named import site_of

# latents on one page: beyond it, a sample of those that fire, for a page of 30 MB is large enough
MOST = 8192


def chosen_dictionaries(
    given: Mapping[str, Dictionary], model: Model, layer: int | None, feature: int | None
) -> dict[str, Dictionary]:
    """Those that read a layer, or all; one of them, if a feature of it is asked for.

    Raises
    ------
    DepthscopeError
        None at that layer, several where one is needed, no such feature, or dictionaries over states of another width.
    """
    for name, one in given.items():
        if one.width != model.width:
            raise DepthscopeError(
                f"{name} reads states of {one.width} features, and those of {model.name} have {model.width}: it was made for "
                "another model"
            )
    found = {name: one for name, one in given.items() if layer is None or site_of(one).layer == layer}
    if not found:
        layers = sorted({site_of(one).layer for one in given.values()})
        raise DepthscopeError(f"layer={layer}: no dictionary reads it; choose among {listed(layers, 20)}")
    if feature is None:
        return found
    check_count("feature", feature, 0)
    if len(found) > 1:
        raise DepthscopeError(
            f"feature {feature} of which dictionary? there are {listed(found)}; give its layer, or it alone"
        )
    ((name, one),) = found.items()
    if feature >= one.latents:
        raise DepthscopeError(
            f"feature={feature}: {name} has {one.latents:,} latents; choose from 0 to {one.latents - 1:,}"
        )
    return found


def chosen_latents(kept: Collected, wanted: Sequence[int] | None, most: int | None, seed: int) -> NDArray[np.int64]:
    """Those that are asked for, or all; of more than ``most``, a random sample of those that fire; in ascending order.

    Raises
    ------
    DepthscopeError
        A latent that there is not.
    """
    if wanted is not None:
        found = np.unique(np.asarray(wanted, dtype=np.int64))
        if not len(found) or found[0] < 0 or found[-1] >= kept.latents:
            raise DepthscopeError(f"latents={listed(wanted)}: choose some from 0 to {kept.latents - 1:,}")
        return found
    check_count("most", most)
    most = MOST if most is None else most
    if kept.latents <= most:
        return np.arange(kept.latents)
    alive = np.flatnonzero(kept.count)
    return np.sort(np.random.default_rng(seed).choice(alive, min(most, len(alive)), replace=False))
