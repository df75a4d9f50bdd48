"""What a reader should know of the model, the texts and the layers of a run, in a sentence each."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from depthscope.drawing.fonts import missed_text
from depthscope.errors import listed
from depthscope.stimuli.builtin import BUILTIN
from depthscope.stimuli.frequency import COLUMN

if TYPE_CHECKING:
    from depthscope.studies.contrast.settings import Settings


def remarks(traj: xr.Dataset, h: xr.DataArray) -> list[str]:
    """What a reader should know of the model, the targets and the layers."""
    found = []
    if not traj.attrs["causal"]:
        found.append(
            "The model is an encoder: a target's states depend on the whole text, also on what follows; there is no surprisal."
        )
    if quantised(traj):
        scheme = traj.attrs["quantization"]
        coupled = "; under it later tokens change earlier states" if scheme == "int8" else ""
        found.append(
            f"The weights are quantised ({scheme}{coupled}): `depthscope run quantization` shows what that does to CSE. "
            "Networks with random weights are in full precision."
        )
    if sentence := missed_text([*map(str, h["condition"].values), *map(str, h["item"].values)]):
        found.append(sentence)
    missing = h["layer"].values[np.isnan(h.values).all((0, 1))]
    if len(missing):
        found.append(
            f"Layers {', '.join(map(str, missing))} have too few scales free of edge effects: missing, not zero."
        )
    for name, text in (
        ("at_start", "stand at position 0, where models park attention: their states mean something else"),
        ("token_exceeds", "share a token with their neighbours: their surprisal counts more than the target"),
        ("state_exceeds", "are stood for by a token that they share: the state covers more than the target"),
    ):
        rows = traj["item"].values[traj[name].values.astype(bool)] if name in traj.coords else []
        if len(rows):
            found.append(f"{len(rows)} target(s) {text} (items {', '.join(dict.fromkeys(map(str, rows[:10])))}).")
    if told := traj.attrs.get("text_remarks"):
        found.append(f"Of the texts: {told}.")
    return found


def quantised(traj: xr.Dataset) -> bool:
    """Whether the weights of the model were."""
    return str(traj.attrs["quantization"]) != "none"


def language_remarks(asked: "Settings", used: "Settings", table: pd.DataFrame) -> list[str]:
    """What a reader should know of the frequencies of the targets: whose they are, and what they do not know."""
    if COLUMN not in table:
        return [f"The language of the texts is not certain, and none was given: the targets have no {COLUMN}."]
    if used.language is None:
        return []
    found = [] if asked.language is not None or asked.stimuli in BUILTIN else [f"found in the texts ({used.language})"]
    unknown = list(dict.fromkeys(table["target"][table[COLUMN] == 0]))
    told = [f"Word frequencies are those of the language {words}; another: --language." for words in found]
    if unknown:
        told.append(
            f"{len(unknown)} target(s) are not in the list of words ({used.language}), so that their {COLUMN} is 0: "
            f"{listed(unknown)}."
        )
    return told
