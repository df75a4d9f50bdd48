"""The sets of stimuli and their contrasts: ours, and others', which stand in folders of their names."""

import csv
from pathlib import Path

import pandas as pd

import depthscope as ds
from depthscope.stimuli.sample import sample_items

PAIR = (("metaphor", "literal"),)

# set -> its contrasts; the first set chooses the layers for all
CONTRASTS: dict[str, tuple[tuple[str, str], ...]] = {
    "cardillo": PAIR,
    "builtin": (
        *PAIR,
        ("anomalous", "literal"),
        ("metaphor", "anomalous"),
        ("metaphor", "paraphrase"),
        ("metaphor", "complex"),
    ),
    "mohx": PAIR,
    "impli": (*PAIR, ("metaphor", "paraphrase")),
    "vua": PAIR,
    "vua-others": PAIR,
    "vua-nouns": PAIR,
    "munch": (("metaphor", "apt"), ("inapt", "apt"), ("metaphor", "inapt")),
}
DRAWN = 200


def stimuli(name: str, folder: Path) -> pd.DataFrame:
    """A validated table: all items, or 200 of a larger set; ``vua-others`` has the next 200 behind those of ``vua``."""
    if name == "builtin":
        return ds.read_stimuli(name)
    if name == "munch":
        return sample_items(ds.read_stimuli(munch(folder / "munch")), DRAWN)
    if name == "vua-others":
        table = ds.read_stimuli("vua", folder=folder)
        known = sample_items(table, DRAWN)["item"]
        both = sample_items(table, 2 * DRAWN)  # a smaller draw is a part of a larger one
        return both[~both["item"].isin(known)].reset_index(drop=True)
    table = ds.read_stimuli(name, folder=folder)
    return sample_items(table, min(DRAWN, table["item"].nunique())) if name.startswith("vua") else table


def munch(folder: Path) -> pd.DataFrame:
    """MUNCH (Tong et al. 2024): a metaphor in natural text, and in its place a word that is apt, and one that is not.

    The word that is not apt fits the literal sense of the metaphor: in its sentence it is close to nonsense. Of each metaphor
    the first pair of substitutions that was judged so.
    """
    rows: list[dict[str, object]] = []
    taken = set()
    with (folder / "for_judgement.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["s0_idx"] in taken or (row["s1_label"], row["s2_label"]) != ("apt", "inapt"):
                continue
            marked = {"metaphor": row["s0"], "apt": row["s1"], "inapt": row["s2"]}
            if all(text.count("<b>") == text.count("</b>") == 1 for text in marked.values()):
                taken.add(row["s0_idx"])
                rows += [{"item": row["s0_idx"], "condition": name, **unmarked(text)} for name, text in marked.items()]
    return pd.DataFrame(rows)


def unmarked(text: str) -> dict[str, object]:
    """The text, with the place of what stood between the marks."""
    before, rest = text.split("<b>")
    target, after = rest.split("</b>")
    return {"text": before + target + after, "start": len(before), "end": len(before) + len(target)}
