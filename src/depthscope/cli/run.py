"""``depthscope run STUDY``."""

from typing import Any


class Run:
    """Run a study into a folder; run it again to continue it."""

    NAME = "run"

    def add_to(self, commands: Any) -> Any:
        """Its parser, and where studies add theirs."""
        parser = commands.add_parser(self.NAME, help="run a study", description=self.__doc__)
        return parser.add_subparsers(dest="study", required=True, metavar="STUDY")
