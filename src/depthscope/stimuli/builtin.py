"""The sets that come with the package."""

from dataclasses import dataclass
from importlib.resources import files

import pandas as pd

from depthscope.errors import DepthscopeError


@dataclass(frozen=True)
class BuiltinSet:
    name: str
    file: str
    about: str


BUILTIN = {
    "builtin": BuiltinSet(
        "builtin",
        "metaphor.csv",
        "metaphor, literal, paraphrase, complex, anomalous; sentence-final nouns and verbs; authored, not human-normed",
    )
}


def read_builtin(name: str) -> pd.DataFrame:
    if name not in BUILTIN:
        raise DepthscopeError(f"no built-in set {name!r}: there is {', '.join(BUILTIN)}")
    with (files("depthscope.stimuli") / "data" / BUILTIN[name].file).open(encoding="utf-8") as stream:
        return pd.read_csv(stream, dtype=str, keep_default_na=False)
