"""What a run would say of its stimuli before it computes anything, all of it at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import combinations, islice
from typing import Any

import numpy as np
import pandas as pd

from depthscope.capture.census import census
from depthscope.capture.tokens import Subtoken
from depthscope.errors import DepthscopeError, listed
from depthscope.instrument.cse import cse
from depthscope.model.tokenizer import load_tokenizer
from depthscope.statistics.terms import Terms, parse_terms
from depthscope.stimuli.builtin import BUILTIN
from depthscope.stimuli.columns import OURS
from depthscope.stimuli.families import families
from depthscope.stimuli.frequency import COLUMN, with_frequency
from depthscope.stimuli.language import find_language, targets_language
from depthscope.stimuli.numbers import two_ways
from depthscope.stimuli.read import read_stimuli
from depthscope.studies.contrast.usable import contexts_of, pairs_told
from depthscope.words import layers_text

# pairs of conditions that are looked at where no contrast is named
FEW = 10


@dataclass
class Preview:
    """What was found.

    Attributes
    ----------
    told : list of str
    document : dict
        The same for a program.
    refused : list of str
        What a run would refuse, each in a sentence.
    """

    told: list[str] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)

    def tell(self, name: str, words: str) -> None:
        self.told.append(f"{name}: {words}")
        self.document[name.replace(" ", "_")] = words


def preview(
    stimuli: str,
    *,
    folder: str | None = None,
    layout: Mapping[str, Any] | None = None,
    paired: bool = True,
    language: str | None = None,
    contrasts: Sequence[str] | None = None,
    model: str | None = None,
    subtoken: Subtoken = "last",
    measure: Mapping[str, Any] | None = None,
    trust_remote_code: bool = False,
) -> Preview:
    """Read the table, and try all of a run that needs neither weights nor time.

    Parameters
    ----------
    stimuli, folder, layout, paired
        Those of :func:`depthscope.read_stimuli`; ``layout`` holds its keywords for files.
    language : str, optional
        Of the texts, if it is not to be found in them.
    contrasts : sequence of str, optional
        By default metaphor - literal, or every two conditions.
    model : str, optional
        Whose tokenizer and depth are looked at.
    measure : mapping, optional
        Keywords of :func:`depthscope.cse`.
    trust_remote_code : bool, default False
        Run Python code that the model brings.

    Raises
    ------
    DepthscopeError
        A table that cannot be read, a text that does not fit the model's context.
    """
    table = read_stimuli(stimuli, paired=paired, folder=folder, **(layout or {}))
    found = Preview()
    counts = {str(name): int(count) for name, count in table["condition"].value_counts(sort=False).items()}
    conditions = ", ".join(f"{name} {count}" for name, count in counts.items())
    items = int(table["item"].nunique())
    found.told.append(f"{stimuli}: {len(table)} texts, {items} items; {conditions}")
    found.document = {"stimuli": stimuli, "texts": len(table), "items": items, "conditions": counts, "model": model}
    found.document["census"] = []
    _numbers(found, table)
    _families(found, table)
    contexts = None
    if model is not None:
        tokenizer, limit = load_tokenizer(model, trust_remote_code)
        found.document["census"] = census(tokenizer, table, subtoken, limit)
        found.told += found.document["census"]
        # torch stands behind them, and a table alone needs none
        from depthscope.capture.labels import check_covariates
        from depthscope.model.paper import read_config

        check_covariates(table)

        config = read_config(model, trust_remote_code)
        causal = not any("MaskedLM" in str(name) for name in getattr(config, "architectures", None) or [])
        contexts = contexts_of(tokenizer, table, subtoken, limit, causal)
        _depth(found, config, measure or {})
    _language(found, table, language or ("en" if folder is None and stimuli in BUILTIN else None))
    _contrasts(found, table, contexts, contrasts)
    # as in the document of a table with faults; what can be said of a row was raised above
    found.document |= {"problems": [], "refused": found.refused}
    return found


def _families(found: Preview, table: pd.DataFrame) -> None:
    for column, labels in families(table).items():
        found.tell(
            f"shared {column}",
            f"{len(labels)} items share {len(set(labels.values()))}: they may depend on each other; a run shows how much, and "
            f"--cluster-by {column} tests families",
        )


def _numbers(found: Preview, table: pd.DataFrame) -> None:
    unclear = [name for name in table if name not in OURS and two_ways(table[name])]
    if unclear:
        found.tell("numbers", f"to be read in two ways, and left as text: {listed(unclear)}; say --decimal , or .")


def _depth(found: Preview, config: Any, measure: Mapping[str, Any]) -> None:
    text = config.get_text_config() if hasattr(config, "get_text_config") else config
    depth = getattr(text, "num_hidden_layers", None)
    if not isinstance(depth, int):
        return
    try:
        measured = np.flatnonzero(np.isfinite(cse(np.eye(depth), **measure)))
    except DepthscopeError as problem:
        found.tell("depth", f"{depth} blocks, which these settings do not fit")
        found.refused.append(str(problem))
        return
    first = (measure.get("layers") or (1, depth))[0]
    found.tell("depth", f"{depth} blocks; CSE at {layers_text(measured.min() + first, measured.max() + first)}")


def _language(found: Preview, table: pd.DataFrame, language: str | None) -> None:
    if COLUMN in table:
        found.tell("word frequencies", f"the table has its own {COLUMN}")
        return
    if not all(find_spec(name) for name in ("py3langid", "wordfreq")):
        found.tell("language", "not looked at, which needs pip install 'depthscope[models]'")
        return
    try:
        seen = find_language(table["text"])
        told = "" if language is None else f"{language} is taken; "
        found.tell("language", f"{told}the texts look like {seen.words}")
        code = language or targets_language(table["text"])
        values = with_frequency(table, code)[COLUMN]
    except DepthscopeError as problem:
        found.refused.append(str(problem))
        return
    unknown = list(dict.fromkeys(table["target"][values == 0]))
    known = f"{len(unknown)} target(s) unknown ({listed(unknown)})" if unknown else "all targets are known"
    found.tell("word frequencies", f"{known}, in {code}")


def _contrasts(
    found: Preview, table: pd.DataFrame, contexts: Sequence[str] | None, asked: Sequence[str] | None
) -> None:
    names = list(dict.fromkeys(table["condition"]))
    told = {}
    for terms in _usual(names) if asked is None else _parsed(found, names, asked):
        try:
            told[terms.name] = pairs_told(table, terms, contexts)
        except DepthscopeError as problem:
            told[terms.name] = str(problem).removeprefix(f"{terms.name}: ")
            if asked is not None or len(names) == 2:
                found.refused.append(str(problem))
    found.told += [f"{name}: {words}" for name, words in told.items()]
    found.document["contrasts"] = told


def _usual(names: Sequence[str]) -> list[Terms]:
    if {"metaphor", "literal"} <= set(names):
        return [Terms(("metaphor",), ("literal",))]
    return [Terms((a,), (b,)) for a, b in islice(combinations(names, 2), FEW)]


def _parsed(found: Preview, names: Sequence[str], asked: Sequence[str]) -> list[Terms]:
    parsed = []
    for text in asked:
        try:
            parsed.append(parse_terms(text, names))
        except DepthscopeError as problem:
            found.refused.append(str(problem))
    return parsed
