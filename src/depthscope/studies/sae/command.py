"""``depthscope sae`` and ``depthscope run sae``: sparse autoencoders trained, measured and looked at."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from depthscope.console.options import LOAD, MODEL, add_loading, chosen
from depthscope.console.output import Answer, add_json
from depthscope.console.wrapping import COMMAND, Wrapping

SITES = ("resid", "attention", "mlp", "attention-in", "mlp-in")
# keywords of the training, of the stream that it reads, and of the corpus
RECIPE = (
    "activation",
    "penalty",
    "normalization",
    "rate",
    "seed",
    "dead_tokens",
    "auxk",
    "skip",
    "clip",
    "decay",
    "ema",
)
STREAM = ("batch", "buffer", "window", "states", "token_budget")
TEXT = ("text", "split")
DICTIONARIES = ("layers", "site", "to", "latents", "k", "tokens", "save_every", "shards", "random_weights")


class RunSae:
    """Train small dictionaries on the real embedded model, at three depths in one pass over a text that comes with the package;
    measure them beside their controls, and write pages of their features. Minutes on two cores.
    """

    PARENT = "run"

    def add_to(self, studies: Any) -> None:
        parser = studies.add_parser(
            "sae",
            help="sparse autoencoders, small and real, from end to end",
            description=self.__doc__,
            epilog=f"For example:{COMMAND}run sae{COMMAND}run sae --model stories-15m --layers 2,4 --out runs/stories",
            formatter_class=Wrapping,
        )
        add = parser.add_argument
        add("--model", default="embedded", help=f"'embedded' (default), {MODEL}")
        add(
            "--layers",
            type=_numbers,
            metavar="L,M,..",
            help="layers of the stream (default: a third, a half, two thirds)",
        )
        add("--corpus", metavar="FILE|DIR", help="another text (default: what comes with the package)")
        add("--out", type=Path, metavar="DIR", help="run folder (default runs/sae)")
        add("--seed", type=int, default=0, metavar="N", help="of all that is drawn (default 0)")
        add_loading(parser, LOAD)
        _add_last(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.sae.demo import run_sae

        found = run_sae(
            options.model,
            options.out or Path("runs", "sae"),
            layers=options.layers,
            corpus=options.corpus,
            seed=options.seed,
            load=_loading(options),
            **_work(options),
        )
        return Answer(found.told, {"folder": found.folder, "dictionaries": found.dictionaries.to_dict("records")})


class Sae:
    """Sparse autoencoders on any model that depthscope reads: train, measure, look."""

    PARENT, NAME = "", "sae"

    def add_to(self, commands: Any) -> Any:
        parser = commands.add_parser(
            self.NAME, help="sparse autoencoders: train, eval, show, sweep, question", description=self.__doc__
        )
        return {self.NAME: parser.add_subparsers(dest="action", required=True, metavar="ACTION")}


class Train:
    """Train dictionaries on the stream of a model, all of them in one pass over a corpus: several layers, widths and
    numbers of active latents at once. By default as Gao et al. (2024) published it. What was killed goes on where it was,
    to the same bits. Each dictionary is a folder that SAELens reads too.
    """

    PARENT = "sae"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "train",
            help="train dictionaries in one pass over a corpus",
            description=self.__doc__,
            epilog=(
                f"For example:{COMMAND}sae train --model embedded --layers 10,15,20 --latents 4096 --k 32 --corpus books/ "
                f"--tokens 2M --out sae/smollm{COMMAND}sae train --model embedded --layers 15 --site mlp-in --to mlp --corpus "
                "books/ --out sae/transcoder"
            ),
            formatter_class=Wrapping,
        )
        _add_stream(parser)
        how = parser.add_argument_group("dictionaries (see docs/studies/sae.md)")
        add = how.add_argument
        add("--latents", type=_sizes, metavar="N,..", help="latents of each dictionary (default 4096)")
        add("--k", type=_numbers, metavar="K,..", help="latents that are active at a token (default 32)")
        add(
            "--activation",
            metavar="NAME",
            help="topk (default), batch_topk, jump_relu, relu, gated, matryoshka",
        )
        add(
            "--penalty",
            type=float,
            metavar="W",
            help="of jump_relu (L0), relu and gated (L1): weight of active latents",
        )
        add("--to", metavar="SITE", help="a transcoder: from --site to this one, e.g. --site mlp-in --to mlp")
        add("--skip", action="store_true", help="of a transcoder: a linear map beside the latents")
        add(
            "--normalization",
            choices=("scale", "layer", "none"),
            help="of the input: to a mean norm of sqrt(d), folded away in the end (default); token by token, as in OpenAI's "
            "code; or none",
        )
        add("--rate", type=float, metavar="LR", help="learning rate (default by width: 2e-4 / sqrt(n / 16384))")
        add(
            "--decay",
            type=float,
            metavar="SHARE",
            help="last share of the steps in which it falls to 0 (default 0: constant)",
        )
        add(
            "--dead-tokens",
            type=_size,
            metavar="N",
            help="tokens without firing after which a latent is dead (default 10M)",
        )
        add("--auxk", type=int, metavar="K", help="dead latents that learn what is left over (default: half the width)")
        add("--clip", type=float, metavar="NORM", help="longest gradient (default: not clipped)")
        add("--ema", type=float, metavar="M", help="average of the weights over steps, e.g. 0.999 (default: none)")
        add("--seed", type=int, metavar="N", help="of the first weights and of the order (default 0)")
        add(
            "--random-weights",
            type=int,
            metavar="SEED",
            help="of the same network with random weights: the null that sae eval --untrained takes",
        )
        add("--save-every", type=float, metavar="S", help="seconds between checkpoints (default 300)")
        add(
            "--shards",
            type=int,
            metavar="R",
            help="under torchrun: so many processes share the latents (default 1: each has all of them)",
        )
        add("--out", type=Path, required=True, metavar="DIR", help="run folder, with a folder for each dictionary")
        _add_last(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.sae.study import train_sae

        found = train_sae(
            options.model,
            options.corpus,
            options.out,
            **chosen(options, (*DICTIONARIES, *TEXT, *STREAM)),
            **{key: value for key, value in chosen(options, RECIPE).items() if value is not False},
            load=_loading(options),
            **_work(options),
        )
        document = {"folder": found.folder, "dictionaries": found.dictionaries.to_dict("records")}
        return Answer(found.told, document if found.first else None)


class Evaluate:
    """Measure dictionaries on text that they were not trained on, each number beside its control: what they reconstruct,
    what the model loses when the reconstruction stands in for its state, latents that never fire or always do, probes, and
    whether latents come back under another seed. Takes folders of SAELens, sparsify, OpenAI and Gemma Scope too.
    """

    PARENT = "sae"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "eval",
            help="measure dictionaries, beside their controls",
            description=self.__doc__,
            epilog=(
                f"For example:{COMMAND}sae eval sae/smollm --corpus heldout/{COMMAND}sae eval sae/smollm --corpus heldout/ "
                "--again sae/smollm-seed1 --untrained sae/smollm-random"
            ),
            formatter_class=Wrapping,
        )
        add = parser.add_argument
        _add_folder(add)
        _add_corpus(add, required=True)
        add("--tokens", type=_size, metavar="N", help="that are measured (default 50K)")
        add("--predictions", type=_size, metavar="N", help="next tokens predicted from reconstructions (default 2048)")
        add("--again", metavar="DIR", help="the same dictionaries from another seed: do latents come back?")
        add("--untrained", metavar="DIR", help="dictionaries of the model with random weights: the null of all that")
        add("--tasks", metavar="DIR", help="tables with prompt and target for probes, beside those of the package")
        add("--no-probes", action="store_true", help="without the probes of single latents, 35 tasks of our own")
        add("--thorough", action="store_true", help="also patterns, absorption and the effects of single latents")
        add("--seed", type=int, default=0, metavar="N", help="of all that is drawn (default 0)")
        add("--out", type=Path, metavar="DIR", help="run folder (default runs/sae-eval)")
        add_loading(parser, LOAD)
        _add_last(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.sae.evaluating import evaluate_sae

        found = evaluate_sae(
            options.folder,
            options.corpus,
            options.out or Path("runs", "sae-eval"),
            model=options.model,
            **chosen(options, ("tokens", "predictions", "again", "untrained", "tasks", *TEXT)),
            probes=not options.no_probes,
            thorough=options.thorough,
            seed=options.seed,
            load=_loading(options),
            **_work(options),
        )
        return Answer(found.told, {"folder": found.folder, "scores": found.scores.to_dict("records")})


class Show:
    """Write a page of one feature, or of all of them with an index to search: what it fires on, what it makes the model
    say, its neighbours, and where along the depth it is. One file, offline.
    """

    PARENT = "sae"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "show",
            help="pages of features, offline",
            description=self.__doc__,
            epilog=(
                f"For example:{COMMAND}sae show sae/smollm --layer 15 --feature 1234 --out feature.html{COMMAND}sae show "
                "sae/smollm --corpus heldout/ --out features.html"
            ),
            formatter_class=Wrapping,
        )
        add = parser.add_argument
        _add_folder(add)
        _add_corpus(add, required=False)
        add(
            "--layer",
            type=int,
            metavar="L",
            help="of the dictionary, where the folder has several (default: the middle one)",
        )
        add("--feature", type=int, metavar="N", help="one latent (default: all, with an index)")
        add("--tokens", type=_size, metavar="N", help="that are read (default 50K)")
        add("--seed", type=int, default=0, metavar="N", help="of the examples that are drawn (default 0)")
        add("--export", metavar="DIR", help="also what autointerp tools read: the cache of delphi, and JSON lines")
        add("--out", type=Path, required=True, metavar="FILE.html", help="the page")
        add_loading(parser, LOAD)
        _add_last(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.sae.showing import show_sae

        found = show_sae(
            options.folder,
            options.out,
            model=options.model,
            **chosen(options, ("corpus", "layer", "feature", "tokens", "export", *TEXT)),
            seed=options.seed,
            load=_loading(options),
            **_work(options),
        )
        return Answer(found.told, found.document)


class Sweep:
    """Train dictionaries of several widths and numbers of active latents in one pass, and fit the scaling law of Gao et al. to
    what they leave over: L(n, k), with intervals.
    """

    PARENT = "sae"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "sweep",
            help="the scaling law L(n, k)",
            description=self.__doc__,
            epilog=(
                f"For example:{COMMAND}sae sweep --model embedded --layers 15 --latents 512,1024,2048,4096 --k 8,16,32,64 "
                "--corpus books/ --tokens 500K --out sae/sweep"
            ),
            formatter_class=Wrapping,
        )
        _add_stream(parser)
        add = parser.add_argument
        add("--latents", type=_sizes, metavar="N,..", help="widths (default 512,1024,2048,4096)")
        add("--k", type=_numbers, metavar="K,..", help="active latents (default 8,16,32,64)")
        add("--rate", type=float, metavar="LR", help="learning rate (default by width: 2e-4 / sqrt(n / 16384))")
        add("--seed", type=int, metavar="N", help="of the first weights and of the order (default 0)")
        add("--out", type=Path, required=True, metavar="DIR", help="run folder")
        _add_last(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.sae.sweep import sweep_sae

        found = sweep_sae(
            options.model,
            options.corpus,
            options.out,
            **chosen(options, ("layers", "site", "latents", "k", "tokens", "rate", "seed", *TEXT, *STREAM)),
            load=_loading(options),
            **_work(options),
        )
        return Answer(found.told, {"folder": found.folder, "law": found.law.to_dict("records")})


class Question:
    """Do features that fire on metaphors sit at the depth at which CSE tells metaphors apart, and does CSE change when they are
    taken out? On the built-in stimuli, against latents matched by density and dictionaries of random directions.
    """

    PARENT = "sae"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "question",
            help="metaphor features and CSE along the depth",
            description=self.__doc__,
            epilog=f"For example:{COMMAND}sae question sae/smollm --out runs/sae-question",
            formatter_class=Wrapping,
        )
        add = parser.add_argument
        _add_folder(add)
        add("--untrained", metavar="DIR", help="dictionaries of the model with random weights, as another null")
        add(
            "--draws",
            type=int,
            metavar="N",
            help="how often other latents are taken out instead (default 19; fewer are quicker, and decide nothing)",
        )
        add("--seed", type=int, default=0, metavar="N", help="of the permutations (default 0)")
        add("--out", type=Path, metavar="DIR", help="run folder (default runs/sae-question)")
        add_loading(parser, LOAD)
        _add_last(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.sae.asking import question_sae

        found = question_sae(
            options.folder,
            options.out or Path("runs", "sae-question"),
            model=options.model,
            **chosen(options, ("untrained", "draws")),
            seed=options.seed,
            load=_loading(options),
            **_work(options),
        )
        answer = found.found
        decided = {"found": answer.found, "at_cluster": answer.at_cluster, "changes_cse": answer.changes_cse}
        return Answer(found.told, {"folder": found.folder, **decided})


def _add_stream(parser: Any) -> None:
    group = parser.add_argument_group("model and corpus")
    add = group.add_argument
    add("--model", default="embedded", help=f"'embedded' (default), {MODEL}")
    add(
        "--layers",
        type=_numbers,
        metavar="L,M,..",
        help="one dictionary each, all in one pass (default: the middle one)",
    )
    add("--site", choices=SITES, help="the residual stream (default), or a part of the block and what it takes in")
    _add_corpus(add, required=True)
    add("--tokens", type=_size, metavar="N", help="to learn from, e.g. 2M (default: the corpus once)")
    add_loading(group, LOAD)
    add = parser.add_argument_group("stream of states").add_argument
    add("--batch", type=_size, metavar="N", help="tokens of a step (default 1024)")
    add("--buffer", type=_size, metavar="N", help="tokens whose states are held and shuffled (default 64K)")
    add("--window", type=int, metavar="N", help="tokens that the model reads at once (default 256)")
    add("--states", metavar="DIR", help="keep the states there, or read those that are there: the model runs once")
    add("--token-budget", type=int, metavar="N", help="padded tokens per forward pass")


def _add_folder(add: Any) -> None:
    add(
        "folder",
        metavar="DIR",
        help="what sae train wrote; or a folder or file of SAELens, sparsify, OpenAI, Gemma Scope",
    )
    add("--model", help="of another's dictionary (default: what its file says)")


def _add_corpus(add: Any, required: bool) -> None:
    text = "" if required else " (default: the text that comes with the package)"
    add(
        "--corpus",
        metavar="FILE|DIR",
        required=required,
        help=f"txt, md, jsonl (also .gz, .zst), parquet; or hf:NAME[:CONFIG][:SPLIT]{text}",
    )
    add("--text-column", dest="text", metavar="NAME", help="column of the text, of jsonl and parquet (default text)")
    add("--split", choices=("file", "line", "paragraph"), help="what is a document in plain text (default file)")


def _add_last(parser: Any) -> None:
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads of torch")
    parser.add_argument("--no-progress", action="store_true", help="no progress bars")
    add_json(parser)


def _loading(options: argparse.Namespace) -> dict[str, Any]:
    return {key: value for key, value in chosen(options, LOAD).items() if value is not False}


def _work(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "threads": options.threads,
        "command": shlex.join(["depthscope", *options.words]),
        "progress": not options.no_progress,
    }


MAGNITUDES = {"k": 10**3, "m": 10**6, "b": 10**9}


def _size(text: str) -> int:
    """``2M``, ``64K``, ``4096``: thousands, millions, billions."""
    number, last = text.strip().lower(), 1
    if number and number[-1] in MAGNITUDES:
        number, last = number[:-1], MAGNITUDES[number[-1]]
    try:
        value = float(number) * last
    except ValueError:
        value = -1.0
    if value < 1 or not value.is_integer():
        raise argparse.ArgumentTypeError(f"{text!r}: give a whole number above 0, as 4096, 64K or 2M")
    return int(value)


def _sizes(text: str) -> list[int]:
    return [_size(part) for part in text.split(",")]


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: give whole numbers, as in 10,15,20") from None


COMMANDS = (RunSae(), Sae(), Train(), Evaluate(), Show(), Sweep(), Question())
