"""``depthscope run STUDY``."""

from pathlib import Path
from typing import Any

from depthscope.cli.output import BROKEN, say
from depthscope.cli.study import MODEL, Finished, Study, add_normalize, names


class RunCommand:
    """Run a study into a folder; run it again to continue it."""

    def add_to(self, commands: Any) -> None:
        parser = commands.add_parser("run", help="run a study", description=self.__doc__)
        studies = parser.add_subparsers(dest="study", required=True, metavar="STUDY")
        RunContrast().add_to(studies)
        RunMetaphor().add_to(studies)
        RunCorpora().add_to(studies)
        RunModels().add_to(studies)
        RunQuantization().add_to(studies)
        RunMechanism().add_to(studies)


class RunMetaphor(Study):
    """Do metaphorical words engage broader structure in depth than literal ones? CSE per layer, paired by item, with a
    cluster-permutation test, and the evidence for and against. Works for any two conditions of any table.
    """

    NAME, HELP = "metaphor", "metaphorical against literal words"

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.metaphor import run_metaphor

        return run_metaphor(settings, out, **options)


class RunContrast(RunMetaphor):
    """Do two conditions of a table, any two, engage broader structure in depth than one another? CSE per layer, paired by item,
    with a cluster-permutation test, and the evidence for and against: what 'run metaphor' asks of metaphor and literal.
    """

    NAME, HELP = "contrast", "any two conditions of a table against each other"
    CONTRASTS, COMPARED = (), "default: the two of the table, if it has two"

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.settings import with_contrast

        settings, told = with_contrast(settings)
        if told:
            say(told)
        return super().start(settings, out, **options)


class RunCorpora(Study):
    """The metaphor study on our own items and on four public sets (Cardillo, IMPLI, VUA: 200 pairs, MOH-X), with one model;
    the layers that our items show are tested in all the others.
    """

    NAME, HELP = "corpora", "the metaphor study on all sets, with a forest plot"

    def _stimuli(self, add: Any) -> None:
        add("--folder", metavar="DIR", required=True, help="where the files of the public sets are")
        add_normalize(add)

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.corpora import run_corpora

        return run_corpora(settings, out, **options)


class RunModels(Study):
    """The metaphor study on one set of stimuli in several models, one after the other: does the effect recur in every model,
    and at the same relative depth? The range of depth that the first model shows is tested in all the others.
    """

    NAME, HELP = "models", "the metaphor study in several models, one table"
    OWN = ("models",)

    def _model(self, add: Any) -> None:
        about = f"separated by commas, repeatable; each 'embedded', {MODEL}"
        add("--models", required=True, action="extend", type=names, metavar="A,B,..", help=about)

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.models import run_models

        return run_models(settings, options.pop("models"), out, **options)


class RunQuantization(Study):
    """What does quantisation cost, save, and do to what is measured? The model as it is against each scheme: bytes, speed,
    perplexity, drift of the states and of CSE, and whether the contrast survives; with a recommendation by a stated rule.
    """

    NAME, HELP = "quantization", "what quantisation does to a model and to the measurement"
    LOAD = ("device", "dtype", "blocks", "stack", "trust_remote_code", "allow_pickle")
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
        from depthscope.studies.quantization import run_quantization

        return run_quantization(settings, out, **options)

    @staticmethod
    def verdict(found: Any) -> tuple[int, dict[str, Any]]:
        return BROKEN if found.broken else 0, {"recommended": found.recommended, "broken": found.broken}


class RunMechanism(Study):
    """Where does a contrast of CSE come from, and does it matter? Which scales and layers carry it, attention or the MLPs, what
    simpler measures see of it, and whether exchanging the target's states between the two texts changes what the model makes
    of them. Works for any two conditions of any table; the exchange needs a column 'probe' (see docs/mechanism.md).
    """

    NAME, HELP = "mechanism", "which scales, layers and parts carry a contrast, and whether it matters"
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
        from depthscope.studies.mechanism import run_mechanism

        return run_mechanism(settings, out, say=say, **options)
