"""What came of each class of models: it works, is refused, or could not be built."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["works", "refused", "not built"]

KINDS = {
    "decoder": "Causal language models",
    "multimodal": "Text decoders inside models of images, sound and text",
    "encoder": "Encoders (`stack='encoder'`)",
    "encoder-decoder": "Encoder-decoders (`stack='encoder'` and `stack='decoder'`)",
}


@dataclass(frozen=True)
class Covered:
    """What came of one class.

    Attributes
    ----------
    kind, model_type, class_name, stack : str
        As transformers has them, and how depthscope was asked.
    outcome : {"works", "refused", "not built"}
        ``"not built"``: transformers could not make a small one, so that nothing is known of it.
    blocks : str
        Where they were found.
    note : str
        Why it is refused; or what is out of the ordinary with one that works.
    parts : str
        Which kinds of parts its updates are the sum of; empty if they cannot be split.
    """

    kind: str
    model_type: str
    class_name: str
    stack: str | None
    outcome: Outcome
    blocks: str = ""
    note: str = ""
    parts: str = ""
