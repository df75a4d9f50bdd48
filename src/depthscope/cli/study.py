"""What the studies of the command line have in common."""

import argparse
import json
import os
import shlex
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from depthscope.cli.output import Answer, add_json
from depthscope.errors import DepthscopeError
from depthscope.telling import Told

MODEL = "a name of 'depthscope models', a model id, a folder, a .gguf file"

# where the value of each option goes: options that are not given keep the library's own defaults
LOAD = ("device", "dtype", "blocks", "stack", "trust_remote_code", "allow_pickle", "quantization")
TABLE = ("columns", "encoding", "decimal", "quotes")
CSE = (
    *("wavelet", "scales", "periods", "padding", "signal", "energy_norm", "zero_mean", "sampling", "layers"),
    *("normalize", "mask_coi", "min_scales", "relative"),
)


class Finished(Protocol):
    """What every study returns."""

    @property
    def folder(self) -> Path: ...

    @property
    def told(self) -> Told: ...


class Study(ABC):
    """What the studies have in common: a run folder, a model, a transform, statistics, evidence."""

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

    def add_to(self, studies: Any) -> None:
        # what is not given stays out of the namespace, so that defaults stand in one place, the library
        parser = studies.add_parser(
            self.NAME,
            help=self.HELP,
            description=self.__doc__,
            argument_default=argparse.SUPPRESS,
        )
        parser.add_argument("--out", required=True, metavar="DIR", help="run folder; an unfinished one is continued")
        self._inputs(parser.add_argument_group("model and stimuli"))
        add_transform(parser)
        self._statistics(parser.add_argument_group("statistics"))
        self._evidence(parser.add_argument_group("evidence (see docs/evidence.md)"))
        parser.add_argument("--no-progress", action="store_true", help="no progress bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

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
        from depthscope.studies.settings import Settings

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
        found = self.start(settings, Path(options.out), command=command, progress=progress, **chosen(options, self.OWN))
        # the record as it stands in the folder, not what this process knows of it
        record = json.loads((found.folder / RECORD).read_text(encoding="utf-8"))
        status, more = self.verdict(found)
        return Answer(found.told, {**record, **more, "folder": found.folder}, status)

    @staticmethod
    def verdict(found: Any) -> tuple[int, dict[str, Any]]:
        """The exit status of a run that went well, and what the document says beside the record."""
        return 0, {}


def add_table(add: Any) -> None:
    """The options of :func:`depthscope.read_stimuli` that say how a file is to be read."""
    add_normalize(add)
    about = "what a column is called in the file: text=Sentence; repeatable"
    add("--column", dest="columns", action="append", type=_column, metavar="OURS=THEIRS", help=about)
    add("--encoding", metavar="NAME", help="of a file that is not UTF-8: cp1252 (ANSI), utf-16-le, ...")
    add("--decimal", choices=(".", ","), help="decimal mark of a csv file whose numbers do not show it")
    add(
        "--quotes",
        choices=("csv", "text"),
        help="whether quotation marks around cells are the file's or part of the texts",
    )


def add_normalize(add: Any) -> None:
    """What puts texts into one form; beside it ``--no-normalize`` belongs to the entropy, so it has a longer name too."""
    add(
        "--normalize",
        "--normalize-texts",
        dest="normalize_texts",
        action="store_true",
        help="one form of texts and targets: straight apostrophes, ordinary spaces and hyphens, composed accents, nothing "
        "that cannot be seen",
    )


def table_options(options: argparse.Namespace) -> dict[str, Any]:
    """Those of them that were given, as keywords."""
    found = chosen(options, TABLE)
    names = found.get("columns", ())
    if len(dict(names)) < len(names):
        raise DepthscopeError(f"--column: {names[-1][0]} is told twice; name one column for each of ours")
    form = {"normalize": True} if vars(options).get("normalize_texts") else {}
    return found | form | ({"columns": dict(names)} if names else {})


def _column(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (ours.strip() and equals and theirs.strip()):
        raise argparse.ArgumentTypeError(f"{text!r}: write it as text=Sentence, our name first")
    return ours.strip(), theirs.strip()


def add_loading(group: Any, names: Collection[str]) -> None:
    """The options of :func:`depthscope.load`, quantisation only if it is among the ``names``."""
    add = group.add_argument
    add("--device", help="cpu, cuda, ... (default: cuda if there is one)")
    add("--dtype", help="precision of the weights (default: the checkpoint's)")
    add("--blocks", metavar="PATH", help="path of the list of blocks, if it is not found")
    add("--stack", choices=("encoder", "decoder"), help="of a model that is not decoder-only")
    add_trust(add)
    if "quantization" in names:
        add("--quantization", metavar="SCHEME", help="hold the weights in fewer bits: nf4, int8, torchao-int8, ...")


def add_trust(add: Any) -> None:
    """What the files of a model may do; wherever there is ``--model``."""
    add("--trust-remote-code", action="store_true", help="run Python code that the model brings (read it first)")
    add("--allow-pickle", action="store_true", help="take weights from pickles, as tensors only")


def add_transform(parser: Any) -> None:
    """The options of :func:`depthscope.cse`, in a group of their own."""
    add = parser.add_argument_group("conditional scale entropy (see docs/definition.md)").add_argument
    add("--wavelet", metavar="NAME", help="paul(4) (default), morlet(6), dog(2), haar; any order or omega0")
    add("--scales", type=_scales, metavar="N|S,S,..", help="number of scales (default 16), or the scales in layers")
    add(
        "--periods",
        nargs=2,
        type=float,
        metavar=("LOW", "HIGH"),
        help="Fourier periods in layers (default 2 to L/2)",
    )
    add("--padding", choices=("zero", "reflect", "symmetric", "periodic", "renormalize"), help="default zero")
    add("--signal", choices=("update", "direction", "norm", "state"), help="what is transformed (default update)")
    add("--energy-norm", choices=("L1", "L2"), help="default L2")
    add("--zero-mean", choices=("none", "filter", "signal"), help="mean removal (default none)")
    add("--sampling", choices=("point", "cell"), help="of the wavelet (default point; haar: cell)")
    add("--layers", nargs=2, type=int, metavar=("FIRST", "LAST"), help="analyse these layers only")
    add("--no-normalize", dest="normalize", action="store_false", help="entropy in nats")
    add("--no-mask-coi", dest="mask_coi", action="store_false", help="use all scales at every layer")
    add("--relative", action="store_const", const=True, help="of the energy relative to what update norms give alone")
    add("--min-scales", type=int, metavar="N", help="layers with fewer valid scales are missing (default 4)")


def chosen(options: argparse.Namespace, names: Collection[str]) -> dict[str, Any]:
    """Those of the named options that were given."""
    given = vars(options)
    return {n: tuple(v) if isinstance(v, list) else v for n in names if (v := given.get(n)) is not None}


def names(text: str) -> list[str]:
    # a folder may have a comma in its name
    exists = os.path.exists(text)  # noqa: PTH110 - which is also asked of what is longer than any name
    return [text] if exists else [name for part in text.split(",") if (name := part.strip())]


def _reliability(text: str) -> tuple[str, float]:
    name, _, share = text.rpartition("=")
    try:
        return name, float(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give a covariate and a number, as in surprisal=.8") from None


def reliabilities(told: Sequence[tuple[str, float]]) -> dict[str, float]:
    """By covariate; one that was told two of them is refused."""
    found = dict(told)
    for name, share in told:
        if found[name] != share:
            raise DepthscopeError(
                f"--reliability: {name} is told twice, {share:g} and {found[name]:g}; give one of them"
            )
    return found


def _scales(text: str) -> int | list[float]:
    try:
        return [float(part) for part in text.split(",")] if "," in text else int(text)
    except ValueError:
        # of argparse's own kind: it would replace the words of any other ValueError
        raise argparse.ArgumentTypeError(
            f"{text!r}: give a number of scales, or scales in layers as in 2,3,4.5"
        ) from None
