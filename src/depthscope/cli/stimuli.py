"""``depthscope stimuli list`` and ``depthscope stimuli check``."""

import argparse
from typing import Any

from depthscope.cli.output import Answer, add_json
from depthscope.cli.study import add_normalize
from depthscope.telling import Sheet


class Stimuli:
    """Look at sets of stimuli, and check a file before any time is spent on it."""

    def add_to(self, commands: Any) -> None:
        parser = commands.add_parser("stimuli", help="list sets, check a file", description=self.__doc__)
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        ListSets().add_to(actions)
        CheckFile().add_to(actions)


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


class CheckFile:
    """Validate a table, and see its targets as a model's tokenizer sees them."""

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser("check", help="validate a table", description=self.__doc__)
        parser.add_argument("file", help="a csv/tsv/jsonl/parquet file, 'builtin', or a public set with --folder")
        parser.add_argument("--folder", metavar="DIR", help="where the files of a public set are")
        parser.add_argument("--model", help="check against this model's tokenizer and context")
        parser.add_argument("--subtoken", choices=("last", "first", "mean"), default="last")
        parser.add_argument("--unpaired", action="store_true", help="items may have one condition only")
        add_normalize(parser.add_argument)
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.stimuli.read import read_stimuli

        table = read_stimuli(
            options.file, paired=not options.unpaired, folder=options.folder, normalize=options.normalize_texts
        )
        counts = table["condition"].value_counts(sort=False).to_dict()
        items = table["item"].nunique()
        conditions = ", ".join(f"{name} {count}" for name, count in counts.items())
        seen: list[str] = []
        if options.model is not None:
            from depthscope.capture.census import census
            from depthscope.model.tokenizer import load_tokenizer

            tokenizer, max_length = load_tokenizer(options.model)
            seen = census(tokenizer, table, options.subtoken, max_length)
        document = {
            "stimuli": options.file,
            "texts": len(table),
            "items": items,
            "conditions": counts,
            "model": options.model,
            "census": seen,
        }
        return Answer([f"{options.file}: {len(table)} texts, {items} items; {conditions}", *seen, "ok"], document)
