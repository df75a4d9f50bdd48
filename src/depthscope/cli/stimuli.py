"""``depthscope stimuli list`` and ``depthscope stimuli check``."""

import argparse
from typing import Any

from depthscope.console.output import Answer, add_json
from depthscope.telling import Sheet


class Stimuli:
    """Look at sets of stimuli, and check a file before any time is spent on it."""

    NAME = "stimuli"

    def add_to(self, commands: Any) -> Any:
        """Its parser, and where studies add actions."""
        parser = commands.add_parser(self.NAME, help="list sets, check a file", description=self.__doc__)
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        ListSets().add_to(actions)
        return actions


class ListSets:
    """The sets that come with the package, and the public ones that can be read from a folder."""

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser("list", help="sets that can be named", description=self.__doc__)
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.stimuli.builtin import BUILTIN, read_builtin
        from depthscope.stimuli.public import PUBLIC

        ours: list[dict[str, Any]] = [
            {
                "name": name,
                "items": table["item"].nunique(),
                "conditions": list(table["condition"].unique()),
                "about": about.about,
            }
            for name, about in BUILTIN.items()
            for table in [read_builtin(name)]
        ]
        public = [{"name": name, "about": text} for name, (_, text) in PUBLIC.items()]
        told: list[str | Sheet] = [
            Sheet(
                ("name", "size", "what"),
                [(s["name"], f"{s['items']} items x {len(s['conditions'])} conditions", s["about"]) for s in ours],
            ),
            "",
            Sheet(
                ("name", "what"),
                [(s["name"], s["about"]) for s in public],
                "with --folder DIR, which holds the files of the corpus:",
            ),
        ]
        return Answer(told, {"builtin": ours, "public": public})
