"""``depthscope models coverage``."""

import argparse
import shlex
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from depthscope.console.output import Answer, add_json
from depthscope.console.wrapping import COMMAND, Wrapping
from depthscope.errors import DepthscopeError
from depthscope.store.files import write_text
from depthscope.studies.coverage.results import KINDS
from depthscope.telling import Sheet


class Coverage:
    """Try every class of models in the installed transformers, built small with random weights: what works, and why not."""

    PARENT = "models"

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser(
            "coverage",
            help="which classes of models work",
            description=self.__doc__,
            epilog=f"For example:{COMMAND}models coverage --family llama gpt2 --out coverage.md",
            formatter_class=Wrapping,
        )
        parser.add_argument(
            "--family",
            nargs="+",
            action="extend",
            default=[],
            metavar="NAME",
            help="model types, e.g. llama (default: all)",
        )
        parser.add_argument(
            "--kind", nargs="+", action="extend", default=[], choices=list(KINDS), help="kinds of models (default: all)"
        )
        parser.add_argument("--out", type=Path, metavar="FILE.md", help="write the whole table to this file")
        parser.add_argument("--no-progress", action="store_true", help="no bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.coverage.study import coverage
        from depthscope.studies.coverage.words import count, coverage_document, families_table

        if options.out is not None:
            _check_place(options.out)  # before minutes are spent
        rows = list(coverage(options.family, options.kind, progress=not options.no_progress))
        versions = {name: metadata.version(name) for name in ("transformers", "torch")}
        table = families_table([row for row in rows if row.outcome != "works"])
        told: list[str | Sheet] = [*([table.sheet()] if table else []), count(rows)]
        if options.out is not None:
            measured = ", ".join(f"{name} {version}" for name, version in versions.items())
            write_text(options.out, coverage_document(rows, measured, shlex.join(["depthscope", *options.words])))
            told.append(f"written: {options.out}")
        document = {"classes": [asdict(row) for row in rows], "versions": versions, "written": options.out}
        return Answer(told, document)


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise DepthscopeError(f"{path} is a folder: give --out a file, e.g. {path / 'coverage.md'}")
    if not path.parent.is_dir():
        raise DepthscopeError(f"{path}: there is no folder {path.parent}; make it first")


COMMANDS = (Coverage(),)
