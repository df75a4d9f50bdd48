"""A text, or two side by side, as a page: a strip of tokens, a heat map, and behind every token what was measured of it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from depthscope.drawing.reading import short
from depthscope.report.page.coded import coded
from depthscope.report.page.content import Page, Section
from depthscope.report.page.settings import settings_section
from depthscope.report.page.words import plain
from depthscope.report.table import Column, Table, tabulate
from depthscope.studies.show.results import TextReading, counted_pairs, digits_of
from depthscope.studies.show.words import names_of, quoted
from depthscope.words import layers_text

# where the templates, the script and the chart of the page are
HERE = "depthscope.studies.show"
# bytes of scalograms on a page: beyond it, one byte a cell in place of two
ROOM = 1_500_000
FINE, COARSE = 65535, 255
# sentences that stand above everything else; the others follow where the tokens are
ANSWER = 2


def reading_page(
    readings: Sequence[TextReading],
    pairs: Sequence[tuple[int | None, int | None]],
    settings: Mapping[str, Any],
    answer: Sequence[str],
    blocks: Mapping[str, Mapping[str, Any]],
    command: str,
) -> Page:
    """Lay out what was measured of one text or two.

    Parameters
    ----------
    readings : sequence of TextReading
    pairs : sequence of (i, j)
        The tokens of two texts, aligned; None where one stands alone.
    settings : mapping
        ``model``, ``lens``, ``cse``.
    answer : sequence of str
        What is said of them, the most important first.
    blocks : mapping of mappings
        Versions, checks and whatever else is shown at the end.
    command : str
        By which it can be repeated; may be empty.
    """
    twins = [(i, j) for i, j in pairs if i is not None and j is not None]
    names = names_of(readings)
    flat = {"model": settings["model"], "lens": settings["lens"], **settings["cse"]}
    tables = [_table(one, name, twins, k) for k, (one, name) in enumerate(zip(readings, names, strict=True))]
    content = {"names": names, "lens": "lens_token" in readings[0].traj, "layers": layers_text(*readings[0].layers)}
    sections = [
        Section(
            "reading",
            "Token by token",
            [plain(one) for one in answer[ANSWER:]],
            template="show.html.j2",
            content=content,
        ),
        Section("map", "Tokens and layers", template="show_map.html.j2", content=content),
        Section("tokens", "Every token", tables=[one for one in tables if one is not None]),
        settings_section({"Asked": flat, **blocks}, command),
    ]
    title = " | ".join(quoted(one.text) for one in readings)
    return Page(
        title=title,
        answer=[plain(one) for one in answer[:ANSWER]],
        sections=sections,
        about=f"{settings['model']}, token by token",
        data={"reading": _data(readings, twins, names)},
        scripts=["show.js"],
        charts=["scalogram", "curve", "tokens"],
        packages=[HERE],
    )


def _table(one: TextReading, name: str, twins: Sequence[tuple[int, int]], number: int) -> Table | None:
    other = {pair[number]: pair[1 - number] for pair in twins}
    count = len(one.pieces)
    frame = pd.DataFrame(
        {
            "token": range(count),
            "piece": [short(piece) for piece in one.pieces],
            "cse": one.means,
            "surprisal": one.traj["surprisal"].values,
            "norm": one.traj["update_norm"].transpose("token", "layer").values.mean(1),
            **({"twin": pd.array([other.get(i) for i in range(count)], dtype="object")} if twins else {}),
        }
    )
    columns = (
        Column("token", "{token}"),
        Column("text", "{piece}"),
        Column("mean CSE", f"{{cse:.{max(4, digits_of([one]))}f}}"),
        Column("bits of surprisal", "{surprisal:.2f}"),
        Column("mean |update|", "{norm:.4g}"),
        Column("aligned with", "{twin}"),
    )
    return tabulate(f"tokens-{number}", f"Tokens of the {name}, means over layers", frame, columns)


def _data(readings: Sequence[TextReading], twins: Sequence[tuple[int, int]], names: Sequence[str]) -> dict[str, Any]:
    """What the page's script draws everything from; arrays of numbers as base64, the rightmost dimension fastest."""
    first = readings[0]
    cells = sum(one.share.size for one in readings)
    levels = FINE if 2 * cells <= ROOM else COARSE
    words = _vocabulary(readings)
    return {
        "names": names,
        "layers": first.traj["layer"].values.tolist(),
        "measured": first.cse["layer"].values.tolist(),
        "plane": {
            "periods": [round(float(p), 4) for p in first.share["period"].values],
            "layers": first.share["layer"].values.tolist(),
            "coi": [round(float(c), 4) for c in first.share["coi"].values],
            "levels": levels,
        },
        "words": list(words),
        "ranks": int(first.traj.sizes.get("rank", 0)),
        "texts": [_text(one, levels, words) for one in readings],
        "pairs": [list(pair) for pair in twins],
        "counted": [int(v) for v in counted_pairs(readings, *np.array(twins).T)] if twins else [],
        "digits": digits_of(readings),
    }


def _text(one: TextReading, levels: int, words: Mapping[str, int]) -> dict[str, Any]:
    traj = one.traj
    found: dict[str, Any] = {
        "pieces": one.pieces,
        "before": _gaps(one),
        "special": [int(v) for v in traj["special"].values],
        "counted": [int(v) for v in one.counted],
        "surprisal": [round(float(v), 4) if np.isfinite(v) else None for v in traj["surprisal"].values],
        "mean": [round(float(v), 9) if np.isfinite(v) else None for v in one.means],
        "cse": coded(one.cse.transpose("token", "layer").values, np.float32),
        "norm": coded(traj["update_norm"].transpose("token", "layer").values, np.float32),
        "share": coded(
            np.round(np.nan_to_num(one.share.transpose("token", "scale", "layer").values) * levels),
            np.uint16 if levels > COARSE else np.uint8,
        ),
    }
    if "lens_token" in traj:
        places = np.array(
            [words[str(word)] for word in traj["lens_token"].transpose("token", "layer", "rank").values.flat]
        )
        chances = traj["lens_probability"].transpose("token", "layer", "rank").values
        found["lens"] = {
            "word": coded(places, np.uint16 if len(words) <= FINE else np.uint32),
            "probability": coded(np.round(chances * FINE), np.uint16),
            "entropy": coded(traj["lens_entropy"].transpose("token", "layer").values, np.float32),
        }
    return found


def _vocabulary(readings: Sequence[TextReading]) -> dict[str, int]:
    """Every reading of the lens once, and its place in the list."""
    seen: dict[str, int] = {}
    for one in readings:
        if "lens_token" in one.traj:
            for word in pd.unique(one.traj["lens_token"].values.ravel()):
                seen.setdefault(str(word), len(seen))
    return seen


def _gaps(one: TextReading) -> list[str]:
    """What stands in the text before each token and belongs to none, as blank space does to some tokenizers; then the rest."""
    gaps, reached = [], 0
    for start, end, special in zip(
        one.traj["start"].values, one.traj["end"].values, one.traj["special"].values, strict=True
    ):
        gaps.append("" if special else one.text[reached : int(start)])
        reached = reached if special else max(reached, int(end))
    return [*gaps, one.text[reached:]]
