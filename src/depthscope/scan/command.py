"""``depthscope scan``: every token of a corpus, into Parquet files."""

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from depthscope.console.options import CSE, LOAD, MODEL, add_loading, add_transform, chosen
from depthscope.console.output import Answer, add_json
from depthscope.console.wrapping import COMMAND, Wrapping
from depthscope.errors import DepthscopeError

CUT = ("reading", "window", "context", "token_budget", "part_tokens")
TEXT = ("text", "split")
WORK = ("engine", "workers", "address", "threads")


class Scan:
    """Measure every token of a corpus, layer by layer, into Parquet files that pandas, polars, DuckDB and Spark read as they
    stand. Run again, it computes what is missing; with another --measure, it adds it.
    """

    PARENT = ""

    def add_to(self, commands: Any) -> None:
        # what is not given stays out of the namespace, so that defaults stand in one place, the library
        parser = commands.add_parser(
            "scan",
            help="every token of a corpus, into Parquet files",
            description=self.__doc__,
            epilog=f"For example:{COMMAND}scan --model embedded --corpus essays/ --measure cse --out scans/essays",
            formatter_class=Wrapping,
            argument_default=argparse.SUPPRESS,
        )
        texts = parser.add_argument_group("model and corpus")
        add = texts.add_argument
        add("--model", help=f"'embedded' (default), {MODEL}")
        add(
            "--corpus", metavar="FILE|DIR", help="txt, md, jsonl (also .gz, .zst), parquet; or hf:NAME[:CONFIG][:SPLIT]"
        )
        add(
            "--text-column", dest="text", metavar="NAME", help="column of the text, of jsonl and parquet (default text)"
        )
        add("--split", choices=("file", "line", "paragraph"), help="what is a document in plain text (default file)")
        add("--out", metavar="DIR", help="folder for the tables; an unfinished one is continued")
        about = "repeatable: cse, norm, cosine, participation, autocorrelation, surprisal (default cse and norm)"
        add("--measure", dest="measures", action="append", metavar="NAME", help=about)
        add_loading(texts, LOAD)
        add = parser.add_argument_group("windows (see docs/studies/scan.md)").add_argument
        about = "windows that overlap (default), or every token once, behind a cache that is cut to the context"
        add("--reading", choices=("windows", "rolling"), help=about)
        add("--window", type=int, metavar="N", help="tokens that the model reads at once (default 512)")
        add(
            "--context",
            type=int,
            metavar="N",
            help="tokens before each measured one, at least (default a quarter of it)",
        )
        add("--token-budget", type=int, metavar="N", help="padded tokens per forward pass")
        add("--part-tokens", type=int, metavar="N", help="tokens per file (default 16384; 262144 on a GPU)")
        add = parser.add_argument_group("engine").add_argument
        add("--engine", choices=("local", "ray"), help="this process (default), or workers of Ray")
        add("--workers", type=int, metavar="N", help="of Ray, each with a model (default 1)")
        add(
            "--address", metavar="HOST:PORT", help="of a Ray cluster that runs already; 'auto': the one on this machine"
        )
        add("--threads", type=int, metavar="N", help="CPU threads of torch per worker")
        add_transform(parser)
        add = parser.add_argument_group("instead of a scan").add_argument
        add("--estimate", action="store_true", help="say what it would cost in memory, time and disk; loads no weights")
        add("--verify", action="store_true", help="check a finished folder: checksums, order, the corpus")
        parser.add_argument("--no-progress", action="store_true", help="no progress bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        given = vars(options)
        if "verify" in given and "estimate" in given:
            raise DepthscopeError("--verify checks a finished scan, --estimate comes before one: give one of them")
        if "verify" in given:
            return self._verify(Path(self._needed(given, "out")), progress="no_progress" not in given)
        if "estimate" in given:
            return self._estimate(options)
        from depthscope.scan.study import scan_corpus
        from depthscope.store.folder import RECORD

        corpus, out = self._needed(given, "corpus"), self._needed(given, "out")
        found = scan_corpus(
            given.get("model", "embedded"),
            corpus,
            out,
            **chosen(options, ("measures", *TEXT, *CUT, *WORK)),
            load=chosen(options, LOAD),
            cse=chosen(options, CSE),
            progress="no_progress" not in given,
            command=shlex.join(["depthscope", *options.words]),
        )
        record = json.loads((found.folder / RECORD).read_text(encoding="utf-8"))
        return Answer(found.told, {**record, "folder": found.folder})

    @staticmethod
    def _needed(given: dict[str, Any], name: str) -> str:
        if name not in given:
            raise DepthscopeError(f"scan needs --{name}: see depthscope scan --help")
        return str(given[name])

    @staticmethod
    def _verify(out: Path, progress: bool) -> Answer:
        from depthscope.scan.verify import verify

        told = verify(out, progress=progress)
        return Answer(told, {"folder": out, "verified": told})

    @staticmethod
    def _estimate(options: argparse.Namespace) -> Answer:
        from depthscope.scan.estimate import estimate

        given = vars(options)
        if given.get("engine") == "ray" or "workers" in given or "address" in given:
            raise DepthscopeError(
                "--estimate is of one process: leave out --engine ray, --workers and --address; each worker takes as much"
            )
        if "blocks" in given:
            raise DepthscopeError("--estimate finds the blocks by the configuration: leave out --blocks")
        if "corpus" not in given and (alone := [name for name in TEXT if name in given]):
            option = {"text": "--text-column", "split": "--split"}[alone[0]]
            raise DepthscopeError(f"{option} says how a corpus is read: give --corpus too")
        known = (
            *("reading", "window", "context", "token_budget", "corpus", *TEXT),
            *("dtype", "device", "stack", "quantization", "measures", "threads", "trust_remote_code"),
        )
        found = estimate(given.get("model", "embedded"), **chosen(options, known), cse=chosen(options, CSE))
        return Answer(found.told, found.document)


COMMANDS = (Scan(),)
