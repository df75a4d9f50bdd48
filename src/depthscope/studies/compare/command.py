"""``depthscope compare RUN [RUN ...]``."""

import argparse
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from depthscope.console.output import Answer, add_json
from depthscope.console.wrapping import COMMAND, Wrapping

if TYPE_CHECKING:
    from depthscope.studies.compare.study import Comparison


class Compare:
    """Finished runs of many models, one question: does the effect recur, at which relative depth, how large is it on the whole,
    and how different are the models? Needs no model; reads cse.nc and run.json of each run.
    """

    PARENT = ""

    def add_to(self, commands: Any) -> None:
        # what is not given stays out of the namespace, so that defaults stand in one place, the library
        parser = commands.add_parser(
            "compare",
            help="many finished runs: does the effect recur?",
            description=self.__doc__,
            epilog="The rules: docs/studies/compare.md. Needs: pip install 'depthscope[mechanism]'. For example:"
            f"{COMMAND}compare runs/models --depth 0 0.6 --out runs/compared",
            formatter_class=Wrapping,
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
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.studies.compare.study import compare

        given = vars(options)
        chosen: dict[str, Any] = {name: given[name] for name in ("contrast", "points", "out") if name in given}
        if "depth" in given:
            chosen["depth"] = tuple(given["depth"])
        found = compare(given["runs"], command=shlex.join(["depthscope", *options.words]), **chosen)
        written = ["", f"written: {given['out']} (begin with report.html)"] if "out" in given else []
        return Answer([*found.told, *written], document(found, given.get("out")))


def document(c: "Comparison", folder: str | None) -> Mapping[str, Any]:
    """A comparison for programs; what is NaN in it becomes null.

    ``answer`` is what was asked and what was found; ``claims`` and ``notes`` are sentences; ``models`` are the rows of
    ``models.csv``; ``these_models`` is what holds of new items in these models, or None.
    """
    from depthscope.studies.compare.words import answer, cautions, verdicts

    joint = c.joint
    return {
        "contrast": c.name,
        "depth": c.depth,
        "answer": answer(c),
        "claims": verdicts(c),
        "notes": cautions(c),
        "pooled": vars(c.pooled),
        "these_models": joint and {name: getattr(joint, name) for name in ("mean", "low", "high", "items")},
        "models": c.to_dataframe().to_dict("records"),
        "mechanism": {name: vars(pooled) for name, pooled in c.mechanism.items()},
        "command": c.command,
        "folder": folder,
    }


COMMANDS = (Compare(),)
