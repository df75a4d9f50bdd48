import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import depthscope as ds
from depthscope.capture.prefixes import prefixes
from depthscope.capture.tokens import Tokenized, tokenize
from depthscope.model.hooks import hooks
from depthscope.model.stream import stream_in

texts = st.lists(
    st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=6), st.integers(0, 5)), min_size=1, max_size=12
)


def rows(drawn):
    places = [min(place, len(ids) - 1) for ids, place in drawn]
    return [Tokenized(list(ids), [k], 1, False, [k]) for (ids, _), k in zip(drawn, places, strict=True)]


@given(texts)
def test_every_text_is_served_up_to_its_last_token_and_nothing_runs_twice(drawn):
    asked = rows(drawn)
    found = prefixes(asked, True)
    for row, owner in zip(asked, found.owner, strict=True):
        assert found.ids[owner][: row.last + 1] == row.ids[: row.last + 1]
    assert sorted(set(found.owner)) == list(range(len(found.ids)))
    for i, one in enumerate(found.ids):
        assert not any(i != k and other[: len(one)] == one for k, other in enumerate(found.ids))
    # no longer than what somebody asks for
    assert all(any(row.ids[: row.last + 1] == ids for row in asked) for ids in found.ids)


@given(texts)
def test_what_is_not_causal_runs_to_its_end(drawn):
    asked = rows(drawn)
    found = prefixes(asked, False)
    assert [found.ids[owner] for owner in found.owner] == [row.ids for row in asked]
    assert len(found.ids) == len({tuple(row.ids) for row in asked})


@given(texts, st.booleans(), st.sets(st.integers(0, 11)))
def test_what_some_sequences_serve_is_what_its_texts_alone_would_ask_for(drawn, causal, some):
    asked = rows(drawn)
    found = prefixes(asked, causal)
    chosen = found.texts([number for number in some if number < len(found.ids)])
    assert found.within(chosen) == prefixes([asked[text] for text in chosen], causal)


def test_surprisal_may_ask_for_more_than_the_state_does():
    row = Tokenized([5, 6, 7, 8], [1], 2, False, [1, 2])
    assert prefixes([row], True).ids == [[5, 6, 7]]


TABLE = [
    ("a", "x", "The old shark swims in the warm sea near the coast.", "shark"),
    ("a", "y", "The old shark is here.", "shark"),
    ("b", "x", "The old shark swims in the warm sea near the coast.", "sea"),
    ("b", "y", "The old shark swims in the warm sea near the coast.", "coast"),
    ("c", "x", "A storm.", "storm"),
    ("c", "y", "Yesterday the unbelievably strange wallpaper fell down, which nobody had seen.", "wallpaper"),
]


def table():
    return [dict(zip(("item", "condition", "text", "target"), row, strict=True)) for row in TABLE]


def tokens_run(model, work):
    seen = []

    with hooks(model.network) as placed:
        placed.before(model.blocks[0], lambda module, args, kwargs: seen.append(stream_in(args, kwargs).shape[:2]))
        work()
    return sum(rows * tokens for rows, tokens in seen)


@pytest.mark.parametrize("subtoken", ["last", "first", "mean"])
def test_cut_texts_give_the_numbers_of_whole_ones(tiny, subtoken, monkeypatch):
    options = {"subtoken": subtoken, "keep": "states", "lens": True, "progress": False}
    cut = ds.trace(tiny, table(), **options)
    for module in ("trace", "record"):
        monkeypatch.setattr(f"depthscope.capture.{module}.whole", lambda model: True)
    monkeypatch.setitem(vars(tiny), "tail", ())
    whole = ds.trace(tiny, table(), **options)
    for name in cut:
        scale = float(np.abs(whole[name]).max())
        assert cut[name].values == pytest.approx(whole[name].values, abs=1e-6 * scale), name
    for name in whole.coords:
        if name == "surprisal":
            assert cut[name].values == pytest.approx(whole[name].values, abs=1e-4)
        else:
            assert (cut[name] == whole[name]).all(), name


def test_nothing_behind_the_targets_runs_and_what_begins_alike_runs_once(tiny):
    rows = tokenize(tiny.tokenizer, ds.read_stimuli(table(), paired=False))
    found = prefixes(rows, True)
    assert len(found.ids) == 3  # the longest of the four about the shark serves the others, whatever follows
    assert tokens_run(tiny, lambda: ds.trace(tiny, table(), token_budget=1, progress=False)) == sum(map(len, found.ids))
