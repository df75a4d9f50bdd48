"""A configuration that says two things at once, of which one would win without a word."""

from collections.abc import Iterator, Mapping
from typing import Any

from depthscope.errors import DepthscopeError, listed, require

# names of one setting of positions, the newest first, and the kind of layers for which it stands
_POSITIONS = {
    "rope_theta": (("rope_theta", "rotary_emb_base", "rotary_base"), "full_attention"),
    "partial_rotary_factor": (("partial_rotary_factor", "rotary_pct", "rope_pct", "rope_percent"), "full_attention"),
    "original_max_position_embeddings": (("original_max_position_embeddings",), "full_attention"),
    "local rope_theta": (("rope_local_base_freq", "local_rope_theta"), "sliding_attention"),
}
_KINDS = ("full_attention", "sliding_attention")


def check_one_meaning(raw: Mapping[str, Any], config: Any, name: str) -> None:
    """Refuse a configuration whose keys contradict each other.

    Parameters
    ----------
    raw : mapping
        What ``config.json`` says.
    config : transformers config
        What transformers made of it.

    Raises
    ------
    DepthscopeError
        Another class in ``architectures`` than ``model_type`` stands for; positions that are stated twice and differently.
    """
    _check_class(raw, config, name)
    sides = [raw, *(value for value in raw.values() if isinstance(value, Mapping) and "model_type" in value)]
    for side in sides:
        _check_positions(side, name)
    for alias, own in type(config).attribute_map.items():
        # of other sizes the weights show which is right
        if "head" in alias and alias in raw and own in raw:
            _check_same({key: raw[key] for key in (own, alias)}, name)


def _check_class(raw: Mapping[str, Any], config: Any, name: str) -> None:
    stated, transformers = raw.get("architectures"), require("transformers", "models")
    for kind in stated if isinstance(stated, list) else [stated]:
        meant = getattr(getattr(transformers, kind, None), "config_class", None) if isinstance(kind, str) else None
        known = [type(one) for one in (config, config.get_text_config())]
        # by the word of the file too, because transformers reads some files as a younger kind (Mistral's as Ministral's)
        if meant is None or meant.model_type == raw.get("model_type"):
            continue
        if any(issubclass(meant, own) or issubclass(own, meant) for own in known):
            continue
        raise DepthscopeError(
            f"{name}: config.json names the class {kind} (model_type {meant.model_type!r}) and model_type "
            f"{raw.get('model_type')!r}, which are two kinds of network; mend the one that is wrong"
        )


def _check_positions(raw: Mapping[str, Any], name: str) -> None:
    tables = {
        key: value
        for key in ("rope_parameters", "rope_scaling")
        if isinstance(value := raw.get(key), Mapping) and value
    }
    for setting, (keys, kind) in _POSITIONS.items():
        inner = setting.rpartition(" ")[2]
        found = {key: raw[key] for key in keys if raw.get(key) is not None}
        for table, value in tables.items():
            if kind == "full_attention" or kind in value:
                found |= {f"{table}.{inner}": said for said in [_of(value, kind).get(inner)] if said is not None}
        _check_same(found, name)
    if len(tables) == 2:
        older, newer = (_plain(_of(value, "full_attention")) for value in tables.values())
        for key in sorted({*older, *newer} - {"rope_theta", "partial_rotary_factor"}):
            _check_same(
                {f"{table}.{key}": said.get(key) for table, said in zip(tables, (older, newer), strict=True)}, name
            )


def _check_same(found: Mapping[str, Any], name: str) -> None:
    values = list(found.values())
    if any(value != values[0] for value in values):
        said = listed(f"{key} = {repr(value)[:40]}" for key, value in found.items())
        raise DepthscopeError(
            f"{name}: config.json says {said}, which are two names of one setting; leave the one that is right"
        )


def _of(table: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """What a table of positions says of one kind of layers."""
    inner = table.get(kind)
    return inner if isinstance(inner, Mapping) else ({} if any(other in table for other in _KINDS) else table)


def _plain(table: Mapping[str, Any]) -> dict[str, Any]:
    said = dict(_stated(table))
    return {"rope_type": "default", **said}


def _stated(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if value is not None:
            yield ("rope_type" if key == "type" else key), value
