"""``depthscope run quantization``."""

from pathlib import Path
from typing import Any

from depthscope.console.options import names
from depthscope.console.output import BROKEN
from depthscope.studies.contrast.command import Finished, Study


class RunQuantization(Study):
    """What does quantisation cost, save, and do to what is measured? The model as it is against each scheme: bytes, speed,
    perplexity, drift of the states and of CSE, and whether the contrast survives; with a recommendation by a stated rule.
    """

    NAME, HELP = "quantization", "what quantisation does to a model and to the measurement"
    LOAD = ("device", "dtype", "blocks", "stack", "trust_remote_code", "allow_pickle")
    EXAMPLES = (
        "run quantization --model embedded --schemes nf4,int8,torchao-int8 --out runs/quantization",
        "run quantization --model embedded --max-perplexity 1.05x --min-agreement .95 --max-drift .5 --out runs/limits",
    )
    OWN = ("schemes", "share", "text", "max_perplexity", "min_agreement", "max_drift")

    def _model(self, add: Any) -> None:
        super()._model(add)
        add("--schemes", action="extend", type=names, metavar="A,B,..", help="default int8,nf4,torchao-int8")
        add("--share", type=float, metavar="X", help="the effect may move by this share of its size (default 0.2)")
        add("--text", metavar="FILE", help="running text for the perplexity (default: a passage of our own)")
        limit = "exit status 1 if a scheme's"
        add("--max-perplexity", metavar="X", help=f"{limit} perplexity is above X; 1.05x: times the original's")
        add("--min-agreement", type=float, metavar="X", help=f"{limit} next token agrees in a share below X, as in .95")
        add("--max-drift", type=float, metavar="X", help=f"{limit} drift of CSE is above X times its spread")

    @staticmethod
    def _evidence(group: Any) -> None:
        """None: the contrast alone is compared."""

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.quantization.study import run_quantization

        return run_quantization(settings, out, **options)

    @staticmethod
    def verdict(found: Any) -> tuple[int, dict[str, Any]]:
        return BROKEN if found.broken else 0, {"recommended": found.recommended, "broken": found.broken}


COMMANDS = (RunQuantization(),)
