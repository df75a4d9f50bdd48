"""``depthscope run corpora``."""

from pathlib import Path
from typing import Any

from depthscope.console.options import add_normalize
from depthscope.studies.contrast.command import Finished, Study


class RunCorpora(Study):
    """The metaphor study on our own items and on four public sets (Cardillo, IMPLI, VUA: 200 pairs, MOH-X), with one model;
    the layers that our items show are tested in all the others.
    """

    NAME, HELP = "corpora", "the metaphor study on all sets, with a forest plot"
    EXAMPLES = ("run corpora --model embedded --folder corpora/ --out runs/corpora",)

    def _stimuli(self, add: Any) -> None:
        add("--folder", metavar="DIR", required=True, help="where the files of the public sets are")
        add_normalize(add)

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.corpora.study import run_corpora

        return run_corpora(settings, out, **options)


COMMANDS = (RunCorpora(),)
