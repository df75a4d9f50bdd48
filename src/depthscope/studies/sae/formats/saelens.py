"""SAELens 6: a folder with ``cfg.json`` and ``sae_weights.safetensors``; depthscope's own dictionaries are such folders.

https://github.com/decoderesearch/SAELens (MIT). What only depthscope knows is under ``metadata``, where SAELens keeps
whatever it does not know itself.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from depthscope.capture.sites import Site, read_site
from depthscope.errors import DepthscopeError
from depthscope.store.files import write_text
from depthscope.store.jsonable import jsonable
from depthscope.studies.sae.activations.activation import Activation
from depthscope.studies.sae.activations.names import ACTIVATIONS, activation_of
from depthscope.studies.sae.dictionary import Dictionary, Normalization, Origin
from depthscope.studies.sae.formats.fold import unit_rows, with_input_bias
from depthscope.studies.sae.formats.hooks import hook_of, site_of_hook, site_of_point
from depthscope.studies.sae.formats.weights import (
    Weights,
    among,
    read_safetensors,
    read_settings,
    whole,
    write_safetensors,
)

SETTINGS, WEIGHTS, SCALER = "cfg.json", "sae_weights.safetensors", "activation_scaler.json"
FILES = f"{SETTINGS} and {WEIGHTS}"
VERSION = "6.0.0"  # of SAELens, whose layout this is: without it, the folder is taken for one of an older version

# activations by the architectures that hold them, as they are used once they are trained
_ACTIVATIONS = {
    "standard": "relu",
    "topk": "topk",
    "jumprelu": "jump_relu",
    "gated": "gated",
    "batchtopk": "batch_topk",
    "matryoshka_batchtopk": "batch_topk",
}
_ARCHITECTURES = {"relu": "standard", "jump_relu": "jumprelu", "batch_topk": "jumprelu"}
# SAELens has classes of their own for these; its others compute a transcoder where b_dec is not taken off the input
_ACROSS = {"standard": "transcoder", "jumprelu": "jumprelu_transcoder"}
_SKIPPING = {"standard": "skip_transcoder", "jumprelu": "jumprelu_skip_transcoder"}
_SKIP = "_skip_transcoder"  # of those that SAELens does not have, and refuses
_OWN = {"b_gate": "gate_bias", "b_mag": "magnitude_bias", "r_mag": "magnitude_scale"}
# of what is in metadata, what depthscope says again when it writes
_SAID = ("model_name", "fingerprint", "site", "target", "activation")
# where what is read and what is written are said: by depthscope, by SAELens, and beside, as a module of transformers
_PLACES = (("site", "hook_name", "hf_hook_name"), ("target", "hook_name_out", "hf_hook_name_out"))


def holds(path: Path) -> bool:
    return (path / WEIGHTS).is_file() and (path / SETTINGS).is_file()


def settings(path: Path) -> dict[str, Any]:
    """``cfg.json``, that of an older version in the terms of this one."""
    return _modern(read_settings(path / SETTINGS))


def read(path: Path, device: torch.device) -> Dictionary:
    said, weights = settings(path), read_safetensors(path / WEIGHTS, device)
    where, architecture = path / SETTINGS, str(said.get("architecture"))
    base, across, skips = _kind(architecture, said, where)
    latents, width = whole(said, "d_sae", where), whole(said, "d_in", where)
    if across and said.get("d_out", width) != width:
        raise DepthscopeError(
            f"{where}: reads {width} features and writes {said['d_out']}; depthscope has transcoders only between states of "
            "the same network, which have as many"
        )
    weights.need("W_enc", "W_dec", "b_dec", *(["W_skip"] if skips else []))
    encoder = weights.take("W_enc", width, latents).T.contiguous()
    decoder, output = weights.take("W_dec", latents, width), weights.take("b_dec", width)
    biases, own = _beside(base, weights, latents, said)
    if said.get("rescale_acts_by_decoder_norm"):
        encoder, decoder, biases = unit_rows(encoder, decoder, biases)
    if "scaling_factor" in weights:  # of latents, in versions before 6
        decoder = decoder * weights.take("scaling_factor", latents)[:, None]
    if "topk_threshold" in weights:  # of one in training: in units of what is rescaled
        own["threshold"] = torch.full_like(biases["b_enc"], float(weights.take("topk_threshold")))
    skip = weights.take("W_skip", width, width) if skips else None
    weights.over()
    normalization, scale = _normalization(said, across, path)
    if scale != 1:
        encoder, decoder, output = encoder * scale, decoder / scale, output / scale
    own |= {_OWN.get(name, name): value for name, value in biases.items() if name != "b_enc"}
    plain = not across and said.get("apply_b_dec_to_input", True)
    return Dictionary(
        encoder,
        biases.get("b_enc", torch.zeros_like(encoder[:, 0])),
        decoder,
        output if plain else torch.zeros_like(output),
        _activation(base, said, where),
        own,
        output_bias=None if plain else output,
        skip=skip,
        normalization=normalization,
        origin=_origin(said, where),
    )


def write(dictionary: Dictionary, path: Path) -> None:
    """Every dictionary can be held; one with a bias of its own on either side has that of its input folded."""
    base = _base({"name": dictionary.activation.name, **vars(dictionary.activation)})
    origin = dictionary.origin
    across = base in _ACROSS and (origin.target not in (None, origin.site) or dictionary.skip is not None)
    plain = dictionary.output_bias is None and not across and dictionary.skip is None
    if not plain and (dictionary.output_bias is None or dictionary.bias.any()):
        dictionary = _apart(dictionary)
    architecture = base
    if dictionary.skip is not None:
        architecture = _SKIPPING.get(base, base + _SKIP)
    elif across:
        architecture = _ACROSS[base]
    output = dictionary.bias if dictionary.output_bias is None else dictionary.output_bias
    tensors = {
        "W_enc": dictionary.encoder.T,
        "W_dec": dictionary.decoder,
        "b_dec": output,
        **{{v: k for k, v in _OWN.items()}.get(name, name): value for name, value in dictionary.own.items()},
    }
    if base != "gated":
        tensors["b_enc"] = dictionary.latent_bias
    if dictionary.skip is not None:
        tensors["W_skip"] = dictionary.skip
    said = {
        "architecture": architecture,
        "d_in": dictionary.width,
        "d_sae": dictionary.latents,
        **({"d_out": dictionary.width} if architecture != base else {}),
        **({"k": vars(dictionary.activation)["k"], "rescale_acts_by_decoder_norm": False} if base == "topk" else {}),
        "dtype": str(dictionary.encoder.dtype).removeprefix("torch."),
        "device": "cpu",
        "apply_b_dec_to_input": plain,
        "normalize_activations": "layer_norm" if dictionary.normalization == "layer" else "none",
        "reshape_activations": "none",
        "metadata": _metadata(dictionary),
    }
    if dictionary.normalization == "layer" and architecture != base:
        raise DepthscopeError(
            "a transcoder behind layer normalisation: SAELens would not undo the normalisation; fold it into the weights of "
            "the model, or keep the dictionary as it was"
        )
    path.mkdir(parents=True, exist_ok=True)
    write_safetensors(path / WEIGHTS, tensors)
    # last: a folder without it is no dictionary
    write_text(path / SETTINGS, json.dumps(jsonable(said), indent=2) + "\n")


def _kind(architecture: str, said: Mapping[str, Any], where: Path) -> tuple[str, bool, bool]:
    """The architecture within an autoencoder, whether it is a transcoder, and whether that one has a linear map beside."""
    for names, skips in ((_ACROSS, False), (_SKIPPING, True)):
        for base, name in names.items():
            if architecture == name:
                return base, True, skips
    skips = architecture.endswith(_SKIP)
    base = architecture.removesuffix(_SKIP)
    if base not in _ACTIVATIONS and not (base in ACTIVATIONS and _told(said).get("name") == base):
        among([*_ACTIVATIONS, *_ACROSS.values(), *_SKIPPING.values()], where, "architecture", architecture)
    return base, skips, skips


def _beside(
    base: str, weights: Weights, latents: int, said: Mapping[str, Any]
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Of the latents (n,): what is in the units of activations, and what has no unit."""
    if base == "gated":
        weights.need("b_gate", "b_mag", "r_mag")
        units = {name: weights.take(name, latents) for name in ("b_gate", "b_mag")}
        return units, {"magnitude_scale": weights.take("r_mag", latents)}
    if "log_threshold" in weights:  # of JumpReLU in training, before version 6
        weights.tensors["threshold"] = weights.tensors.pop("log_threshold").exp()
    weights.need("b_enc", *(["threshold"] if base == "jumprelu" else []))
    if base in ("batchtopk", "matryoshka_batchtopk"):
        weights.need("topk_threshold")
    names = ["b_enc", *(["threshold"] if base == "jumprelu" else [])]
    units = {name: weights.take(name, latents) for name in names}
    if base not in _ACTIVATIONS:  # an activation of depthscope's own
        return units, {name: weights.take(name, latents) for name in list(weights.tensors) if name != "W_skip"}
    return units, {}


def _activation(base: str, said: Mapping[str, Any], where: Path) -> Activation:
    # the same file may hold one that was trained otherwise than its architecture says
    told = dict(_told(said)) if _base(_told(said)) == base else {}
    if base == "topk":
        return activation_of(**{"name": "topk", **told, "k": whole(said, "k", where)})
    if told:
        return activation_of(**told)
    widths, latents = said.get("matryoshka_widths"), whole(said, "d_sae", where)
    if base == "matryoshka_batchtopk" and isinstance(widths, list):
        shares = [width / latents for width in widths if width < latents]
        return activation_of("matryoshka", k=said.get("k"), prefixes=(*shares, 1.0))
    if base in ("batchtopk", "matryoshka_batchtopk"):
        return activation_of("batch_topk", k=said.get("k"))
    return activation_of(_ACTIVATIONS[base])


def _base(told: Mapping[str, Any]) -> str:
    """The architecture that computes what an activation does, of which there is its name and settings; or its own name."""
    name = str(told.get("name", ""))
    if name == "matryoshka":  # which is another one in training alone
        return "jumprelu" if told.get("batch", True) else "topk"
    return _ARCHITECTURES.get(name, name)


def _told(said: Mapping[str, Any]) -> Mapping[str, Any]:
    """What depthscope has written of the activation."""
    metadata = said.get("metadata")
    told = metadata.get("activation") if isinstance(metadata, dict) else None
    return told if isinstance(told, dict) else {}


def _normalization(said: Mapping[str, Any], across: bool, path: Path) -> tuple[Normalization, float]:
    """What is done to a state before it is encoded, and the constant that it is multiplied by, which is folded."""
    kind = said.get("normalize_activations") or "none"
    if kind == "none":
        return "none", 1.0
    if kind == "layer_norm" and not across:
        return "layer", 1.0
    # a checkpoint, which SAELens itself reads without the factor (findings/sae-lens-checkpoint-unscaled.sh)
    if kind == "expected_average_only_in" and (path / SCALER).is_file():
        scale = read_settings(path / SCALER).get("scaling_factor")
        if isinstance(scale, int | float) and scale > 0:
            return "none", float(scale)
    ways = {
        "expected_average_only_in": f"the factor of its states is neither folded nor in a file {SCALER}; fold it with "
        "SAELens (sae.fold_activation_norm_scaling_factor(factor)) and save it again",
        "constant_norm_rescale": "every state is brought to the same length, which no weights can do; train it without",
        "layer_norm": "a transcoder behind layer normalisation is written back in other units; fold it, and save it again",
        "covariance_whitening": "its whitening is not folded; fold it with SAELens (sae.fold_activation_whitening) and save "
        "it again",
    }
    raise DepthscopeError(
        f"{path / SETTINGS}: normalize_activations is {kind!r}: "
        f"{ways.get(str(kind), 'depthscope knows none, layer_norm and expected_average_only_in')}"
    )


def _origin(said: Mapping[str, Any], where: Path) -> Origin:
    found = said.get("metadata")
    metadata: dict[str, Any] = found if isinstance(found, dict) else {}
    one_head = metadata.get("hook_head_index") is not None
    site, target = (None if one_head else _site(metadata, *keys) for keys in _PLACES)
    kept = {name: value for name, value in metadata.items() if name not in _SAID}
    return Origin(str(metadata.get("model_name") or ""), str(metadata.get("fingerprint") or ""), site, target, kept)


def _site(metadata: Mapping[str, Any], ours: str, hook: str, point: str) -> Site | None:
    if isinstance(metadata.get(ours), str):
        return read_site(metadata[ours])
    return site_of_hook(metadata.get(hook)) or site_of_point(metadata.get(point))


def _metadata(dictionary: Dictionary) -> dict[str, Any]:
    origin = dictionary.origin
    said: dict[str, Any] = {"sae_lens_version": VERSION, "sae_lens_training_version": None, **origin.more}
    for site, (ours, hook, point) in zip((origin.site, origin.target), _PLACES, strict=True):
        if site is not None:
            # another library's name of the same place is kept as it is
            foreign = site_of_hook(said.get(hook)) or site_of_point(said.get(point))
            said |= {ours: str(site)} | ({} if foreign == site else {hook: hook_of(site)})
    said |= {
        "model_name": origin.model,
        **({"fingerprint": origin.fingerprint} if origin.fingerprint else {}),
        "activation": {"name": dictionary.activation.name, **vars(dictionary.activation)},
    }
    return dict(sorted(said.items()))


def _apart(dictionary: Dictionary) -> Dictionary:
    """With nothing taken off the input, and the bias of the output by itself."""
    return with_input_bias(dictionary, torch.zeros_like(dictionary.bias))


def _modern(said: dict[str, Any]) -> dict[str, Any]:
    """Settings of SAELens before version 6 in the terms of version 6."""
    found = said.get("metadata")
    metadata = dict(found) if isinstance(found, dict) else {}
    version = str(said.get("sae_lens_version") or metadata.get("sae_lens_version") or "0")
    if version.split(".")[0].isdecimal() and int(version.split(".")[0]) >= 6:
        return said
    modern = {**said, "architecture": said.get("architecture") or "standard"}
    kind = said.get("activation_fn_str", said.get("activation_fn", "relu"))
    kwargs = said.get("activation_fn_kwargs") or {}
    if kind == "topk" and "k" in kwargs:
        modern |= {"architecture": "topk", "k": kwargs["k"]}
    elif kind != "relu":
        modern["architecture"] = f"{modern['architecture']} with {kind}"  # named when it is refused
    if isinstance(said.get("normalize_activations"), bool):
        modern["normalize_activations"] = "expected_average_only_in" if said["normalize_activations"] else "none"
    names = {"hook_name": said.get("hook_name", said.get("hook_point"))}
    for name in ("model_name", "hook_head_index", "hook_name_out", "prepend_bos", "context_size", "dataset_path"):
        names |= {name: said[name]} if said.get(name) is not None else {}
    modern["metadata"] = {**{name: value for name, value in names.items() if value is not None}, **metadata}
    return modern
