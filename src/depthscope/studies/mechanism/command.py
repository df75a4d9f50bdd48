"""``depthscope run mechanism``."""

from pathlib import Path
from typing import Any

from depthscope.console.output import say
from depthscope.studies.contrast.command import Finished, Study


class RunMechanism(Study):
    """Where does a contrast of CSE come from, and does it matter? Which scales and layers carry it, attention or the MLPs, what
    simpler measures see of it, and whether exchanging the target's states between the two texts changes what the model makes
    of them. Works for any two conditions of any table; the exchange needs a column 'probe' (see docs/studies/mechanism.md).
    """

    NAME, HELP = "mechanism", "which scales, layers and parts carry a contrast, and whether it matters"
    EXAMPLES = (
        "run mechanism --model embedded --out runs/mechanism/embedded",
        "run mechanism --model embedded --stimuli words.csv --contrast a-b --heads --patch-items 40 --out runs/words",
    )
    OWN = ("patch_items", "heads")

    def _stimuli(self, add: Any) -> None:
        super()._stimuli(add)
        about = "exchange states in N of the items only (default: all that have probes; 0: none)"
        add("--patch-items", type=int, metavar="N", help=about)
        add("--heads", action="store_true", help="which heads of attention carry the contrast as well")

    @staticmethod
    def _evidence(group: Any) -> None:
        """None: the evidence for and against the contrast is what 'run metaphor' gathers."""

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.mechanism.study import run_mechanism

        return run_mechanism(settings, out, say=say, **options)


COMMANDS = (RunMechanism(),)
