"""Settings of a configuration that the network's code never reads: other networks compute with them, this one does not."""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, require

# of the file, of training, of generation, of labels, of speed: states do not depend on them
_IDLE = re.compile(
    r"_.*|architectures|auto_map|(torch_)?dtype|.*version|.*_(token|token_id|token_ids|token_index)|tokenizer_class|"
    r".*(dropout|pdrop|drop_rate|drop_path|layerdrop|jitter|initializer|init|_std|loss|_aux|aux_|label|summary|classifier).*|"
    r"(init|mask|vision|image|video|audio|task|quantization|neftune)_.*|.*ignore_index|"
    r".*(cache|checkpointing|flash|kernel|implementation|fused|fusion|sdpa|xformers|compile|parallelism|torchscript|fp32).*|"
    r"pretraining_tp|ep_size|tp_size|is_decoder|is_encoder_decoder|add_cross_attention|scale_attn_weights"
)
# the weights prove these by their names and shapes
_PROVEN = re.compile(
    r".*(bias|biases|qk_norm|q_norm|k_norm|layernorm)|.*(hidden|intermediate|embed|embedding|embeddings|vocab|inner|ffn|expert)"
    r"_?(size|dim|dims|layers)?|d_model|d_ff|kv_channels|n_embd|n_layers?|num_layers|.*(ctx|positions|seq_len|seq_length|sequence_length|"
    r"max_length)|num_(local_)?experts|n_(routed|shared)_experts"
)
# these change states in whatever network they stand
_TELLING = re.compile(
    r".*(eps|epsilon|theta|soft_?cap(ping)?|sliding_window|window_size|rotary_pct|rotary_factor|rope_scaling|rope_parameters)"
)
_HEADS = re.compile(r"(n|num)_(attention_)?heads?")
# a size of something that is as wide as the stream says so once more
_WIDTH = re.compile(r"(.*_)?(dim|size|width)(_in|_out)?")
_HEAD_SIZE = re.compile(r"(.*_)?head_(dim|size)")
# the share of each head that is rotated
_SHARE = re.compile(r"(partial_)?rotary_(pct|percent|percentage|factor)")
# what one setting may be called, by how a word of its name begins
_TOPICS = ("eps", "theta", "act", "window", "soft", "scal", "top", "position")
# scaled positions, by their older and their newer name
_ROTARY = ("rope_scaling", "rope_parameters")
# published with a second value, which no release ever read
_PUBLISHED = {("starcoder2", "activation_function")}


def check_read(raw: Mapping[str, Any], network: Any, name: str) -> None:
    """Refuse a configuration of which the network would leave something out.

    Parameters
    ----------
    raw : mapping
        What ``config.json`` says, before a class has made anything of it.
    network : Module
        What was built from it.

    Raises
    ------
    DepthscopeError
        A key that is nowhere in the code of the network and of its configuration, that other networks of transformers
        compute with, or whose name leaves no doubt, and whose value would change something.
    """
    config = network.config
    words = _words(network, config)
    if words & {"rope_parameters", "rope_theta"}:
        words |= set(_ROTARY)
    sides = [(config, raw)]
    if (text := config.get_text_config()) is not config:
        key = next((key for key, value in vars(config).items() if value is text), "")
        sides += [(text, inner)] if isinstance(inner := raw.get(key), Mapping) else []
    for side, said in sides:
        for key, value in said.items():
            if key in words or _IDLE.fullmatch(key) or _PROVEN.fullmatch(key) or _changes_nothing(key, value, side):
                continue
            if _TELLING.fullmatch(key) or _is_read_elsewhere(key):
                raise _refusal(name, key, value, network, words)


def _refusal(name: str, key: str, value: Any, network: Any, words: set[str]) -> DepthscopeError:
    config = network.config.get_text_config()
    names = [other for other in sorted(vars(config)) if other in words and _topics(key) & _topics(other)]
    way_out = f"if {names[0]} is meant, name it so" if names else "if another class is meant, name that"
    return DepthscopeError(
        f"{name}: config.json says {key} = {repr(value)[:60]}, which {type(network).__name__} never reads, so it would compute "
        f"something else than its file says; {way_out}, or take the key out if it means nothing here"
    )


def _changes_nothing(key: str, value: Any, config: Any) -> bool:
    """Whether a value is what a network does without it, or says once more what another key says."""
    if isinstance(value, str):
        # other words are names of variants, of which a class mostly has one
        published = (str(config.model_type), key) in _PUBLISHED
        return published or "act" not in _topics(key) or _is_said(key, value, config)
    if key == "use_sliding_window" and value is False:
        return not _is_narrow(config, getattr(config, "sliding_window", None))
    if isinstance(value, bool) or not value:
        return value is not True
    if isinstance(value, int | float):
        wide = "window" in key and not _is_narrow(config, value)
        return wide or (value == 1 and not _TELLING.fullmatch(key)) or _is_said(key, value, config)
    if isinstance(value, list):
        return all(entry in ("full_attention", "attention", None, 0, False) for entry in value)
    if isinstance(value, Mapping) and key in _ROTARY:
        return bool(value.get("rope_type", value.get("type", "default")) == "default")
    return True


def _is_narrow(config: Any, window: Any) -> bool:
    """Whether a window is shorter than the context."""
    context = getattr(config, "max_position_embeddings", None)
    return isinstance(window, int | float) and not (isinstance(context, int) and window >= context)


def _is_said(key: str, value: Any, config: Any) -> bool:
    if _HEADS.fullmatch(key):
        return bool(value == getattr(config, "num_attention_heads", None))
    if _HEAD_SIZE.fullmatch(key) and (size := getattr(config, "head_dim", None)):
        return bool(value == size)
    if _WIDTH.fullmatch(key) and "window" not in key and value == getattr(config, "hidden_size", None):
        return True
    rotary = getattr(config, "rope_parameters", None) or {}
    if _SHARE.fullmatch(key) and rotary and not hasattr(config, "rotary_dim"):
        return bool(value == rotary.get("partial_rotary_factor", 1.0))
    said = (other for name, other in (vars(config) | rotary).items() if name != key and _topics(key) & _topics(name))
    return any(other == value and not isinstance(other, bool) for other in said)


def _topics(key: str) -> set[str]:
    return {topic for topic in _TOPICS for word in key.split("_") if word.startswith(topic)}


def _words(network: Any, config: Any) -> set[str]:
    """Every name in the code of a network and of its configuration, and the settings that all networks have."""
    transformers = require("transformers", "models")
    kinds = {kind for module in network.modules() for kind in type(module).__mro__}
    for one in (config, config.get_text_config()):
        kinds |= set(type(one).__mro__)
    sources = {kind.__module__ for kind in kinds if not _is_common(kind.__module__)}
    general = set(vars(transformers.PretrainedConfig())) | set(
        transformers.GenerationConfig._get_default_generation_params()
    )
    return general.union(*(_names(source) for source in sources))


def _is_common(module: str) -> bool:
    """Whether a module serves all networks, so that its names say nothing of one."""
    top, _, rest = module.partition(".")
    return top in ("torch", "builtins", "typing", "abc") or (top == "transformers" and not rest.startswith("models."))


@lru_cache(maxsize=64)
def _names(module: str) -> frozenset[str]:
    return frozenset(_names_in(ast.parse(inspect.getsource(import_module(module)))))


def _names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg | ast.keyword):
            yield node.arg or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@lru_cache(maxsize=256)
def _is_read_elsewhere(key: str) -> bool:
    """Whether the code of any network of transformers reads a setting of this name."""
    folder = Path(str(require("transformers", "models").__file__)).parent / "models"
    asked = re.compile(rf"config\.{re.escape(key)}\b|config, \"{re.escape(key)}\"")
    return any(asked.search(path.read_text(encoding="utf-8")) for path in folder.glob("*/modeling_*.py"))
