"""dictionary_learning (Marks, Karvonen, Mueller): a folder with ``ae.pt`` and ``config.json``, read and not written.

https://github.com/saprmarks/dictionary_learning (MIT). Which class it is follows from its tensors; ``config.json`` must agree.
"""

from pathlib import Path
from typing import Any

import torch

from depthscope.capture.sites import Site
from depthscope.errors import DepthscopeError
from depthscope.studies.sae.activations.activation import Activation
from depthscope.studies.sae.activations.names import activation_of
from depthscope.studies.sae.dictionary import Dictionary, Origin
from depthscope.studies.sae.formats.fold import unit_rows
from depthscope.studies.sae.formats.weights import ANY, Weights, among, read_settings, read_torch

SETTINGS, WEIGHTS = "config.json", "ae.pt"
FILES = WEIGHTS
# what a class holds that no other one does, the most telling first
_MARKS = {
    "GatedAutoEncoder": ("gate_bias", "decoder_bias"),
    "MatryoshkaBatchTopKSAE": ("W_enc", "group_sizes"),
    "JumpReluAutoEncoder": ("W_enc", "threshold"),
    "AutoEncoderTopK": ("b_dec", "encoder.weight"),
    "AutoEncoderNew": ("decoder.bias", "encoder.weight"),
    "AutoEncoder": ("bias", "encoder.weight"),
}
_BATCH = "BatchTopKSAE"  # the tensors of AutoEncoderTopK, used with the threshold
_KNOWN = (*_MARKS, _BATCH)
_BIAS = {"AutoEncoder": "bias", "AutoEncoderNew": "decoder.bias", "GatedAutoEncoder": "decoder_bias"}
_PLACES = {"resid_post": "resid", "mlp_out": "mlp", "attn_out": "attention"}


def holds(path: Path) -> bool:
    return (path / WEIGHTS).is_file()


def settings(path: Path) -> dict[str, Any]:
    return read_settings(path / SETTINGS) if (path / SETTINGS).is_file() else {}


def read(path: Path, device: torch.device) -> Dictionary:
    said, weights = settings(path), read_torch(path / WEIGHTS, device)
    trainer = said.get("trainer") if isinstance(said.get("trainer"), dict) else {}
    kind = _kind(weights, trainer or {}, path)
    transposed = "W_enc" in weights
    if transposed:
        encoder = weights.take("W_enc", ANY, ANY).T.contiguous()
    else:
        weights.need("encoder.weight")
        encoder = weights.take("encoder.weight", ANY, ANY)
    latents, width = encoder.shape
    if transposed:
        decoder = weights.take("W_dec", latents, width)
    else:
        decoder = weights.take("decoder.weight", width, latents).T.contiguous()
    output = weights.take(_BIAS.get(kind, "b_dec"), width)
    inside, own = {}, {}
    if kind == "GatedAutoEncoder":
        inside = {"gate_bias": weights.take("gate_bias", latents), "magnitude_bias": weights.take("mag_bias", latents)}
        own = {"magnitude_scale": weights.take("r_mag", latents)}
    else:
        inside = {"latent_bias": weights.take("b_enc" if transposed else "encoder.bias", latents)}
    fires = _activation(kind, weights, inside)
    if kind in ("GatedAutoEncoder", "JumpReluAutoEncoder"):  # whose activations are times the norms of what they write
        encoder, decoder, inside = unit_rows(encoder, decoder, inside)
    latent_bias = inside.pop("latent_bias", torch.zeros(latents, device=device).to(encoder))
    weights.drop("k", "threshold", "group_sizes")
    weights.over()
    taken_off = kind not in ("AutoEncoderNew", "JumpReluAutoEncoder")
    return Dictionary(
        encoder,
        latent_bias,
        decoder,
        output if taken_off else torch.zeros_like(output),
        fires,
        {**inside, **own},
        output_bias=None if taken_off else output,
        origin=_origin(said, trainer or {}),
    )


def _kind(weights: Weights, trainer: dict[str, Any], path: Path) -> str:
    """The class, by what it holds; the settings tell apart the two that hold the same."""
    named = trainer.get("dict_class")
    if named is not None:
        among(_KNOWN, path / SETTINGS, "dict_class", named)
    kind = next((one for one, marks in _MARKS.items() if all(mark in weights for mark in marks)), "AutoEncoder")
    if kind == "AutoEncoder":
        weights.need("encoder.weight", "encoder.bias", "decoder.weight", "bias")
    same = {"AutoEncoderTopK": ("AutoEncoderTopK", _BATCH)}.get(kind, (kind,))
    if named is None and len(same) > 1:
        raise DepthscopeError(
            f"{path}: there is no {SETTINGS}, and {WEIGHTS} may be one of {' and '.join(same)}, which compute otherwise; put "
            "the file beside it"
        )
    if named is not None and named not in same:
        raise DepthscopeError(
            f"{path / SETTINGS}: says {named}, and {WEIGHTS} holds the tensors of {kind}; put together what belongs together"
        )
    return str(named or kind)


def _activation(kind: str, weights: Weights, inside: dict[str, torch.Tensor]) -> Activation:
    """The activation; a threshold of its own joins what is in the units of activations."""
    latents = len(next(iter(inside.values())))
    if kind == "AutoEncoderTopK":
        return activation_of("topk", k=_k(weights))
    if kind == "JumpReluAutoEncoder":
        inside["threshold"] = weights.take("threshold", latents)
        return activation_of("jump_relu")
    if kind in (_BATCH, "MatryoshkaBatchTopKSAE"):
        weights.need("threshold")
        # below 0 until it has been trained for a while: then whatever is above 0 fires
        threshold = weights.take("threshold", *weights.tensors["threshold"].shape).clamp(min=0.0)
        inside["threshold"] = threshold.expand(latents).clone()
        if "group_sizes" in weights:
            groups = weights.tensors["group_sizes"].cumsum(0).tolist()
            return activation_of("matryoshka", k=_k(weights), prefixes=[size / latents for size in groups])
        return activation_of("batch_topk", k=_k(weights))
    return activation_of("gated" if kind == "GatedAutoEncoder" else "relu")


def _k(weights: Weights) -> int:
    weights.need("k")
    return int(weights.tensors["k"])


def _origin(said: dict[str, Any], trainer: dict[str, Any]) -> Origin:
    layer, name = trainer.get("layer"), str(trainer.get("submodule_name") or "resid_post")
    place = next((ours for theirs, ours in _PLACES.items() if name.startswith(theirs)), None)
    site = Site(place, layer + 1) if place and isinstance(layer, int) else None  # type: ignore[arg-type]
    return Origin(str(trainer.get("lm_name") or ""), "", site, None, said)
