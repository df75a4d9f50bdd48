"""Offsets that are counted in another way are asked about."""

import pandas as pd
import pytest

from depthscope.stimuli.counting import counted_otherwise
from depthscope.stimuli.table import validate

TEXTS = [("Müller ist ein Hai.", "Hai"), ("“Käse” 🦈 is a shark, now and here.", "shark"), ("Ein großes Tier.", "Tier")]
WAYS = {
    "from 1, the end inclusive": lambda before, word: (len(before) + 1, len(before + word)),
    "from 1, the end exclusive": lambda before, word: (len(before) + 1, len(before + word) + 1),
    "from 0, the end inclusive": lambda before, word: (len(before), len(before + word) - 1),
    "in bytes of UTF-8": lambda before, word: (len(before.encode()), len((before + word).encode())),
    "in units of UTF-16": lambda before, word: tuple(len(s.encode("utf-16-le")) // 2 for s in (before, before + word)),
}


def rows(count):
    spans = [count(text[: text.index(word)], word) for text, word in TEXTS]
    frame = pd.DataFrame({"item": "1", "condition": list("abc"), "text": [text for text, _ in TEXTS]})
    return frame.assign(start=[start for start, _ in spans], end=[end for _, end in spans])


@pytest.mark.parametrize("way", WAYS)
def test_the_way_in_which_all_rows_hold_words_is_named(way, refuses):
    with refuses("start and end cut words, as in", f"but counted {way}, all of them", "or, if parts are meant"):
        validate(rows(WAYS[way]))


def test_our_own_way_and_parts_that_are_named_are_read():
    ours = rows(lambda before, word: (len(before), len(before + word)))
    assert list(validate(ours)["target"]) == [word for _, word in TEXTS]
    parts = rows(lambda before, word: (len(before) + 1, len(before + word)))
    assert list(validate(parts.assign(target=["ai", "hark", "ier"]))["target"]) == ["ai", "hark", "ier"]


@pytest.mark.parametrize(
    "held",
    [
        [("He sharks.", 3, 8)],  # one row alone
        [("He sharks.", 3, 8), ("A shark swam.", 2, 7)],  # words, and the stem of one
        [("He unties.", 5, 8), ("He reties it.", 5, 8)],  # a stem between two affixes
        [("律师是鲨鱼。", 4, 5), ("这是鲨鱼。", 3, 4)],  # without spaces nothing tells
    ],
)
def test_parts_that_no_way_makes_words_of_are_parts(held):
    assert counted_otherwise(held) is None
