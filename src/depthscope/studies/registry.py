"""Every study by the name that its runs have in ``run.json``, and the folder in which all of it lives.

Strings, so that nothing is imported before it is asked for. To add a study: a folder and a line.
"""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depthscope.console.command import Command
    from depthscope.report.part import Layout

WINGS = {
    "metaphor": "depthscope.studies.contrast",
    "corpora": "depthscope.studies.corpora",
    "models": "depthscope.studies.models",
    "mechanism": "depthscope.studies.mechanism",
    "quantization": "depthscope.studies.quantization",
    "scan": "depthscope.scan",
    "compare": "depthscope.studies.compare",
    "show": "depthscope.studies.show",
    "coverage": "depthscope.studies.coverage",
    "asr": "depthscope.studies.asr",
    "sae": "depthscope.studies.sae",
}
# records of what is a part of another run, and has no page of its own
WITHIN = ("scheme",)


def wing(study: str, file: str) -> ModuleType:
    """One of the files of a study: ``command``, ``study``, ``results``, ``words``, ``figures``, ``page``."""
    return import_module(f"{WINGS[study]}.{file}")


def commands() -> Iterator["Command"]:
    """The commands of all studies, in the order of the list."""
    for study in WINGS:
        yield from wing(study, "command").COMMANDS


def layout_of(study: str) -> "Layout":
    """How the runs of a study become pages."""
    found: Layout = wing(study, "page").LAYOUT
    return found
