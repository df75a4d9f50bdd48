"""The table of model families in words: what works, what is refused and why."""

import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from depthscope.report.table import Column, Table, TableForm
from depthscope.studies.coverage.results import KINDS, Covered

FAMILIES = TableForm(
    "",
    "",
    (
        Column("model type", "{name}"),
        Column("class", "{class_name}"),
        Column("result", "{outcome}"),
        Column("blocks", "`{blocks}`", narrow=False),
        Column("parts", "{parts}", narrow=False),
        Column("remark", "{note}"),
    ),
)
LONGEST = 120  # characters of a remark

# what a reason says that the row says already, or that the document says once for all
_KNOWN = (
    (r"^in memory: ", ""),
    (r"; name the list of blocks yourself.*", ""),
    (r"^\w+ cannot be built small: ", ""),
    (r"^no chain of blocks found in \w+: (.*?\))(?=; |$).*", r"no chain of blocks: \1"),
    (r"^no chain of blocks found in \w+: ", "no chain of blocks: "),
    (r"^\w+ (does not run on text alone), so it cannot be measured; it says: (?:\w+\.forward\(\) )?", r"\1: "),
    (r"^Class validation error for validator '\w+': (?:\w+: )?", ""),
    (r"^\w+ (has no token embeddings)", r"\1"),
    (r"^the last state at \S+ (does not give the model's .*) through its final norm and head", r"the last state \1"),
    (r" but it was not found in your environment.*", ""),
    (r", so \w+ .*", ""),
    (r"(?<![\w.])/(?:[\w.+-]+/)+", ""),  # the folder of a file, on the machine where this was measured
)

ABOUT = (
    "Every class that transformers lists is built small (8 layers, 64 features) with random weights, loaded, put to all the",
    "checks of `depthscope.load` (among them: the last captured state, put back in a pass over other tokens, gives the",
    "model's own logits), traced in a batch and alone, and measured. No class is known to depthscope by name, except to",
    "build it small. What its initialisation leaves at zero gets a little noise, because a closed gate would hide",
    "what is behind it. *not built*: transformers could not make a small one from the configuration, so that nothing is known",
    "of it. *Parts*: into what its updates are split, if they can be: `attention` is whatever mixes tokens, `mlp` whatever",
    "does not (docs/studies/mechanism.md).",
)


def remark(sentence: str) -> str:
    """The reason alone, in at most 120 characters: the class stands beside it, the way out is the same for all."""
    for known, instead in _KNOWN:
        sentence = re.sub(known, instead, sentence)
    return textwrap.shorten(sentence, LONGEST, placeholder=" ...")


def count(rows: Sequence[Covered]) -> str:
    """One line: how many work, are refused, could not be built."""
    found = Counter(row.outcome for row in rows)
    known = len(rows) - found["not built"]
    line = f"{found['works']} of {known} work"
    if found["refused"]:
        line += f", {found['refused']} {'is' if found['refused'] == 1 else 'are'} refused with the reason"
    split = sum(bool(row.parts) for row in rows)
    line += f"; of {split} of those that work the updates can be split into attention and MLP" if split else ""
    return line + (f"; {found['not built']} more could not be built small" if found["not built"] else "")


def coverage_document(rows: Sequence[Covered], versions: str, command: str) -> str:
    """Markdown: the counts, then a table for each kind."""
    lines = [
        "# Which models work",
        "",
        f"Measured with {versions}, by",
        "",
        "<!-- not run: minutes -->",
        "```sh",
        command,
        "```",
        "",
        *ABOUT,
        "",
    ]
    lines += [_filled(f"**{count(rows)}.**")]
    for kind, title in KINDS.items():
        some = [row for row in rows if row.kind == kind]
        if some:
            lines += ["", f"## {title}", "", _filled(f"{count(some)}."), ""]
            # a reason can hold what Markdown takes for markup
            shown = [replace(row, note=row.note.replace("<", "&lt;")) for row in some]
            lines += [table.markdown()] if (table := families_table(shown)) else []
    return "\n".join(lines) + "\n"


def families_table(rows: Sequence[Covered]) -> Table | None:
    """A row for each class; None if there is none."""
    return FAMILIES.of(pd.DataFrame([{**vars(row), "name": named(row)} for row in rows]))


def named(row: Covered) -> str:
    """The model type, with the stack where there are two."""
    return row.model_type + (f" ({row.stack})" if row.kind == "encoder-decoder" else "")


def _filled(sentence: str) -> str:
    return textwrap.fill(sentence, 120, break_long_words=False, break_on_hyphens=False)
