"""openai/sparse_autoencoder: the state dict of one autoencoder as a file of ``torch.save``, or the same as safetensors.

https://github.com/openai/sparse_autoencoder (MIT). There, TopK means that states are normalised token by token, and nothing
else is; where a state was read is not said.
"""

from pathlib import Path
from typing import Any

import torch

from depthscope.errors import DepthscopeError, listed
from depthscope.store.files import atomic
from depthscope.studies.sae.activations.names import activation_of
from depthscope.studies.sae.dictionary import Dictionary
from depthscope.studies.sae.formats.fold import with_input_bias
from depthscope.studies.sae.formats.weights import ANY, Weights, among, read_safetensors, read_torch, write_safetensors

TORCH, SAFE, MARK = (".pt", ".pth"), ".safetensors", "openai/sparse_autoencoder"
FILES = "a state dict of openai/sparse_autoencoder, .pt or .safetensors"
# counts of how latents fired in training
_COUNTS = ("stats_last_nonzero", "latents_activation_frequency", "latents_mean_square")
_STATE, _K, _AFTER = "activation_state_dict", "activation.k", "activation.postact_fn"


def holds(path: Path) -> bool:
    """By what is in it: files of torch may hold anything."""
    if not path.is_file() or path.suffix not in (*TORCH, SAFE):
        return False
    try:
        weights = _weights(path, torch.device("meta"))
    except DepthscopeError:
        return False
    return "pre_bias" in weights if path.suffix in TORCH else weights.beside.get("layout") == MARK


def settings(path: Path) -> dict[str, Any]:
    weights = _weights(path, torch.device("meta"))
    weights.need("encoder.weight")
    latents, width = weights.tensors["encoder.weight"].shape
    kind, k, after = _told(weights)
    return {"activation": kind, "k": k, "postact_fn": after, "n_latents": latents, "n_inputs": width}


def read(path: Path, device: torch.device) -> Dictionary:
    weights = _weights(path, device)
    kind, k, after = _told(weights)
    among(("TopK", "ReLU"), path, "activation", kind)
    if kind == "TopK" and after != "ReLU":
        raise DepthscopeError(
            f"{path}: what its TopK selects goes through {after}, so that activations may be below 0, which depthscope's never "
            "are; give one with ReLU"
        )
    weights.drop(*_COUNTS, *(name for name in list(weights.tensors) if name in (_K, _AFTER)))
    tied = "decoder.linear.weight" in weights
    weights.need("pre_bias", "encoder.weight", "latent_bias", *([] if tied else ["decoder.weight"]))
    encoder = weights.take("encoder.weight", ANY, ANY)
    latents, width = encoder.shape
    if tied:
        decoder = weights.take("decoder.linear.weight", latents, width).clone()
    else:
        decoder = weights.take("decoder.weight", width, latents).T.contiguous()
    bias, latent_bias = weights.take("pre_bias", width), weights.take("latent_bias", latents)
    weights.over()
    if kind == "TopK" and not k:
        raise DepthscopeError(f"{path}: its TopK has k={k!r}, which is no whole number above 0; get it anew")
    fires = activation_of("topk", k=k) if kind == "TopK" else activation_of("relu")
    return Dictionary(encoder, latent_bias, decoder, bias, fires, normalization="layer" if kind == "TopK" else "none")


def write(dictionary: Dictionary, path: Path) -> None:
    name, normalized = dictionary.activation.name, dictionary.normalization == "layer"
    if name not in ("topk", "relu"):
        raise DepthscopeError(f"openai's format holds TopK and ReLU, and not {name}: save it as saelens")
    if (name == "topk") != normalized:
        raise DepthscopeError(
            "openai's format takes TopK for one behind layer normalisation and ReLU for one without, and this is the other way "
            "round: save it as saelens"
        )
    origin = dictionary.origin
    if dictionary.skip is not None or origin.target not in (None, origin.site):
        raise DepthscopeError("openai's format holds autoencoders, and no transcoder: save it as saelens")
    if path.suffix not in (*TORCH, SAFE):
        raise DepthscopeError(f"{path}: openai's format is one file: give a name that ends in .pt or .safetensors")
    if dictionary.output_bias is not None:
        dictionary = with_input_bias(dictionary, dictionary.output_bias)
    latents = dictionary.latents
    device = dictionary.encoder.device
    tensors = {
        "pre_bias": dictionary.bias,
        "latent_bias": dictionary.latent_bias,
        "stats_last_nonzero": torch.zeros(latents, dtype=torch.long, device=device),
        "latents_activation_frequency": torch.ones(latents, device=device),
        "latents_mean_square": torch.zeros(latents, device=device),
        "encoder.weight": dictionary.encoder,
        "decoder.weight": dictionary.decoder.T,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    k = getattr(dictionary.activation, "k", None)
    if path.suffix == SAFE:
        words = {"layout": MARK, "activation": "TopK", "k": str(k), "postact_fn": "ReLU"}
        write_safetensors(path, tensors, words if name == "topk" else {"layout": MARK, "activation": "ReLU"})
        return
    held: dict[str, Any] = {key: value.detach().contiguous().cpu() for key, value in tensors.items()}
    # without "activation.k" beside: the published loader is strict, and refuses what today's state_dict() adds
    held["activation"] = "TopK" if name == "topk" else "ReLU"
    held[_STATE] = {"k": k, "postact_fn": "ReLU"} if name == "topk" else {}
    with atomic(path, sweep=True) as scratch:
        torch.save(held, scratch)


def _weights(path: Path, device: torch.device) -> Weights:
    return read_torch(path, device) if path.suffix in TORCH else read_safetensors(path, device)


def _told(weights: Weights) -> tuple[str, int | None, str]:
    """Activation, k, and what is done to the selected; also where a state dict says them in names with dots alone."""
    beside = weights.beside
    state = beside.get(_STATE) or {}
    state = state if isinstance(state, dict) else {}
    k = state.get("k", beside.get(_K, beside.get("k", weights.tensors.get(_K))))
    after = state.get("postact_fn", beside.get(_AFTER, beside.get("postact_fn", "ReLU")))
    kind = beside.get("activation", "TopK" if k is not None else "ReLU")
    odd = sorted(set(beside) - {_STATE, _K, _AFTER, "activation", "k", "postact_fn", "layout", "format"})
    if odd:
        raise DepthscopeError(
            f"{weights.path}: holds {listed(odd)}, which no state dict of this kind has; save it without"
        )
    text = str(int(k)) if isinstance(k, torch.Tensor) and k.device.type != "meta" else str(k)
    return str(kind), int(text) if text.isdecimal() else None, str(after)
