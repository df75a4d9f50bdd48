"""EleutherAI's sparsify: a folder ``layers.15`` with ``cfg.json`` and ``sae.safetensors``, or a run with one per layer.

https://github.com/EleutherAI/sparsify (MIT). Rows of ``W_dec`` are directions, as here; an autoencoder always takes ``b_dec``
off its input, whatever ``normalize_decoder`` says, a transcoder never does.
"""

import json
from pathlib import Path
from typing import Any

import torch

from depthscope.capture.sites import Site
from depthscope.errors import DepthscopeError
from depthscope.store.files import write_text
from depthscope.studies.sae.activations.names import activation_of
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.formats.fold import with_input_bias
from depthscope.studies.sae.formats.hooks import module_of, site_of_module
from depthscope.studies.sae.formats.weights import ANY, read_safetensors, read_settings, whole, write_safetensors

SETTINGS, WEIGHTS, RUN = "cfg.json", "sae.safetensors", "config.json"
FILES = f"{SETTINGS} and {WEIGHTS}"


def holds(path: Path) -> bool:
    return (path / WEIGHTS).is_file() and (path / SETTINGS).is_file()


def settings(path: Path) -> dict[str, Any]:
    return read_settings(path / SETTINGS)


def read(path: Path, device: torch.device) -> Dictionary:
    said, weights, where = settings(path), read_safetensors(path / WEIGHTS, device), path / SETTINGS
    kind = said.get("activation", "topk")
    if kind != "topk" or said.get("signed"):
        raise DepthscopeError(
            f"{where}: its activation is {'signed TopK' if kind == 'topk' else kind}; of sparsify's, depthscope reads topk"
        )
    weights.need("encoder.weight", "encoder.bias", "W_dec", "b_dec")
    width = whole(said, "d_in", where)
    encoder = weights.take("encoder.weight", ANY, width)
    latents, across = len(encoder), bool(said.get("transcode"))
    decoder, output = weights.take("W_dec", latents, width), weights.take("b_dec", width)
    bias = weights.take("encoder.bias", latents)
    skip = weights.take("W_skip", width, width) if "W_skip" in weights else None
    weights.over()
    return Dictionary(
        encoder,
        bias,
        decoder,
        torch.zeros_like(output) if across else output,
        activation_of("topk", k=whole(said, "k", where)),
        output_bias=output if across else None,
        skip=skip,
        origin=_origin(path, said, across),
    )


def write(dictionary: Dictionary, path: Path) -> None:
    if dictionary.activation.name != "topk" or dictionary.normalization != "none":
        what = dictionary.activation.name if dictionary.activation.name != "topk" else "layer normalisation"
        raise DepthscopeError(f"sparsify's format holds TopK on states as they are, and not {what}: save it as saelens")
    k, origin = vars(dictionary.activation)["k"], dictionary.origin
    across = origin.target not in (None, origin.site)
    if across:
        dictionary = with_input_bias(dictionary, torch.zeros_like(dictionary.bias))
    elif dictionary.output_bias is not None:
        dictionary = with_input_bias(dictionary, dictionary.output_bias)
    tensors = {
        "encoder.weight": dictionary.encoder,
        "encoder.bias": dictionary.latent_bias,
        "W_dec": dictionary.decoder,
        "b_dec": dictionary.bias if dictionary.output_bias is None else dictionary.output_bias,
        **({} if dictionary.skip is None else {"W_skip": dictionary.skip}),
    }
    place = origin.target or origin.site
    said = {
        "activation": "topk",
        "expansion_factor": max(1, dictionary.latents // dictionary.width),
        "normalize_decoder": not across,
        "num_latents": dictionary.latents,
        "k": k,
        "multi_topk": False,
        "skip_connection": dictionary.skip is not None,
        "transcode": across,
        "d_in": dictionary.width,
        # sparsify knows the place by the name of the folder alone, and drops what it does not know
        **({"hookpoint": module_of(place)} if place else {}),
        **({"model": origin.model} if origin.model else {}),
    }
    path.mkdir(parents=True, exist_ok=True)
    write_safetensors(path / WEIGHTS, tensors)
    write_text(path / SETTINGS, json.dumps(said, indent=2) + "\n")


def _origin(path: Path, said: dict[str, Any], across: bool) -> Origin:
    """The folder's name is that of the module; with several seeds of one, that of the folder above."""
    names = [str(said.get("hookpoint") or ""), path.name, path.parent.name]
    name = next((name for name in names if site_of_module(name)), "")
    target = site_of_module(name)
    site: Site | None = site_of_module(name, taken_in=True) if across else target
    run: dict[str, Any] = {}
    for above in (path.parent, path.parent.parent):
        if (above / RUN).is_file():
            run = read_settings(above / RUN)
            break
    kept = {key: value for key, value in said.items() if key not in ("model", "hookpoint")}
    return Origin(str(said.get("model") or run.get("model") or ""), "", site, target if across else None, kept)
