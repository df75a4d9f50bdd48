"""``depthscope stimuli list`` and ``depthscope stimuli check``."""

import argparse
from typing import Any

from depthscope.cli.output import Answer, add_json
from depthscope.cli.study import CSE, add_table, add_transform, chosen, table_options
from depthscope.errors import DepthscopeError
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
    """Validate a table, and tell what a run would: targets as a model's tokenizer sees them, its depth, the language of the
    texts, and the pairs that can be tested, with the reason for each that cannot.
    """

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser("check", help="validate a table", description=self.__doc__)
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
        from depthscope.studies.preview import preview

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
        """What is wrong, by row as far as it can be told by row."""
        from depthscope.stimuli.problems import StimuliError

        problems = wrong.problems if isinstance(wrong, StimuliError) else []
        rows = [("" if p.row is None else str(p.row), p.where, p.told) for p in problems]
        told = [Sheet(("row", "text", "what is wrong"), rows, f"{file}:")] if rows else []
        document = {"stimuli": file, "problems": [problem.document for problem in problems], "refused": [str(wrong)]}
        return Answer(told, document, refused=str(wrong))
