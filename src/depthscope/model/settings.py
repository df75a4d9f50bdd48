"""A configuration read from its file, if that can be meant as it stands."""

from typing import Any

from depthscope.errors import require
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
    raw, _ = transformers.PretrainedConfig.get_config_dict(source, **options)
    check_values(raw, source)
    config = transformers.AutoConfig.from_pretrained(source, **options)
    check_one_meaning(raw, config, source)
    return raw, config
