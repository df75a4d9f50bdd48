"""Whether the files filled the network: what they lack is random, what they hold too much was meant for another network."""

import copy
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from depthscope.errors import DepthscopeError, listed
from depthscope.model.model import Model, inputs_of, measuring
from depthscope.model.quantization import scheme_of

MEMORY = "load it with transformers yourself and give depthscope.load(network, tokenizer)"

# buffers that transformers computes itself, and that older releases saved
_COMPUTED = re.compile(r"(^|\.)(inv_freq|original_inv_freq|position_ids|masked_bias|num_batches_tracked|version)$")
# parts of a network that text does not pass through on its way along the blocks, by what authors call them
_ASIDE = re.compile(
    r"(^|_)(vision|visual|image|images|video|audio|speech|sound|vit|siglip|clip|sam|mm|multi_modal|multimodal|projector|"
    r"perceiver|resampler|talker|token2wav|code2wav|vocoder|mtp|nextn|eagle|medusa|pooler|connector)(_|$|\d)"
)
# what reads the last state; only where the network has nothing of the name
_HEADS = re.compile(
    r"(^|_)(head|heads|classifier|classification|score|cls|predictions?|qa|regression|seq_relationship|logit_scale|value|"
    r"reward|lm|vocab|discriminator|generator|out_proj|embed_out|logits|summary)(_|$|\d)"
)
# numbers beside packed weights
_SCALES = re.compile(
    r"(^|\.)(SCB|weight_format|g_idx|(nested_)?absmax|(nested_)?quant_map|quant_state\..*|\w*_scales?|\w*_scale_inv|"
    r"\w*zero_points?|[kv]_scale)$"
)


@dataclass(frozen=True)
class Filling:
    """What transformers says of the fit between a network and the files from which it was filled.

    Attributes
    ----------
    network : Module
        All of it, also where only one of its stacks is measured.
    missing, unexpected : tuple of str
        Tensors that the files lack, by their names in the network; tensors for which it has no place.
    files : str
        Where the weights came from.
    """

    network: nn.Module
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    files: str


def filling(network: nn.Module, info: Mapping[str, Any], name: str, files: str) -> Filling:
    """What ``from_pretrained(output_loading_info=True)`` said beside the network.

    Raises
    ------
    DepthscopeError
        Tensors of another shape than the configuration says.
    """
    mismatched = sorted(info.get("mismatched_keys") or ())
    if mismatched:
        key, theirs, ours = mismatched[0]
        more = f" and {len(mismatched) - 1} more" if len(mismatched) > 1 else ""
        raise DepthscopeError(
            f"{name}: its weights have other shapes than its configuration says ({key} is {shown(theirs)}, not {shown(ours)}"
            f"{more}), so one of the two belongs to another model; fetch or save the model again"
        )
    missing, unexpected = (tuple(sorted(info.get(f"{kind}_keys") or ())) for kind in ("missing", "unexpected"))
    return Filling(network, missing, unexpected, files)


def whole(network: nn.Module, info: Mapping[str, Any], name: str) -> nn.Module:
    """The network, if its files hold every weight of it.

    Raises
    ------
    DepthscopeError
        They do not.
    """
    found = filling(network, info, name, "the file")
    if found.missing:
        raise refuse_missing(name, found.missing, found.files)
    return network


def check_filled(model: Model, found: Filling, probe: Mapping[str, Any]) -> Model:
    """Refuse a model of whose measured part anything is random; put on record what is missing or left over elsewhere.

    What is missing is filled with NaN, so that whatever reads it shows it, then and later: the states of a pass over
    ``probe`` must stay as they are. If logits alone read it, the model predicts nothing.

    Raises
    ------
    DepthscopeError
        Weights of the measured part are missing, or there are some that its blocks should have held.
    """
    left = _left_over(model, found)
    lacking = _unread(model, found, probe)
    said = [found.files]
    if lacking.aside:
        said.append(f"not in it, and read by nothing that is measured: {listed(lacking.aside, 3)}")
    if lacking.head:
        said.append(f"not in it, and set to NaN: {listed(lacking.head, 3)}")
    if not found.missing:
        said[0] = f"all of {type(found.network).__name__} from {found.files}"
    if _untied(found.network):
        said.append("the head is the file's own, though the configuration ties it to the embeddings")
    if left:
        said.append(f"in it, and of no use here: {listed(left, 3)}")
    checks = {**model.checks, "weights": "; ".join(said)}
    if not lacking.head:
        return replace(model, checks=checks)
    checks["head"] = f"no surprisal: {found.files} holds no {listed(lacking.head, 2)}, so the head is untrained"
    return replace(model, checks=checks, predicts=False)


def refuse_missing(name: str, missing: Iterable[str], files: str) -> DepthscopeError:
    """The sentence on weights that would be random."""
    return DepthscopeError(
        f"{name}: {files} lacks weights that the configuration asks for ({listed(missing, 3)}), and they would be random; "
        f"fetch or save the model again, or, if that is what you want, {MEMORY}"
    )


def _untied(network: Any) -> bool:
    """transformers ties nothing if the files hold two different matrices."""
    ends = [
        find() for name in ("get_input_embeddings", "get_output_embeddings") if (find := getattr(network, name, None))
    ]
    weights = [getattr(end, "weight", None) for end in ends]
    tied = getattr(network.config.get_text_config(), "tie_word_embeddings", False)
    return bool(tied) and len(weights) == 2 and weights[1] is not None and weights[0] is not weights[1]


@dataclass(frozen=True)
class _Lacking:
    """Missing tensors that nothing measured reads, and those that logits alone do."""

    aside: tuple[str, ...] = ()
    head: tuple[str, ...] = ()


def _unread(model: Model, found: Filling, probe: Mapping[str, Any]) -> _Lacking:
    tensors = _tensors(found.network)
    missing = tuple(key for key in found.missing if not _is_computed(found.network, key))
    if not missing:
        return _Lacking()
    inside = {id(t) for block in model.blocks for t in _tensors(block).values()}
    # in a block, an expert that the probe does not meet is read by other texts
    surely = [
        key
        for key in missing
        if (t := tensors.get(key)) is None or id(t) in inside or t.is_meta or not t.is_floating_point()
    ]
    if surely:
        raise refuse_missing(model.name, surely, found.files)
    trunk = {id(t) for t in _tensors(model.trunk).values()}
    low = tuple(key for key in missing if id(tensors[key]) in trunk)
    high = tuple(key for key in missing if key not in low)
    before = _run(model, model.trunk, probe)
    _spoil(tensors, low)
    if low and not _same(before, _run(model, model.trunk, probe)):
        raise refuse_missing(model.name, low, found.files)
    if not high:
        return _Lacking(low)
    before = _run(model, model.network, probe)
    _spoil(tensors, high)
    if _same(before, _run(model, model.network, probe)):
        return _Lacking((*low, *high))
    return _Lacking(low, high)


def _is_computed(network: Any, key: str) -> bool:
    """Whether a parameter is a table that its class computes, such as sinusoidal positions, which many never save.

    The class makes it twice, from different seeds: what is random differs, and what is merely constant (a norm before
    training) is no table.
    """
    path, _, leaf = key.rpartition(".")
    fill = getattr(network, "_init_weights", None)
    try:
        owner = network.get_submodule(path)
        tensor = getattr(owner, leaf)
        if fill is None or tensor.ndim != 2 or tensor.is_meta or bool((tensor == tensor.flatten()[0]).all()):
            return False
        made = []
        for seed in (1, 2):
            again = copy.copy(owner)
            again._parameters = {leaf: nn.Parameter(torch.full_like(tensor, float("nan"), device="cpu"), False)}
            with torch.random.fork_rng(devices=[]), torch.no_grad():
                torch.default_generator.manual_seed(seed)
                fill(again)
            made.append(getattr(again, leaf).to(tensor))
    except Exception:  # whatever a class does without all that it is used to
        return False
    return torch.equal(made[0], made[1]) and torch.equal(made[0], tensor)


def _spoil(tensors: Mapping[str, torch.Tensor], names: Iterable[str]) -> None:
    for name in names:
        tensors[name].data.fill_(float("nan"))


def _run(model: Model, network: nn.Module, probe: Mapping[str, Any]) -> list[torch.Tensor]:
    """Every state, and what the network makes of the last."""
    states: list[torch.Tensor] = []
    with model.listening(lambda _, state: states.append(state.clone())), measuring(model.network):
        output = network(**inputs_of(network, probe["input_ids"], probe["attention_mask"]))
    last = [getattr(output, name, None) for name in ("last_hidden_state", "logits")]
    return [*states, *(value for value in last if isinstance(value, torch.Tensor))]


def _same(before: list[torch.Tensor], after: list[torch.Tensor]) -> bool:
    # NaN equals nothing, itself included
    return len(before) == len(after) and all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def _tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    return dict((*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False)))


def _left_over(model: Model, found: Filling) -> list[str]:
    """Unexpected tensors that belong to nothing which is measured; refused if any may."""
    place = _Place(model, found.network)
    theirs = [key for key in found.unexpected if place.belongs(key)]
    if theirs:
        raise DepthscopeError(
            f"{model.name}: {found.files} holds weights for which {type(found.network).__name__} has no place "
            f"({listed(theirs, 3)}), so it is another network than its configuration says; mend the configuration or the "
            f"names, or, if they are not needed, {MEMORY}"
        )
    return [key for key in found.unexpected if not _COMPUTED.search(key)]


class _Place:
    """Where in a network a tensor would stand for which it has no place."""

    def __init__(self, model: Model, network: nn.Module) -> None:
        self.modules = dict(network.named_modules())
        self.measured = {id(module) for module in model.network.modules()}
        first = next(path for path, module in self.modules.items() if module is model.blocks[0])
        self.blocks = first.rpartition(".")[0]
        # all that the list of blocks stands in
        self.around = {"", *(self.blocks[: match.start()] for match in re.finditer(r"\.", self.blocks))}
        self.prefix = str(getattr(network, "base_model_prefix", ""))
        self.config: Any = network.config
        self.packed = scheme_of(self.config) is not None
        # one stack by itself may come out of a whole; "decoder" is also what some encoders call their head
        self.other = "encoder" if model.causal else "decoder"
        self.depth = model.depth

    def belongs(self, key: str) -> bool:
        """Whether it would change what is measured."""
        if _COMPUTED.search(key) or (self.packed and _SCALES.search(key)):
            return False
        owner, rest = self._nearest(key)
        if owner and id(self.modules[owner]) not in self.measured and owner not in self.around:
            return False
        if owner in self.around:
            part = rest.partition(".")[0]
            return not (_ASIDE.search(part) or _HEADS.search(part) or part == self.other)
        if owner == self.blocks:
            return not self._predicts_further(rest.partition(".")[0])
        container = max((path for path in self.around if owner.startswith(f"{path}." if path else "")), key=len)
        part = owner[len(container) :].lstrip(".").partition(".")[0]
        return not _ASIDE.search(part)

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


def shown(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a single number"
