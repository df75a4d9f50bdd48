"""How an answer leaves the command line: tables and sentences in a terminal, plain text in a pipe, one JSON document."""

import argparse
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import Any

from depthscope.store.jsonable import jsonable
from depthscope.telling import Told, clean, plain


def prepare_streams() -> None:
    """Streams that take any text: a closed one drops it, and characters that the encoding lacks are written as escapes."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - as long as the process
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def let_go() -> None:
    """Drop what stdout no longer takes: the interpreter, which flushes it when it ends, would complain."""
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - as long as the process


BROKEN = 1  # exit status of what went well, and found that a limit which the user set is broken


@dataclass(frozen=True)
class Answer:
    """What a command has to say.

    Attributes
    ----------
    told : sequence of str or Sheet
        For a person.
    document : mapping or None
        For a program, with ``--json``. Anything that :func:`jsonable` takes; None: nothing is printed.
    status : int
        Exit status.
    refused : str
        Why the input cannot be used: a sentence on stderr, after all else, and the exit status of bad input.
    """

    told: Told
    document: Mapping[str, Any] | None
    status: int = 0
    refused: str = ""


def add_json(parser: Any) -> None:
    """The option, for any command that returns an :class:`Answer`."""
    # without a default: given before an action, it is not undone by the action's parser
    parser.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print the result as one JSON document"
    )


def wants_json(options: argparse.Namespace) -> bool:
    return "json" in options


@contextmanager
def only_the_document(options: argparse.Namespace) -> Iterator[None]:
    """With ``--json``, whatever is printed inside goes to stderr, by libraries and processes of their own too."""
    if not wants_json(options):
        yield
        return
    sys.stdout.flush()
    with redirect_stdout(sys.stderr), _lent_to_stderr():
        yield


@contextmanager
def _lent_to_stderr() -> Iterator[None]:
    try:
        out, err = sys.__stdout__.fileno(), sys.stderr.fileno()  # type: ignore[union-attr]
    except (AttributeError, ValueError, OSError):  # no file at all, as in a test
        yield
        return
    kept = os.dup(out)
    os.dup2(err, out)
    try:
        yield
    finally:
        os.dup2(kept, out)
        os.close(kept)


def say(line: str) -> None:
    """Something to know before the answer is there."""
    show([line])
    sys.stdout.flush()


def deliver(answer: Answer, options: argparse.Namespace) -> None:
    """Print the answer, in the form that was asked for."""
    if not wants_json(options):
        show(answer.told)
        return
    for line in answer.told:
        if isinstance(line, str) and line.startswith("note:"):
            print(clean(line), file=sys.stderr)
    # escaped, so that it is the same in every encoding
    if answer.document is not None:
        print(json.dumps(jsonable(answer.document), indent=2, allow_nan=False))


def show(told: Told) -> None:
    """Print for a person: through rich in a terminal, else as plain text."""
    if sys.stdout.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown"):
        from depthscope.console.terminal import show_richly

        show_richly(told)
    elif told:
        print(plain(told))
