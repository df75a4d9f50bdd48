"""Names of columns: ours, those of a file, and which of them may be meant."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

import pandas as pd

from depthscope.errors import DepthscopeError, listed

REQUIRED = ("item", "condition", "text")
ORDER = ("item", "condition", "pair", "text", "target", "start", "end")
OURS = (*ORDER, "occurrence", "probe")
# what others call them
_ELSEWHERE = {
    "item": ("id", "item_id", "itemid", "number", "nr", "no", "nummer", "numéro", "numero", "número"),
    "condition": ("cond", "type", "kind", "label", "bedingung", "kondition", "condición", "condizione"),
    "text": ("sentence", "stimulus", "sentences", "string", "satz", "phrase", "texte", "texto", "testo", "frase"),
    "target": ("word", "target_word", "targetword", "keyword", "wort", "zielwort", "mot", "palabra", "parola"),
}


def new_names(header: Sequence[str], columns: Mapping[str, str], source: str) -> list[str]:
    """The header with our names in the place of those that ``columns`` (ours to theirs) says.

    Raises
    ------
    DepthscopeError
        A name that is not there or twice, or one of our own that is there already.
    """
    theirs = [str(name).strip() for name in header]
    given: dict[str, str] = {}
    for ours, name in columns.items():
        ours, name = str(ours).strip(), str(name).strip()
        if name not in theirs:
            raise DepthscopeError(
                f"{source}: no column {name!r} to take as {ours} (columns found: {listed(theirs, 12)})"
            )
        if name in given:
            raise DepthscopeError(f"{source}: column {name!r} cannot be both {given[name]} and {ours}")
        if ours in theirs and ours != name and ours not in columns.values():
            raise DepthscopeError(f"{source}: there is a column {ours} already beside {name!r}; rename or drop one")
        given[name] = ours
    return [given.get(name, name) for name in theirs]


def renamed(table: pd.DataFrame, columns: Mapping[str, str], source: str) -> pd.DataFrame:
    """The table under our names."""
    return table.set_axis(new_names(list(map(str, table.columns)), columns, source), axis=1)


def meant(missing: Iterable[str], found: Iterable[object]) -> str:
    """A way out for columns that are missing, if others may stand for them; else nothing."""
    names = [str(name) for name in found if str(name) not in OURS]
    told = {ours: name for ours in missing if (name := _near(ours, names)) is not None}
    if not told:
        return ""
    options = " ".join(
        f"--column {ours}={name!r}" if " " in name else f"--column {ours}={name}" for ours, name in told.items()
    )
    return f"; if {listed(map(repr, told.values()))} is meant, say columns={told!r} ({options})"


def _near(ours: str, names: Sequence[str]) -> str | None:
    plain = {name.casefold().strip().replace(" ", "_"): name for name in names}
    for usual in (ours, *_ELSEWHERE.get(ours, ())):
        if usual in plain:
            return plain[usual]
    close = get_close_matches(ours, plain, n=1, cutoff=0.75)
    return plain[close[0]] if close else None
