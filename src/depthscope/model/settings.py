"""A configuration read from its file, if it can be meant as it is."""

import json
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError, require
from depthscope.model.contradicting import check_one_meaning
from depthscope.model.odd_settings import check_values


def read_settings(source: str, **options: Any) -> tuple[dict[str, Any], Any]:
    """What ``config.json`` says, and what transformers makes of it; ``options`` are those of ``from_pretrained``.

    Raises
    ------
    DepthscopeError
        Values that mean nothing; keys that contradict each other.
    """
    transformers = require("transformers", "models")
    path = Path(source) / "config.json" if Path(source).is_dir() else Path(source)
    if path.is_file():
        _check_once(path, source)
    raw, _ = transformers.PretrainedConfig.get_config_dict(source, **options)
    check_values(raw, source)
    config = transformers.AutoConfig.from_pretrained(source, **options)
    check_one_meaning(raw, config, source)
    return raw, config


def _check_once(path: Path, source: str) -> None:
    """Of a key that stands twice in a file, readers of JSON take the last without a word."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found and found[key] != value:
                said = f"{key} = {repr(found[key])[:40]} and {key} = {repr(value)[:40]}"
                raise DepthscopeError(f"{source}: {path.name} says {said}; leave the one that is right")
            found[key] = value
        return found

    json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=once)
