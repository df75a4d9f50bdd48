"""Griffe, which reads the docstrings, guesses defaults from their prose; the signature knows them."""

from typing import Any

import griffe

OPTIONS = {"ignore_init_summary": True, "warn_unknown_params": True}


class Signatures(griffe.Extension):
    """Every parameter has its own default, and, where several share a line without a type, its own annotation."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        if func.docstring is None:
            return
        sections = func.docstring.parse("numpy", **OPTIONS)
        for section in sections:
            if not isinstance(section, griffe.DocstringSectionParameters):
                continue
            shared = [one.description for one in section.value]
            for one in section.value:
                known = next((p for p in func.parameters if p.name == one.name), None)
                # what several parameters share is the description; a type that stands there is text, or an expression
                grouped = shared.count(one.description) > 1 and bool(one.description)
                one.value = known.default if known else None
                if known and grouped:
                    one.annotation = known.annotation
        func.docstring.__dict__["parsed"] = sections
