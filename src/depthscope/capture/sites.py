"""Where in a network states are read: the residual stream, or what attention and MLP take and give."""

import re
from typing import Literal, NamedTuple, get_args

from depthscope.errors import DepthscopeError, check_choice

Place = Literal["resid", "attention", "mlp", "attention-in", "mlp-in"]
PLACES = get_args(Place)


class Site(NamedTuple):
    """One place at one layer.

    Attributes
    ----------
    place : {"resid", "attention", "mlp", "attention-in", "mlp-in"}
        The residual stream as block ``layer`` leaves it (0: as it enters the first); what attention or MLP of that block add
        to it; or what these parts take in, behind the norm before them.
    layer : int
        Counted from 1; of the stream from 0.
    """

    place: Place
    layer: int

    def __str__(self) -> str:
        return f"layer-{self.layer}" if self.place == "resid" else f"layer-{self.layer}-{self.place}"


def read_site(name: str) -> Site:
    """``"layer-15"``, ``"layer-15-mlp"``, as :class:`Site` is written."""
    found = re.fullmatch(r"layer-(\d+)(?:-([a-z-]+))?", name)
    if not found:
        raise DepthscopeError(f"{name!r} is no site: write layer-15, or layer-15-mlp ({', '.join(PLACES)})")
    place = found[2] or "resid"
    check_choice("site", place, PLACES)
    return Site(place, int(found[1]))  # type: ignore[arg-type]
