"""``depthscope run norms``."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from depthscope.console.output import Answer, add_json
from depthscope.console.wrapping import COMMAND, Wrapping


class RunNorms:
    """How long are the updates of a text along depth, and do they grow?"""

    PARENT = "run"

    def add_to(self, studies: Any) -> None:
        parser = studies.add_parser(
            "norms",
            help="how long updates are along depth",
            description=self.__doc__,
            epilog=f'For example:{COMMAND}run norms --text "The lawyer is a shark." --out runs/norms',
            formatter_class=Wrapping,
        )
        parser.add_argument("--model", default="embedded", help="'embedded' (default), or another")
        parser.add_argument("--text", default="The lawyer is a shark.", help="what is read")
        parser.add_argument("--out", required=True, metavar="DIR", help="run folder")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        from tests.studies.tenth.study import run_norms

        command = shlex.join(["depthscope", *options.words])
        found = run_norms(options.model, options.text, Path(options.out), command=command)
        return Answer(found.told, {"folder": found.folder, "grows": found.norms.grows})


COMMANDS = (RunNorms(),)
