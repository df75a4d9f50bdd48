"""What is to be trained: one dictionary."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from depthscope.capture.sites import Site
from depthscope.errors import DepthscopeError, check_count
from depthscope.studies.sae.activations.activation import Activation
from depthscope.studies.sae.training.recipe import Recipe


@dataclass(frozen=True)
class Plan:
    """One dictionary: where, how large, what fires, how it is trained.

    Attributes
    ----------
    site : Site
        Whose states are read.
    latents : int
        n.
    activation : Activation
    target : Site, optional
        Whose states are to be given back, in place of those read: a transcoder.
    skip : bool
        Of a transcoder: whether a linear map from input to output is learnt beside the latents.
    recipe : Recipe

    Raises
    ------
    DepthscopeError
        More latents asked for at a token than there are; a skip without a target.
    """

    site: Site
    latents: int
    activation: Activation
    target: Site | None = None
    skip: bool = False
    recipe: Recipe = field(default_factory=Recipe)

    def __post_init__(self) -> None:
        check_count("latents", self.latents)
        self.activation.check(self.latents)
        if self.skip and self.target is None:
            raise DepthscopeError(
                "skip=True: a map from input to output beside the latents is for a transcoder; give its target"
            )

    @property
    def name(self) -> str:
        """``layer-15-n4096-topk-k32``: unlike those of other plans."""
        onto = "" if self.target is None else f"-to-{self.target}"
        chosen = [(one.name, getattr(self.activation, one.name), one.default) for one in fields(self.activation)]  # type: ignore[arg-type]
        settings = "".join(f"-{name}{_short(value)}" for name, value, default in chosen if value != default)
        return f"{self.site}{onto}-n{self.latents}-{self.activation.name}{settings}"

    @property
    def settings(self) -> dict[str, Any]:
        """All of it, in what JSON knows."""
        return {
            "site": str(self.site),
            "latents": self.latents,
            "activation": {"name": self.activation.name, **vars(self.activation)},
            "target": None if self.target is None else str(self.target),
            "skip": self.skip,
            "recipe": asdict(self.recipe),
        }


def _short(value: Any) -> str:
    return "-".join(map(_short, value)) if isinstance(value, tuple) else f"{value:g}"
