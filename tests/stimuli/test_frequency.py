"""Zipf values of targets, from the word lists of wordfreq."""

import math
import sys
from typing import Any

import pandas as pd
import pytest
import wordfreq

import depthscope as ds
from depthscope.stimuli.frequency import with_frequency


def table(*targets: str) -> pd.DataFrame:
    rows = [{"item": i, "condition": "c", "text": f"x {word} x", "target": word} for i, word in enumerate(targets)]
    return ds.read_stimuli(rows, paired=False)


def frequency(*targets: str, language: str = "en") -> list[float]:
    return list(with_frequency(table(*targets), language)["log_frequency"])


def test_common_words_come_before_rare_ones() -> None:
    found = frequency("the", "house", "shark", "millstone")
    assert found == sorted(found, reverse=True)
    assert len(set(found)) == 4
    assert found[0] == pytest.approx(7.7, abs=0.2)  # one word in twenty
    assert 0 < found[3] < 3


def test_the_value_is_the_logarithm_of_occurrences_per_billion_words() -> None:
    expected = math.log10(wordfreq.word_frequency("shark", "en") * 1e9)
    assert frequency("shark") == pytest.approx([expected], abs=0.005)


def test_what_is_no_known_word_has_0() -> None:
    assert frequency("xqzzyv", "?!") == [0, 0]


def test_case_and_surrounding_punctuation_do_not_count() -> None:
    assert len(set(frequency("shark", "Shark", "SHARK", "shark,", '"shark"'))) == 1


def test_several_words_are_rarer_than_the_rarest_of_them() -> None:
    phrase, gave, ghost = frequency("gave up the ghost", "gave", "ghost")
    assert 0 < phrase < min(gave, ghost)
    assert frequency("xqzzyv ghost") == [0]


def test_another_language_has_its_own_list() -> None:
    wall, shark = frequency("Mauer", "Haifisch", language="de")
    assert wall > shark > 0
    assert frequency("Haifisch") < [shark]


@pytest.mark.parametrize(("language", "plain"), [("fr", "l'avion"), ("it", "dell'acqua"), ("en", "don't")])
@pytest.mark.parametrize("apostrophe", "\u2019\u2018\u02bc\uff07")
def test_how_an_apostrophe_is_written_does_not_count(language: str, plain: str, apostrophe: str) -> None:
    known, curly = frequency(plain, plain.replace("'", apostrophe), language=language)
    assert curly == known > 0


def test_a_hyphen_that_is_not_seen_does_not_count() -> None:
    assert len(set(frequency("Schl\u00adüssel", "Schlüssel", language="de"))) == 1


def german(*targets: str) -> pd.DataFrame:
    rows = [
        {"item": i, "condition": "c", "text": f"Das ist {word}, sagte sie.", "target": word}
        for i, word in enumerate(targets)
    ]
    return ds.read_stimuli(rows, paired=False)


def test_the_language_is_that_of_the_texts_unless_it_is_told() -> None:
    table = german("der Schlüssel", "ein Hai")
    own = with_frequency(table)["log_frequency"]
    assert own.tolist() == with_frequency(table, "de")["log_frequency"].tolist()
    assert own[0] > 3
    assert (with_frequency(table, "en")["log_frequency"] < own).all()


def test_a_language_that_is_not_certain_is_asked_for(refuses: Any) -> None:
    with refuses("language of the texts", "not certain", "--language"):
        with_frequency(table("shark"))


def test_a_column_that_the_table_brings_is_kept() -> None:
    own = table("shark", "wall").assign(log_frequency=[1.5, 2.5])
    pd.testing.assert_frame_equal(with_frequency(own), own)


def test_the_rest_of_the_table_is_as_it_was() -> None:
    before = table("shark", "wall")
    kept = before.copy()
    after = with_frequency(before, "en")
    pd.testing.assert_frame_equal(before, kept)
    pd.testing.assert_frame_equal(after.drop(columns="log_frequency"), before)
    assert after["log_frequency"].dtype == "float64"


def test_every_target_of_the_built_in_set_is_a_known_word() -> None:
    assert (with_frequency(ds.read_stimuli("builtin"))["log_frequency"] > 1).all()


@pytest.mark.parametrize("language", ["xx", "English", ""])
def test_an_unknown_language_is_refused(language: str, refuses: Any) -> None:
    with refuses(f"language={language!r}", "choose one of", "de, el, en"):
        frequency("shark", language=language)


def test_a_table_without_targets_is_refused(refuses: Any) -> None:
    with refuses("no column target", "read_stimuli"):
        with_frequency(pd.DataFrame({"item": ["a"]}))


def test_a_language_whose_words_cannot_be_told_apart_here_is_refused(
    monkeypatch: pytest.MonkeyPatch, refuses: Any
) -> None:
    # as where the library that cuts Chinese into words is not installed
    monkeypatch.setitem(sys.modules, "jieba", None)
    with refuses("language='zh'", "jieba", "pip install 'wordfreq[cjk]'"):
        frequency("鲸鱼", language="zh")
