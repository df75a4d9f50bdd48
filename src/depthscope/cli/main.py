"""``depthscope``: parse, run, and turn what went wrong into one sentence and an exit status."""

import argparse
import errno
import gc
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from depthscope.cli.models import Models
from depthscope.cli.report import Report
from depthscope.cli.run import Run
from depthscope.cli.stimuli import Stimuli
from depthscope.console.output import Answer, deliver, let_go, only_the_document, prepare_streams
from depthscope.console.wrapping import COMMAND, Wrapping
from depthscope.drawing import beside
from depthscope.errors import DepthscopeError, DepthscopeWarning, ToldElsewhereError, out_of_memory, without
from depthscope.studies.registry import commands as every_command
from depthscope.version import __version__

BAD_INPUT, INTERRUPTED = 2, 130

# how many new objects it takes before circles of dead ones are looked for, and how many such searches before older objects
# are searched: a command makes millions that stay, and with Python's own numbers a tenth of its time goes into looking
SEARCHES = (50_000, 10, 10)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="depthscope",
        description="How a transformer's computation is organised across its depth.",
        epilog=f"Start with:{COMMAND}run metaphor --model embedded --stimuli builtin --out runs/first",
        formatter_class=Wrapping,
    )
    parser.add_argument("--version", action="version", version=f"depthscope {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # those of studies stand where they say; these four have no study
    places = {"": commands, Run.NAME: Run().add_to(commands)}
    waiting = []
    for command in every_command():
        if command.PARENT in places:
            if (below := command.add_to(places[command.PARENT])) is not None:  # a group of commands, and its name
                places |= below
        else:
            waiting.append(command)
    Report().add_to(commands)
    places |= {group.NAME: group.add_to(commands) for group in (Models(), Stimuli())}
    for command in waiting:
        command.add_to(places[command.PARENT])
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. 0 done, 1 done and a limit that was set is broken, 2 bad input, 130 interrupted."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if arguments is None:  # a process of our own
        gc.set_threshold(*SEARCHES)
        beside.allowed = True
    prepare_streams()
    options = build_parser().parse_args(words)
    options.words = words
    os.environ.setdefault("MPLBACKEND", "Agg")  # files only; no display is needed
    status: int = 0
    try:
        check_here()
        with only_the_document(options), notes():
            answer: Answer = options.handler(options)
        status = answer.status
        deliver(answer, options)
        sys.stdout.flush()  # here, where what goes wrong becomes a sentence
        if answer.refused:
            return _complain(spoken(answer.refused, words))
    except ToldElsewhereError:
        return BAD_INPUT
    except DepthscopeError as problem:
        return _complain(spoken(str(problem), words))
    except BrokenPipeError:  # whoever read our output has had enough
        let_go()
        return status
    except ModuleNotFoundError as missing:
        lacking = without(missing)
        if lacking is None:
            raise
        return _complain(str(lacking))
    except (MemoryError, OSError, RuntimeError) as problem:
        sentence = denied(problem)
        if sentence is None:
            raise
        let_go()
        return _complain(sentence)
    except KeyboardInterrupt:
        print("\ndepthscope: interrupted; run the same command again to continue", file=sys.stderr)
        return INTERRUPTED
    return status


def check_here() -> None:
    """Names are looked for, and libraries load, from the folder that a process was started in."""
    try:
        os.getcwd()  # noqa: PTH109 - as it is, whatever it is called
    except OSError:
        raise DepthscopeError(
            "the folder that this was started in is not there any more: change to another one (cd), and run it again"
        ) from None


@contextmanager
def notes() -> Iterator[None]:
    """Within it, warnings of ours are notes on stderr, a line each."""
    with warnings.catch_warnings():
        others = warnings.showwarning

        def told(message: Warning | str, category: type[Warning], *where: Any) -> None:
            if issubclass(category, DepthscopeWarning):
                print(f"note: {message}", file=sys.stderr)
            else:
                others(message, category, *where)

        warnings.showwarning = told  # type: ignore[assignment]
        warnings.simplefilter("always", DepthscopeWarning)
        yield


def denied(problem: MemoryError | OSError | RuntimeError) -> str | None:
    """What the system had not enough of, or did not allow, and the way out; None for any other fault."""
    if out_of_memory(problem):
        return (
            "not enough memory; what is finished is kept: run the same command again with fewer tokens at a time "
            "(--token-budget), a narrower --dtype or a smaller model"
        )
    if not isinstance(problem, OSError):
        return None
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            "no space left to write (disk, quota or file-size limit); what is finished is kept: make room and run "
            "the same command again"
        )
    if problem.errno == errno.EROFS:
        return f"{problem.filename or 'the folder'}: no permission to write; choose another folder"
    if problem.errno in (errno.EACCES, errno.EPERM):
        return f"{problem.filename or 'a file'}: no permission to read or write it; allow it, or choose another"
    if problem.errno == errno.ENAMETOOLONG:
        return f"{problem.filename or 'a name'}: too long for a name of a file; choose a shorter one"
    return None


def spoken(sentence: str, words: Sequence[str]) -> str:
    """What the library says of a keyword, ``threads=0: ...``, said of the option that gave it, ``--threads 0: ...``."""
    keyword = re.match(r"(\w+)=('?)(.*?)\2(?=: )", sentence)
    if keyword is None:
        return sentence
    option = f"--{keyword[1].replace('_', '-')}"
    given = any(word == option or word.startswith(f"{option}=") for word in words)
    return f"{option} {keyword[3]}{sentence[keyword.end() :]}" if given else sentence


def _complain(sentence: str) -> int:
    print(f"depthscope: {sentence}", file=sys.stderr)
    return BAD_INPUT
