"""What a command is to the command line: where it belongs, and a parser that it adds there."""

from typing import Any, Protocol


class Command(Protocol):
    """One command of a study.

    Attributes
    ----------
    PARENT : str
        The command below which it stands, as in ``depthscope run NAME``; empty: none, as in ``depthscope show``.
    """

    PARENT: str

    def add_to(self, commands: Any) -> Any:
        """Add its parser, whose default ``handler`` takes the options and returns an ``Answer``.

        A group of commands returns its name and what its commands are added to: ``{"asr": parsers}``.
        """
