"""The norms in sentences."""

from depthscope.words import layers_text
from tests.studies.tenth.results import Norms


def answer(norms: Norms, model: str) -> list[str]:
    layers = norms.mean["layer"].values
    found = "grow" if norms.grows else "do not grow"
    return [
        f"How long are updates along the depth of `{model}`?",
        f"They {found}: over {layers_text(layers[0], layers[-1])} by a factor of {norms.ratio:.3g}.",
    ]
