"""The built-in set keeps what its README promises (src/depthscope/stimuli/data/README.md)."""

import re
from collections import Counter

import pytest

import depthscope as ds
from depthscope.stimuli.builtin import read_builtin

CONDITIONS = ["anomalous", "complex", "literal", "metaphor", "paraphrase"]
SHARED = [c for c in CONDITIONS if c != "paraphrase"]
PROBED = ["literal", "metaphor"]
FUNCTION_WORDS = set(
    """
    a an the this that these those each every all both no not some any another other such my your his her its our their
    i you he she it we they me him them us who whom whose which what when where why how there here one
    is was are were be been being am has have had having do does did will would can could may might must shall should
    of in on at by to from with without into onto over under after before between among through during behind beside
    against about above below near off out up down across along around inside outside until since upon within toward
    towards like as than if because although though while and or but nor so yet only even just still also never always
    often ever once again then now too very quite rather more most less least
    """.split()  # noqa: SIM905
)


@pytest.fixture(scope="module")
def table():
    raw = ds.read_stimuli("builtin")
    return raw.assign(before=[text[:start].split() for text, start in zip(raw["text"], raw["start"], strict=True)])


def in_wide(table, column):
    return table.pivot(index="item", columns="condition", values=column)


def test_it_has_at_least_160_items_in_all_five_conditions(table):
    wide = in_wide(table, "text")
    assert sorted(wide.columns) == CONDITIONS
    assert len(wide) >= 160
    assert wide.notna().all().all()


def test_the_readme_states_its_size(table):
    from importlib.resources import files

    readme = (files("depthscope.stimuli") / "data" / "README.md").read_text(encoding="utf-8")
    assert f"{table['item'].nunique()} items x 5 conditions" in readme


def test_the_target_is_the_last_word(table):
    assert [text[end:] for text, end in zip(table["text"], table["end"], strict=True)] == ["."] * len(table)


def test_the_target_occurs_once(table):
    for text, target in zip(table["text"], table["target"], strict=True):
        assert len(re.findall(rf"\b{re.escape(target)}\b", text, re.IGNORECASE)) == 1, text


def test_the_same_number_of_words_stands_before_the_target(table):
    lengths = in_wide(table.assign(words=table["before"].map(len)), "words")
    assert (lengths.nunique(axis=1) == 1).all(), lengths[lengths.nunique(axis=1) > 1]


def test_four_conditions_share_the_form_of_the_target_and_the_paraphrase_has_another(table):
    targets = in_wide(table, "target")
    assert (targets[SHARED].nunique(axis=1) == 1).all()
    assert (targets["paraphrase"].str.lower() != targets["metaphor"].str.lower()).all()


def test_what_stands_before_the_target_differs_between_conditions_that_share_it(table):
    before = in_wide(table.assign(prefix=table["before"].map(" ".join).str.lower()), "prefix")
    assert (before[SHARED].nunique(axis=1) == 4).all()


def test_no_text_occurs_twice(table):
    assert not table["text"].str.lower().duplicated().any()


def test_no_target_serves_two_items(table):
    served = table[table["condition"] != "paraphrase"].groupby(table["target"].str.lower())["item"].nunique()
    assert (served == 1).all(), served[served > 1]


def test_no_frame_serves_more_than_eight_texts_of_a_condition(table):
    frames = Counter(
        (condition, " ".join(word if word in FUNCTION_WORDS else "_" for word in map(bare, before)))
        for condition, before in zip(table["condition"], table["before"], strict=True)
    )
    assert max(frames.values()) <= 8, frames.most_common(3)


def bare(word: str) -> str:
    return word.lower().strip(",'")


def test_every_text_is_one_plain_sentence(table):
    for text in table["text"]:
        assert re.fullmatch(r"[A-Z][A-Za-z0-9 ,'-]*\.", text), text
        assert "  " not in text


def test_covariates_are_filled(table):
    assert set(table["pos"]) == {"noun", "verb"}
    assert (table["domain"] != "").all()


@pytest.fixture(scope="module")
def probes(table):
    """One row per text that has a probe: its words in small letters beside those of the two texts of its item."""
    chosen = table[table["condition"].isin(PROBED)]
    both = chosen.groupby("item")["text"].agg(" ".join)
    return chosen.assign(words=chosen["probe"].map(in_words), of_both=chosen["item"].map(both).map(in_words))


def in_words(text: str) -> list[str]:
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


def content(words: list[str]) -> set[str]:
    """Words of four letters or more that say something; a genitive counts as its noun."""
    plain = {word.removesuffix("'s") for word in words}
    return {word for word in plain if len(word) >= 4 and word not in FUNCTION_WORDS}


def test_probes_stand_beside_metaphors_and_literals_of_every_item_and_nowhere_else(table):
    filled = in_wide(table.assign(filled=table["probe"].fillna("") != ""), "filled")
    assert filled.all().to_dict() == {condition: condition in PROBED for condition in CONDITIONS}
    assert filled.any().to_dict() == filled.all().to_dict()


def test_probes_have_four_to_eight_words_and_those_of_an_item_are_about_equally_long(probes):
    lengths = in_wide(probes.assign(length=probes["probe"].str.split().map(len)), "length")
    assert lengths.min(axis=None) >= 4
    assert lengths.max(axis=None) <= 8
    apart = (lengths["metaphor"] - lengths["literal"]).abs()
    assert (apart <= 1).all(), apart[apart > 1]


def test_every_probe_is_one_plain_sentence(probes):
    for probe in probes["probe"]:
        assert re.fullmatch(r"[A-Z][A-Za-z,' -]*[a-z]\.", probe), probe
        assert "  " not in probe


def test_no_probe_holds_the_target_or_a_word_that_begins_with_it(probes):
    targets = {item: set(some["target"].str.lower()) for item, some in probes.groupby("item")}
    for item, probe, words in zip(probes["item"], probes["probe"], probes["words"], strict=True):
        assert not any(word.startswith(target) for word in words for target in targets[item]), probe


def test_no_probe_repeats_a_word_of_content_of_either_text_of_its_item(probes):
    for probe, words, texts in zip(probes["probe"], probes["words"], probes["of_both"], strict=True):
        assert not content(words) & content(texts), (probe, content(words) & content(texts))


def test_no_probe_occurs_twice(probes):
    assert not probes["probe"].str.lower().duplicated().any()


def test_an_unknown_set_is_refused(refuses):
    with refuses("'nonesuch'", "builtin"):
        read_builtin("nonesuch")
