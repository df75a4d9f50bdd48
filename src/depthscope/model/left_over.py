"""Weights for which a network has no place: those that stand aside, those that change its logits, and those of another one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

from depthscope.errors import DepthscopeError, listed
from depthscope.model.fit import MEMORY
from depthscope.model.model import Model
from depthscope.model.plain_weights import SCALES
from depthscope.model.quantization import scheme_of

# buffers that transformers computes itself, and that older releases saved
_COMPUTED = re.compile(r"(^|\.)(inv_freq|original_inv_freq|position_ids|masked_bias|num_batches_tracked|version)$")
# parts of a network that text does not pass through on its way along the blocks, by what authors call them
_ASIDE = re.compile(
    r"(^|_)(vision|visual|image|images|video|audio|speech|sound|vit|siglip|clip|sam|mm|multi_modal|multimodal|projector|"
    r"perceiver|resampler|talker|token2wav|code2wav|vocoder|mtp|nextn|eagle|medusa|pooler|connector)(_|$|\d)"
)
# whole heads outside the trunk that answer something else than the next token; "value" alone is a part of attention
_TASK = re.compile(
    r"(v|value|reward|critic|score|qa|mc|nsp|sop|ner|multiple_choice)_heads?|score|qa_outputs|(sequence_)?summary|"
    r"seq_relationship|discriminator_predictions|\w*classifi(er|cation)\w*|\w*regress(or|ion)\w*"
)
# whatever else may be between the last state and the probabilities of tokens
_LOGITS = re.compile(
    r"(^|_)(head|heads|lm|mlm|logits?|vocab|vocabulary|predictions?|cls|generator|embed_out|unembed|pred_layer|proj_out|"
    r"output_projection)(_|$|\d)|^output$"
)


@dataclass(frozen=True)
class LeftOver:
    """Weights that the blocks do not need.

    Attributes
    ----------
    keys : tuple of str
        All of them.
    head : tuple of str
        Those without which the logits may be other ones.
    """

    keys: tuple[str, ...] = ()
    head: tuple[str, ...] = ()


def left_over(model: Model, network: nn.Module, unexpected: Iterable[str], files: str) -> LeftOver:
    """Sort the tensors of ``files`` for which ``network`` has no place.

    Parameters
    ----------
    network : Module
        All that was loaded, also where ``model`` measures only one of its stacks.

    Raises
    ------
    DepthscopeError
        Some would change what is measured.
    """
    place = _Place(model, network)
    keys = [key for key in unexpected if not place.is_idle(key)]
    theirs = [key for key in keys if place.belongs(key)]
    if theirs:
        raise DepthscopeError(
            f"{model.name}: {files} holds weights for which {type(network).__name__} has no place "
            f"({listed(theirs, 3)}), so it is another network than its configuration says; mend the configuration or the "
            f"names, or, if they are not needed, {MEMORY}"
        )
    return LeftOver(tuple(keys), tuple(key for key in keys if model.predicts and place.changes_logits(key)))


def is_tied(network: Any) -> bool | None:
    """Whether the head is the matrix of the embeddings; None without a head."""
    finders = [getattr(network, f"get_{end}_embeddings", None) for end in ("input", "output")]
    weights = [getattr(find(), "weight", None) for find in finders if find is not None]
    return weights[0] is weights[1] if len(weights) == 2 and weights[1] is not None else None


class _Place:
    """Where in a network a tensor would stand for which it has no place."""

    def __init__(self, model: Model, network: nn.Module) -> None:
        self.modules = dict(network.named_modules())
        self.measured = {id(module) for module in model.network.modules()}
        first = next(path for path, module in self.modules.items() if module is model.blocks[0])
        self.blocks = first.rpartition(".")[0]
        # all that the list of blocks is in
        self.around = {"", *(self.blocks[: match.start()] for match in re.finditer(r"\.", self.blocks))}
        self.prefix = str(getattr(network, "base_model_prefix", ""))
        self.config: Any = network.config
        self.packed = scheme_of(self.config) is not None
        self.tied = bool(is_tied(network))
        # one stack by itself may come out of a whole; "decoder" is also what some encoders call their head
        self.other = "encoder" if model.causal else "decoder"
        self.depth = model.depth

    def is_idle(self, key: str) -> bool:
        """Whether the network computes it itself, or has it in another form."""
        return bool(_COMPUTED.search(key) or (self.packed and SCALES.search(key)))

    def belongs(self, key: str) -> bool:
        """Whether it would change what is measured."""
        owner, rest = self._nearest(key)
        if owner and id(self.modules[owner]) not in self.measured and owner not in self.around:
            return False
        if owner in self.around:
            part = rest.partition(".")[0]
            return not (_ASIDE.search(part) or part == self.other or self._head(key))
        if owner == self.blocks:
            return not self._predicts_further(rest.partition(".")[0])
        container = max((path for path in self.around if owner.startswith(f"{path}." if path else "")), key=len)
        part = owner[len(container) :].lstrip(".").partition(".")[0]
        return not _ASIDE.search(part)

    def changes_logits(self, key: str) -> bool:
        """Of one that does not belong to the blocks: whether the answer of the network would be another with it."""
        head = self._head(key)
        # a head for another task leaves that for the next token alone, unless it took its place
        return bool(head) and not (_TASK.fullmatch(head) and (not self.tied or head in ("v_head", "value_head")))

    def _head(self, key: str) -> str:
        """Name of the head outside the trunk to which a tensor belongs; empty if it belongs to none."""
        part = key.partition(".")[0]
        outside = part != self.prefix and part not in self.modules
        return part if outside and (_TASK.fullmatch(part) or _LOGITS.search(part)) else ""

    def _nearest(self, key: str) -> tuple[str, str]:
        """The innermost module that there is on the way to a tensor, and the rest of the way; also under the usual prefix."""
        keys = [key, f"{self.prefix}.{key}", key.removeprefix(f"{self.prefix}.")] if self.prefix else [key]
        return max((self._split(k) for k in keys), key=lambda found: len(found[0].split(".")) if found[0] else 0)

    def _split(self, key: str) -> tuple[str, str]:
        parts = key.split(".")
        deepest = next(n for n in range(len(parts) - 1, -1, -1) if ".".join(parts[:n]) in self.modules)
        return ".".join(parts[:deepest]), ".".join(parts[deepest:])

    def _predicts_further(self, number: str) -> bool:
        """Blocks behind the last that predict tokens further on, which some models bring."""
        text = self.config.get_text_config() if hasattr(self.config, "get_text_config") else self.config
        further = getattr(text, "num_nextn_predict_layers", None) or 0
        return number.isdigit() and self.depth <= int(number) < self.depth + int(further)
