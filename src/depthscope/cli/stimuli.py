"""``depthscope stimuli list`` and ``depthscope stimuli check``."""

import argparse
from typing import Any


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
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> None:
        from depthscope.stimuli.builtin import BUILTIN, read_builtin
        from depthscope.stimuli.public import PUBLIC

        for name, about in BUILTIN.items():
            table = read_builtin(name)
            size = f"{table['item'].nunique()} items x {table['condition'].nunique()} conditions"
            print(f"{name:12} {size}: {about.about}")
        print("\nwith --folder DIR, which holds the files of the corpus:")
        for name, (_, text) in PUBLIC.items():
            print(f"{name:12} {text}")


class CheckFile:
    """Validate a table, and see its targets as a model's tokenizer sees them."""

    def add_to(self, actions: Any) -> None:
        parser = actions.add_parser("check", help="validate a table", description=self.__doc__)
        parser.add_argument("file", help="a csv/tsv/jsonl/parquet file, 'builtin', or a public set with --folder")
        parser.add_argument("--folder", metavar="DIR", help="where the files of a public set are")
        parser.add_argument("--model", help="check against this model's tokenizer and context")
        parser.add_argument("--subtoken", choices=("last", "first", "mean"), default="last")
        parser.add_argument("--unpaired", action="store_true", help="items may have one condition only")
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> None:
        from depthscope.stimuli.read import read_stimuli

        table = read_stimuli(options.file, paired=not options.unpaired, folder=options.folder)
        counts = table["condition"].value_counts(sort=False)
        conditions = ", ".join(f"{name} {count}" for name, count in counts.items())
        print(f"{options.file}: {len(table)} texts, {table['item'].nunique()} items; {conditions}")
        if options.model is not None:
            from depthscope.capture.census import census
            from depthscope.model.tokenizer import load_tokenizer

            tokenizer, max_length = load_tokenizer(options.model)
            for line in census(tokenizer, table, options.subtoken, max_length):
                print(line)
        print("ok")
