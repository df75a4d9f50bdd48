"""Readers for public metaphor corpora, from a folder that the user names. Nothing of them is shipped."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from depthscope.errors import DepthscopeError
from depthscope.stimuli.public.cardillo import read_cardillo
from depthscope.stimuli.public.impli import read_impli
from depthscope.stimuli.public.mohx import read_mohx
from depthscope.stimuli.public.vua import read_vua_nouns, read_vua_verbs

PUBLIC: dict[str, tuple[Callable[[Path], pd.DataFrame], str]] = {
    "cardillo": (read_cardillo, "sentence pairs with a shared noun (Cardillo et al. 2010, 2017): cardillo.jsonl"),
    "impli": (read_impli, "metaphor, literal use, paraphrase (Stowe et al. 2022): metaphors_manual_{e,ne}.tsv"),
    "vua": (read_vua_verbs, "naturalistic verb pairs (VU Amsterdam Metaphor Corpus): VUA_formatted_*.csv"),
    "vua-nouns": (read_vua_nouns, "naturalistic noun pairs (VU Amsterdam Metaphor Corpus): VUA_seq_formatted_*.csv"),
    "mohx": (read_mohx, "verb pairs (Mohammad, Shutova & Turney 2016): MOH-X_formatted_svo_cleaned.csv"),
}


def read_public(name: str, folder: Path) -> pd.DataFrame:
    """An unvalidated table of the public set ``name`` in ``folder`` (or its subfolder of that name)."""
    if name not in PUBLIC:
        raise DepthscopeError(f"no public set {name!r}: there is {', '.join(PUBLIC)}")
    if not folder.is_dir():
        raise DepthscopeError(f"{folder}: no such folder (looked for the public set {name})")
    own = folder / name.split("-")[0]
    place = own if own.is_dir() else folder
    try:
        return PUBLIC[name][0](place)
    except DepthscopeError:
        raise
    except (KeyError, ValueError, TypeError, IndexError) as problem:
        reason = f"{type(problem).__name__}: {problem}"
        raise DepthscopeError(f"{place}: the files of {name} are not in the published layout ({reason})") from None
