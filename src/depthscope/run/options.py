"""Every keyword of a function, for a record: what was given, and the defaults of this version."""

import inspect
from collections.abc import Callable
from typing import Any


def with_defaults(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """All keyword options of a function: the given ones, and the defaults of this version."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY} | given
