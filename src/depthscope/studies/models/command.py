"""``depthscope run models``."""

from pathlib import Path
from typing import Any

from depthscope.console.options import MODEL, names
from depthscope.studies.contrast.command import Finished, Study


class RunModels(Study):
    """The metaphor study on one set of stimuli in several models, one after the other: does the effect recur in every model,
    and at the same relative depth? The range of depth that the first model shows is tested in all the others.
    """

    NAME, HELP = "models", "the metaphor study in several models, one table"
    OWN = ("models",)
    EXAMPLES = ("run models --models embedded,stories-15m --stimuli builtin --out runs/models",)

    def _model(self, add: Any) -> None:
        about = f"separated by commas, repeatable; each 'embedded', {MODEL}"
        add("--models", required=True, action="extend", type=names, metavar="A,B,..", help=about)

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.models.study import run_models

        return run_models(settings, options.pop("models"), out, **options)


COMMANDS = (RunModels(),)
