"""The last part of every page: all that was chosen, and the command that repeats it."""

from collections.abc import Mapping
from typing import Any

from depthscope.report.page.content import Section


def settings_section(blocks: Mapping[str, Mapping[str, Any]], command: str) -> Section:
    """By block, names and values; what is nested gets a name with dots, what is open or empty is left out."""
    told = {name: rows for name, values in blocks.items() if (rows := _flat(values))}
    return Section(
        "settings",
        "Settings, versions, command",
        template="settings.html.j2",
        content={"blocks": told, "command": command},
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    rows: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            rows[prefix + name] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return rows
