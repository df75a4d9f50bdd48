"""Options that commands of several studies take: of a model, a table, a transform; words in, keywords out."""

import argparse
import os
from collections.abc import Collection
from typing import Any

from depthscope.errors import DepthscopeError

MODEL = "a name of 'depthscope models', a model id, a folder, a .gguf file"

# where the value of each option goes: options that are not given keep the library's own defaults
LOAD = ("device", "dtype", "blocks", "stack", "trust_remote_code", "allow_pickle", "quantization")
TABLE = ("columns", "encoding", "decimal", "quotes")


def add_table(add: Any) -> None:
    """The options of :func:`depthscope.read_stimuli` that say how a file is to be read."""
    add_normalize(add)
    about = "what a column is called in the file: text=Sentence; repeatable"
    add("--column", dest="columns", action="append", type=_column, metavar="OURS=THEIRS", help=about)
    add("--encoding", metavar="NAME", help="of a file that is not UTF-8: cp1252 (ANSI), utf-16-le, ...")
    add("--decimal", choices=(".", ","), help="decimal mark of a csv file whose numbers do not show it")
    add(
        "--quotes",
        choices=("csv", "text"),
        help="whether quotation marks around cells are the file's or part of the texts",
    )


def add_normalize(add: Any) -> None:
    """What puts texts into one form; beside it ``--no-normalize`` belongs to the entropy, so it has a longer name too."""
    add(
        "--normalize",
        "--normalize-texts",
        dest="normalize_texts",
        action="store_true",
        help="one form of texts and targets: straight apostrophes, ordinary spaces and hyphens, composed accents, nothing "
        "that cannot be seen",
    )


def table_options(options: argparse.Namespace) -> dict[str, Any]:
    """Those of them that were given, as keywords."""
    found = chosen(options, TABLE)
    names = found.get("columns", ())
    if len(dict(names)) < len(names):
        raise DepthscopeError(f"--column: {names[-1][0]} is given twice; name one column for each of ours")
    form = {"normalize": True} if vars(options).get("normalize_texts") else {}
    return found | form | ({"columns": dict(names)} if names else {})


def _column(text: str) -> tuple[str, str]:
    ours, equals, theirs = text.partition("=")
    if not (ours.strip() and equals and theirs.strip()):
        raise argparse.ArgumentTypeError(f"{text!r}: write it as text=Sentence, our name first")
    return ours.strip(), theirs.strip()


def add_loading(group: Any, names: Collection[str]) -> None:
    """The options of :func:`depthscope.load`, quantisation only if it is among the ``names``."""
    add = group.add_argument
    add("--device", help="cpu, cuda, ... (default: cuda if there is one)")
    add("--dtype", help="precision of the weights (default: the checkpoint's)")
    add("--blocks", metavar="PATH", help="path of the list of blocks, if it is not found")
    add("--stack", choices=("encoder", "decoder"), help="of a model that is not decoder-only")
    add_trust(add)
    if "quantization" in names:
        add("--quantization", metavar="SCHEME", help="hold the weights in fewer bits: nf4, int8, torchao-int8, ...")


def add_trust(add: Any) -> None:
    """What the files of a model may do; wherever there is ``--model``."""
    add("--trust-remote-code", action="store_true", help="run Python code that the model brings (read it first)")
    add("--allow-pickle", action="store_true", help="take weights from pickles, as tensors only")


_TRANSFORM: dict[str, tuple[str, dict[str, Any]]] = {
    "wavelet": (
        "--wavelet",
        {"metavar": "NAME", "help": "paul(4) (default), morlet(6), dog(2), haar; any order or omega0"},
    ),
    "scales": ("--scales", {"metavar": "N|S,S,..", "help": "number of scales (default 16), or the scales in layers"}),
    "periods": ("--periods", {"metavar": ("LOW", "HIGH"), "help": "Fourier periods in layers (default 2 to L/2)"}),
    "padding": (
        "--padding",
        {"choices": ("zero", "reflect", "symmetric", "periodic", "renormalize"), "help": "default zero"},
    ),
    "signal": (
        "--signal",
        {"choices": ("update", "direction", "norm", "state"), "help": "what is transformed (default update)"},
    ),
    "energy_norm": ("--energy-norm", {"choices": ("L1", "L2"), "help": "default L2"}),
    "zero_mean": ("--zero-mean", {"choices": ("none", "filter", "signal"), "help": "mean removal (default none)"}),
    "sampling": ("--sampling", {"choices": ("point", "cell"), "help": "of the wavelet (default point; haar: cell)"}),
    "layers": ("--layers", {"metavar": ("FIRST", "LAST"), "help": "analyse these layers only"}),
    "normalize": ("--no-normalize", {"action": "store_false", "help": "entropy in nats"}),
    "mask_coi": ("--no-mask-coi", {"action": "store_false", "help": "use all scales at every layer"}),
    "relative": (
        "--relative",
        {"action": "store_const", "const": True, "help": "of the energy relative to what update norms give alone"},
    ),
    "min_scales": ("--min-scales", {"metavar": "N", "help": "layers with fewer valid scales are missing (default 4)"}),
}
# keywords of depthscope.cse that are options
CSE = tuple(_TRANSFORM)


def add_transform(parser: Any) -> None:
    """The options of :func:`depthscope.cse`, in a group of their own."""
    add = parser.add_argument_group("conditional scale entropy (see docs/definition.md)").add_argument
    kinds: dict[str, dict[str, Any]] = {
        "scales": {"type": _scales},
        "periods": {"nargs": 2, "type": float},
        "layers": {"nargs": 2, "type": int},
        "min_scales": {"type": int},
    }
    for name, (option, about) in _TRANSFORM.items():
        add(option, dest=name, **kinds.get(name, {}), **about)


def chosen(options: argparse.Namespace, names: Collection[str]) -> dict[str, Any]:
    """Those of the named options that were given."""
    given = vars(options)
    return {n: tuple(v) if isinstance(v, list) else v for n in names if (v := given.get(n)) is not None}


def names(text: str) -> list[str]:
    # a folder may have a comma in its name
    exists = os.path.exists(text)  # noqa: PTH110 - which is also asked of what is longer than any name
    return [text] if exists else [name for part in text.split(",") if (name := part.strip())]


def _scales(text: str) -> int | list[float]:
    try:
        return [float(part) for part in text.split(",")] if "," in text else int(text)
    except ValueError:
        # of argparse's own kind: it would replace the words of any other ValueError
        raise argparse.ArgumentTypeError(
            f"{text!r}: give a number of scales, or scales in layers as in 2,3,4.5"
        ) from None
