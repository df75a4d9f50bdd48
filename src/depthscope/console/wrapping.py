"""Help whose commands can be copied: wrapped, a quotation mark would hold a line break."""

import argparse

COMMAND = "\n  depthscope "


class Wrapping(argparse.HelpFormatter):
    """Wraps text, and leaves each command of an epilog on one line of its own."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        told, *commands = text.split(COMMAND)
        return super()._fill_text(told, width, indent) + "".join(f"{COMMAND}{command}" for command in commands)
