"""``depthscope compare RUN [RUN ...]``."""

import argparse
import os
import shlex
from typing import Any


class Compare:
    """Finished runs of many models, one question: does the effect recur, at which relative depth, how large is it on the whole,
    and how different are the models? Needs no model; reads cse.nc and run.json of each run.
    """

    def add_to(self, commands: Any) -> None:
        # what is not given stays out of the namespace, so that defaults stand in one place, the library
        parser = commands.add_parser(
            "compare",
            help="many finished runs: does the effect recur?",
            description=self.__doc__,
            epilog="The rules: docs/compare.md. Needs: pip install 'depthscope[mechanism]'",
            argument_default=argparse.SUPPRESS,
        )
        add = parser.add_argument
        add("runs", nargs="+", metavar="RUN", help="a finished run folder, or a folder of them ('run models')")
        add("--contrast", metavar="A-B", help="conditions to compare (default: the first contrast of the first run)")
        add(
            "--depth",
            nargs=2,
            type=float,
            metavar=("LOW", "HIGH"),
            help="relative depth over which each model gives one number (default 0 0.6: early to mid)",
        )
        add("--points", type=int, metavar="N", help="grid of relative depth (default 20)")
        add("--out", metavar="DIR", help="write summary.md, tables and the figure there")
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> None:
        os.environ.setdefault("MPLBACKEND", "Agg")  # files only; no display is needed
        from depthscope.report.compare import told
        from depthscope.studies.compare import compare

        given = vars(options)
        chosen: dict[str, Any] = {name: given[name] for name in ("contrast", "points", "out") if name in given}
        if "depth" in given:
            chosen["depth"] = tuple(given["depth"])
        found = compare(given["runs"], command=shlex.join(["depthscope", *options.words]), **chosen)
        for line in told(found):
            print(line)
        if "out" in given:
            print(f"\nwritten: {given['out']} (begin with summary.md, then figures/)")
