"""Gemma Scope: JumpReLU autoencoders and transcoders of Google DeepMind, ``params.safetensors`` (2) or ``params.npz`` (1).

arXiv 2408.05147; nothing is taken off the input. The settings are in ``config.json``, of the first version in the names of
folders alone.
"""

import re
from pathlib import Path
from typing import Any

import torch

from depthscope.capture.sites import Site
from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.names import activation_of
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.formats.hooks import site_of_point
from depthscope.studies.sae.formats.weights import ANY, among, read_npz, read_safetensors, read_settings

SETTINGS, WEIGHTS, ARCHIVE = "config.json", "params.safetensors", "params.npz"
FILES = f"{WEIGHTS} or {ARCHIVE}"


def holds(path: Path) -> bool:
    return (path / WEIGHTS).is_file() or (path / ARCHIVE).is_file()


def settings(path: Path) -> dict[str, Any]:
    return read_settings(path / SETTINGS) if (path / SETTINGS).is_file() else {}


def read(path: Path, device: torch.device) -> Dictionary:
    said = settings(path)
    among(("jump_relu",), path / SETTINGS, "architecture", said.get("architecture", "jump_relu"))
    new = (path / WEIGHTS).is_file()
    weights = read_safetensors(path / WEIGHTS, device) if new else read_npz(path / ARCHIVE, device)
    for name in ("W_enc", "W_dec"):  # as the first version has them
        if name in weights:
            weights.tensors[name.lower()] = weights.tensors.pop(name)
    weights.need("w_enc", "w_dec", "b_enc", "b_dec", "threshold")
    if weights.tensors["w_dec"].dim() == 3:
        raise DepthscopeError(
            f"{weights.path}: its latents write into several layers at once, which depthscope does not read; take a dictionary "
            "of one layer"
        )
    encoder = weights.take("w_enc", ANY, ANY).T.contiguous()
    latents, width = encoder.shape
    decoder, output = weights.take("w_dec", latents, width), weights.take("b_dec", width)
    bias, threshold = weights.take("b_enc", latents), weights.take("threshold", latents)
    skip = None
    if "affine_skip_connection" in weights:  # from input to output
        skip = weights.take("affine_skip_connection", width, width).T.contiguous()
    weights.over()
    return Dictionary(
        encoder,
        bias,
        decoder,
        torch.zeros_like(output),
        activation_of("jump_relu"),
        {"threshold": threshold},
        output_bias=output,
        skip=skip,
        origin=_origin(path, said),
    )


def _origin(path: Path, said: dict[str, Any]) -> Origin:
    if "hf_hook_point_in" in said:
        points = [site_of_point(said.get(f"hf_hook_point_{end}")) for end in ("in", "out")]
        return Origin(_model(str(said.get("model_name", ""))), "", points[0], points[1], said)
    # of the first version, google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71
    whole = path.resolve().as_posix()
    layer, release = re.search(r"/layer_(\d+)/", whole), re.search(r"gemma-scope-(\d+b-[a-z]+)-(res|mlp|att)\b", whole)
    if not release:
        return Origin(more=said)
    site = None
    # what attention gives there is not yet mixed over its heads
    if layer and release[2] in ("res", "mlp"):
        site = Site("resid" if release[2] == "res" else "mlp", int(layer[1]) + 1)
    return Origin(f"google/gemma-2-{release[1].removesuffix('-pt')}", "", site, None, said)


def _model(name: str) -> str:
    """The name on the hub: gemma-v3-270m-pt of the settings is google/gemma-3-270m there."""
    name = name.removeprefix("google/").replace("-v3", "-3")
    if "270m" in name:
        name = name.removesuffix("-pt")
    return f"google/{name}" if name else ""
