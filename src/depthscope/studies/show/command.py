"""``depthscope show``: a text, token by token, as a page."""

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depthscope.console.options import CSE, LOAD, MODEL, add_loading, add_transform, chosen
from depthscope.console.output import Answer, add_json
from depthscope.console.wrapping import COMMAND, Wrapping
from depthscope.errors import DepthscopeError, check_count

if TYPE_CHECKING:
    from depthscope.studies.show.study import Shown

STDIN = "-"


class Show:
    """One text, or two side by side, token by token: how broad the computation is at every token and layer, its scalograms,
    and what the model would say at every layer; written as one page that needs nothing else.
    """

    PARENT = ""

    def add_to(self, commands: Any) -> None:
        # what is not given stays out of the namespace, so that defaults stand in one place, the library
        parser = commands.add_parser(
            "show",
            help="a text, token by token, as a page",
            description=self.__doc__,
            epilog=f'For example:{COMMAND}show --text "The lawyer is a shark." --compare "The fish is a shark."',
            formatter_class=Wrapping,
            argument_default=argparse.SUPPRESS,
        )
        texts = parser.add_argument_group("model and text")
        add = texts.add_argument
        add("--model", help=f"'embedded' (default), {MODEL}")
        add("--text", help="the text; '-', or none and a pipe: read it from there")
        add("--compare", metavar="TEXT", help="a second text beside it, aligned token by token")
        add("--lens", type=int, metavar="K", help="readings of the logit lens at every layer (default 3; 0: none)")
        add("--out", metavar="FILE.html", help="the page (default show.html)")
        add_loading(texts, LOAD)
        add("--threads", type=int, metavar="N", help="CPU threads of torch")
        add_transform(parser)
        parser.add_argument("--no-progress", action="store_true", help="no progress bars")
        add_json(parser)
        parser.set_defaults(handler=self.run)

    def run(self, options: argparse.Namespace) -> Answer:
        given = vars(options)
        texts = chosen(options, ("text", "compare"))
        if list(texts.values()).count(STDIN) > 1:
            raise DepthscopeError("--text and --compare cannot both come from a pipe: give one of them in words")
        if "text" not in texts and (sys.stdin is None or sys.stdin.isatty()):
            raise DepthscopeError('there is no text: give --text "...", or send one through a pipe')
        texts = {"text": STDIN, **texts}
        texts = {name: piped() if text == STDIN else text for name, text in texts.items()}

        from depthscope.errors import require
        from depthscope.model.load import load_text
        from depthscope.report.page.place import check_page
        from depthscope.studies.show.study import show

        place = check_page(given.get("out", "show.html"), "show.html")
        torch = require("torch", "models")
        threads = given.get("threads")
        check_count("threads", threads)
        torch.set_num_threads(threads or torch.get_num_threads())
        found = show(
            load_text(given.get("model", "embedded"), **chosen(options, LOAD)),
            **texts,
            **chosen(options, ("lens",)),
            **chosen(options, CSE),
            command=shlex.join(["depthscope", *options.words]),
            progress="no_progress" not in given,
        )
        found.save(place)
        return Answer([*found.told, "", f"written: {place} (open it in a browser)"], document(found, place))


def piped() -> str:
    """All of stdin, as UTF-8, without the line end that ``echo`` and editors add."""
    source = getattr(sys.stdin, "buffer", None)
    try:
        text: str = source.read().decode("utf-8-sig") if source is not None else sys.stdin.read()
    except UnicodeDecodeError as problem:
        raise DepthscopeError(
            f"the text from the pipe is not UTF-8 (byte {problem.start}): convert it first, e.g. with iconv"
        ) from None
    return text.rstrip("\r\n")


def document(found: "Shown", place: Path) -> dict[str, Any]:
    """What was shown, for programs: every token with its CSE by layer; what is NaN in it becomes null."""
    texts = [
        {
            "text": one.text,
            "layers": one.cse["layer"].values,
            "tokens": [
                {
                    "token": i,
                    "piece": piece,
                    **{name: one.traj[name].values[i] for name in ("start", "end", "special", "token_id", "surprisal")},
                    "mean_cse": one.means[i],
                    "cse": one.cse.values[i],
                }
                for i, piece in enumerate(one.pieces)
            ],
        }
        for one in found.readings
    ]
    return {
        "claims": found.answer,
        "texts": texts,
        "aligned": found.pairs,
        "settings": found.settings,
        "checks": found.checks,
        "environment": found.environment,
        "command": found.command,
        "page": place,
    }


COMMANDS = (Show(),)
