"""``depthscope run metaphor``, ``run contrast`` and ``stimuli check``; and what commands of other studies build on."""

import argparse
import json
import shlex
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from depthscope.console.options import (
    CSE,
    LOAD,
    MODEL,
    add_loading,
    add_table,
    add_transform,
    chosen,
    table_options,
)
from depthscope.console.output import Answer, add_json, say
from depthscope.console.wrapping import COMMAND, Wrapping
from depthscope.errors import DepthscopeError
from depthscope.telling import Sheet, Told


class Finished(Protocol):
    """What every study returns."""

    @property
    def folder(self) -> Path: ...

    @property
    def told(self) -> Told: ...


class Study(ABC):
    """What the studies have in common: a run folder, a model, a transform, statistics, evidence."""

    PARENT: ClassVar[str] = "run"
    NAME: ClassVar[str]
    HELP: ClassVar[str]

    LOAD: ClassVar[tuple[str, ...]] = LOAD
    CONTRAST = (
        "permutations",
        "forming_p",
        "alternative",
        "bound",
        "seed",
        "resamples",
        "include_same_context",
        "inference",
    )
    TOP = (
        *(
            "model",
            "stimuli",
            "folder",
            "sample",
            "language",
            "subtoken",
            "surprisal",
            "keep",
            "token_budget",
            "threads",
        ),
        *("evidence", "confounds", "crossed", "cluster_by", "contrasts"),
    )
    # what is compared if nothing is said, and how that is put
    CONTRASTS: ClassVar[tuple[str, ...] | None] = None
    COMPARED: ClassVar[str] = "default metaphor-literal"
    # options of one study alone: keywords of its start()
    OWN: ClassVar[tuple[str, ...]] = ()
    # commands that can be copied, for its help
    EXAMPLES: ClassVar[tuple[str, ...]] = ()

    def add_to(self, studies: Any) -> None:
        # what is not given stays out of the namespace, so that defaults stand in one place, the library
        parser = studies.add_parser(
            self.NAME,
            help=self.HELP,
            description=self.__doc__,
            epilog=COMMAND.join(("For example:", *self.EXAMPLES)) if self.EXAMPLES else None,
            formatter_class=Wrapping,
            argument_default=argparse.SUPPRESS,
        )
        about = f"run folder (default {self._folder}); an unfinished one is continued"
        parser.add_argument("--out", metavar="DIR", help=about)
        self._inputs(parser.add_argument_group("model and stimuli"))
        add_transform(parser)
        self._statistics(parser.add_argument_group("statistics"))
        self._evidence(parser.add_argument_group("evidence (see docs/evidence.md)"))
        parser.add_argument("--no-progress", action="store_true", help="no progress bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    @property
    def _folder(self) -> str:
        return f"runs/{self.NAME}"

    def _model(self, add: Any) -> None:
        add("--model", help=f"'embedded' (default), {MODEL}")

    def _stimuli(self, add: Any) -> None:
        add("--stimuli", help="'builtin' (default), a csv/tsv/jsonl/parquet file, or a public set with --folder")
        add("--folder", metavar="DIR", help="where the files of a public set are")
        add("--sample", type=int, metavar="N", help="N of the items, drawn by a seeded rule")
        add_table(add)

    @abstractmethod
    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        """Run the study."""

    def _inputs(self, group: Any) -> None:
        add = group.add_argument
        self._model(add)
        self._stimuli(add)
        add(
            "--language",
            metavar="CODE",
            help="of the texts, for the frequency of the targets (default: found in them)",
        )
        add_loading(group, self.LOAD)
        add("--subtoken", choices=("last", "first", "mean"), help="which token stands for the target (default last)")
        add(
            "--surprisal",
            choices=("tokens", "word"),
            help="of the target's tokens (default), or of a word that ends there",
        )
        add("--keep", choices=("gram", "states"), help="also keep the full states of the targets")
        add("--token-budget", type=int, metavar="N", help="padded tokens per forward pass")
        add("--threads", type=int, metavar="N", help="CPU threads of torch")

    def _statistics(self, group: Any) -> None:
        add = group.add_argument
        add(
            "--contrast",
            dest="contrasts",
            action="append",
            metavar="A-B",
            help=f"conditions to compare ({self.COMPARED}), or '(a-b)-(c-d)'; repeatable, the first is the main one",
        )
        add("--permutations", type=int, metavar="N", help="sign flips (default 10000; all of them if fewer exist)")
        add("--forming-p", type=float, metavar="P", help="cluster-forming threshold (default .05)")
        add("--alternative", choices=("two-sided", "greater", "less"), help="default two-sided")
        add(
            "--inference",
            choices=("flips", "bootstrap"),
            help="p by sign flips (default), or by a studentised bootstrap, for differences that are not symmetric",
        )
        add("--bound", type=float, metavar="DZ", help="equivalence: smallest |dz| that would matter (default 0.2)")
        add("--seed", type=int, help="default 0")
        add("--resamples", type=int, metavar="N", help="bootstrap resamples (default 2000)")
        add("--include-same-context", action="store_true", help="keep pairs with the same text up to the target")

    @staticmethod
    def _evidence(group: Any) -> None:
        add = group.add_argument
        add(
            "--evidence",
            choices=("none", "quick", "full"),
            help="quick (default): controls, confounds, false positives, nulls without a model. full: more draws, networks "
            "with random weights, specification curve, power, mixed models",
        )
        add(
            "--confound",
            dest="confounds",
            action="append",
            metavar="NAME",
            help="covariate to adjust for and to match on, also a column of your table; repeatable, replaces the default "
            "ones: surprisal, log_frequency, target_length, n_subtokens, token_index, n_tokens",
        )
        add(
            "--reliability",
            action="append",
            type=_reliability,
            metavar="NAME=SHARE",
            help="how well a covariate is measured: the share of the variance of its differences that is not error, as in "
            "surprisal=.8; what is left of the effect is corrected for it; repeatable",
        )
        about = "of your table whose levels are crossed with items in the mixed model of --evidence full; repeatable "
        shared = "of your table that says which items belong together (a word, a frame): families are tested, not items"
        add("--cluster-by", metavar="COLUMN", help=f"column {shared}")
        add("--crossed", action="append", metavar="COLUMN", help=f"{about}(default: 'frame', if there is one)")

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.store.folder import RECORD
        from depthscope.studies.contrast.settings import Settings

        asked = {} if self.CONTRASTS is None else {"contrasts": self.CONTRASTS}
        settings = Settings(
            table=table_options(options),
            load=chosen(options, self.LOAD),
            cse=chosen(options, CSE),
            contrast=chosen(options, self.CONTRAST),
            reliability=reliabilities(getattr(options, "reliability", ())),
            **asked | chosen(options, self.TOP),
        )
        command = shlex.join(["depthscope", *options.words])
        progress = "no_progress" not in options
        out = Path(vars(options).get("out", self._folder))
        found = self.start(settings, out, command=command, progress=progress, **chosen(options, self.OWN))
        # the record as it stands in the folder, not what this process knows of it
        record = json.loads((found.folder / RECORD).read_text(encoding="utf-8"))
        status, more = self.verdict(found)
        return Answer(found.told, {**record, **more, "folder": found.folder}, status)

    @staticmethod
    def verdict(found: Any) -> tuple[int, dict[str, Any]]:
        """The exit status of a run that went well, and what the document says beside the record."""
        return 0, {}


class RunMetaphor(Study):
    """Do metaphorical words engage broader structure in depth than literal ones? CSE per layer, paired by item, with a
    cluster-permutation test, and the evidence for and against. Works for any two conditions of any table.
    """

    NAME, HELP = "metaphor", "metaphorical against literal words"
    EXAMPLES = (
        "run metaphor --model embedded --stimuli builtin --out runs/first",
        "run metaphor --model stories-15m --sample 40 --evidence full --out runs/stories",
    )

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.contrast.study import run_metaphor

        return run_metaphor(settings, out, **options)


class RunContrast(RunMetaphor):
    """Do two conditions of a table, any two, engage broader structure in depth than one another? CSE per layer, paired by item,
    with a cluster-permutation test, and the evidence for and against: what 'run metaphor' asks of metaphor and literal.
    """

    NAME, HELP = "contrast", "any two conditions of a table against each other"
    EXAMPLES = (
        "run contrast --model embedded --stimuli words.csv --out runs/words",
        "run contrast --model embedded --stimuli words.csv --contrast rare-common --confound surprisal --out runs/rare",
    )
    CONTRASTS, COMPARED = (), "default: the two of the table, if it has two"

    def start(self, settings: Any, out: Path, **options: Any) -> Finished:
        from depthscope.studies.contrast.settings import with_contrast

        settings, told = with_contrast(settings)
        if told:
            say(told)
        return super().start(settings, out, **options)


def _reliability(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    try:
        return name, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give a covariate and a number, as in surprisal=.8") from None


def reliabilities(told: Sequence[tuple[str, float]]) -> dict[str, float]:
    """By covariate; one that is given two of them is refused."""
    found = dict(told)
    for name, share in told:
        if found[name] != share:
            raise DepthscopeError(
                f"--reliability: {name} is given twice, {share:g} and {found[name]:g}; give one of them"
            )
    return found


class CheckFile:
    """Validate a table, and report what a run would: targets as a model's tokenizer sees them, its depth, the language of the
    texts, and the pairs that can be tested, with the reason for each that cannot.
    """

    PARENT = "stimuli"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "check",
            help="validate a table",
            description=self.__doc__,
            epilog=f"For example:{COMMAND}stimuli check words.csv --model embedded --contrast rare-common",
            formatter_class=Wrapping,
        )
        add = parser.add_argument
        add("file", help="a csv/tsv/jsonl/parquet file, 'builtin', or a public set with --folder")
        add("--folder", metavar="DIR", help="where the files of a public set are")
        add_table(add)
        add("--model", help="check against this model's tokenizer, context and depth")
        add("--trust-remote-code", action="store_true", help="run Python code that the model brings (read it first)")
        add("--subtoken", choices=("last", "first", "mean"), default="last")
        add("--unpaired", action="store_true", help="items may have one condition only")
        add(
            "--language", metavar="CODE", help="of the texts, for the frequency of the targets (default: found in them)"
        )
        about = "pairs of this contrast (default metaphor-literal, or all pairs of conditions); repeatable"
        add("--contrast", dest="contrasts", action="append", metavar="A-B", help=about)
        add_transform(parser)
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.contrast.preview import preview

        try:
            found = preview(
                options.file,
                folder=options.folder,
                layout=table_options(options),
                paired=not options.unpaired,
                language=options.language,
                contrasts=options.contrasts,
                model=options.model,
                subtoken=options.subtoken,
                measure=chosen(options, CSE),
                trust_remote_code=options.trust_remote_code,
            )
        except DepthscopeError as wrong:
            return self._unusable(options.file, wrong)
        if not found.refused:
            return Answer([*found.told, "ok"], found.document)
        return Answer(found.told, found.document, refused=f"a run would be refused: {'; '.join(found.refused)}")

    def _unusable(self, file: str, wrong: DepthscopeError) -> Answer:
        """What is wrong, by row as far as it can be said by row."""
        from depthscope.stimuli.problems import StimuliError

        problems = wrong.problems if isinstance(wrong, StimuliError) else []
        rows = [("" if p.row is None else str(p.row), p.where, p.told) for p in problems]
        told = [Sheet(("row", "text", "what is wrong"), rows, f"{file}:")] if rows else []
        document = {"stimuli": file, "problems": [problem.document for problem in problems], "refused": [str(wrong)]}
        return Answer(told, document, refused=str(wrong))


COMMANDS = (RunContrast(), RunMetaphor(), CheckFile())
