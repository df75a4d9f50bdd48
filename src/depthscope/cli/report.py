"""``depthscope report DIR [DIR ...]``."""

import argparse
from pathlib import Path
from typing import Any

from depthscope.console.output import Answer, add_json, say
from depthscope.errors import DepthscopeError


class Report:
    """Build report.html of finished runs again, from what their folders hold: no model is needed. Runs in the folders below
    ('run models', 'run corpora') are built first.
    """

    def add_to(self, commands: Any) -> None:
        parser = commands.add_parser("report", help="build report.html of finished runs", description=self.__doc__)
        parser.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="a run folder")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from depthscope.run.finish import check_finish
        from depthscope.studies.reports import write_reports

        check_finish()
        written, passed, problems = write_reports(options.runs)
        told = [*(f"written: {path}" for path in written), *(f"note: {one}" for one in passed)]
        if problems:
            for line in told:
                say(line)
            raise DepthscopeError("; ".join(problems))
        return Answer(told, {"reports": [str(path) for path in written]})
