"""The places in a network by the names that other libraries have for them.

They count blocks from 0, and the stream that a block leaves is its own; :class:`~depthscope.capture.sites.Site` counts
blocks from 1, and layer 0 is the stream as it enters the first. A name whose states depthscope does not read has no site:
then whoever uses the dictionary says where its states come from, and nothing is guessed.
"""

import re

from depthscope.capture.sites import Place, Site

# of TransformerLens: what follows ``blocks.N.``, and the layer beside N. Left out, because they are other states:
# ln2.hook_normalized (before the weights of the norm), hook_mlp_in (before the norm), attn.hook_z (heads, not yet mixed)
_HOOKS: dict[str, tuple[Place, int]] = {
    "hook_resid_pre": ("resid", 0),
    "hook_resid_post": ("resid", 1),
    "hook_attn_out": ("attention", 1),
    "hook_mlp_out": ("mlp", 1),
    "attn.hook_in": ("attention-in", 1),
    "mlp.hook_in": ("mlp-in", 1),
    "hook_in": ("resid", 0),
    "hook_out": ("resid", 1),
}
_BACK: dict[Place, str] = {
    "resid": "hook_resid_post",
    "attention": "hook_attn_out",
    "mlp": "hook_mlp_out",
    "attention-in": "attn.hook_in",
    "mlp-in": "mlp.hook_in",
}
_LISTS = "layers|layer|h|blocks|block"
_ATTENTION, _MLP = ("attn", "self_attn", "attention", "self_attention"), ("mlp", "feed_forward", "ffn")
# of modules in transformers, as Gemma Scope names them; the norms stand behind and before the MLP
_POINTS: dict[str, Place] = {
    "output": "resid",
    "post_attention_layernorm.output": "attention",
    "post_feedforward_layernorm.output": "mlp",
    "input_layernorm.output": "attention-in",
    "pre_feedforward_layernorm.output": "mlp-in",
}


def site_of_hook(name: object) -> Site | None:
    """``blocks.15.hook_resid_post`` of TransformerLens, or None."""
    found = re.fullmatch(r"blocks\.(\d+)\.(.+)", str(name))
    if not found or found[2] not in _HOOKS:
        return None
    place, beside = _HOOKS[found[2]]
    return Site(place, int(found[1]) + beside)


def hook_of(site: Site) -> str:
    """The name that TransformerLens has for a site."""
    if site == Site("resid", 0):
        return "blocks.0.hook_resid_pre"
    return f"blocks.{site.layer - 1}.{_BACK[site.place]}"


def site_of_module(name: str, *, taken_in: bool = False) -> Site | None:
    """``layers.15`` or ``layers.15.mlp`` of sparsify, or None; with ``taken_in`` what the module takes, not what it gives."""
    found = re.fullmatch(rf"(?:.+\.)?(?:{_LISTS})[._](\d+)(?:\.(\w+))?", name)
    if not found:
        return None
    block, part = int(found[1]), found[2]
    if part is None:
        return Site("resid", block if taken_in else block + 1)
    if part in _ATTENTION:
        return Site("attention-in" if taken_in else "attention", block + 1)
    return Site("mlp-in" if taken_in else "mlp", block + 1) if part in _MLP else None


def module_of(site: Site) -> str | None:
    """The name that sparsify has for what is written at a site; None for what only goes into a module."""
    if site.place == "resid":
        return f"layers.{site.layer - 1}" if site.layer else None
    return {"attention": f"layers.{site.layer - 1}.self_attn", "mlp": f"layers.{site.layer - 1}.mlp"}.get(site.place)


def site_of_point(name: object) -> Site | None:
    """``model.layers.5.output`` of Gemma Scope 2, or None."""
    found = re.fullmatch(r"(?:.+\.)?layers\.(\d+)\.(.+)", str(name))
    return Site(_POINTS[found[2]], int(found[1]) + 1) if found and found[2] in _POINTS else None
