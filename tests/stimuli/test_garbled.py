"""Texts that lost letters, or got others for them, are refused; others are not."""

from time import process_time

import pandas as pd
import pytest

from depthscope.stimuli.builtin import read_builtin
from depthscope.stimuli.garbled import AGAIN, garbled, written_out
from depthscope.stimuli.table import validate

LOST = [
    "????? ??? ????.",
    "?? ??, ????",
    "M?ller ist ein Hai.",
    "Das ist ?bel.",
    "Herr M\ufffdller lacht.",
    "Les \u00e9l?ves.",
]
WRITTEN_OUT = [
    ("Tom &amp; a shark.", "'&amp;'", "'&'"),
    ("It&#39;s a shark.", "'&#39;'", '"\'"'),
    ("Der K&auml;se.", "'&auml;'", "'ä'"),
    ("A shark._x000D_", "'_x000D_'", r"'\r'"),
    ("Der K\\u00e4se.", r"'\\u00e4'", "'ä'"),
]
SOUND = [
    "What?He left. Why?",
    "Quoi ?? Non ! Vraiment ?",
    "Qu'est-ce que c'est ?",
    "¿Qué? ¿Cómo?",
    "?The lawyer slept the shark.",
    "See a.org/x.php?id=3 or http://a.org/?q=b.",
    "AT&T; R&D; x & y; _x_ and max_x1.",
    "Das dauert 20 °C – „Übel“, sagte er… «\u00a0Ça\u00a0» 5\u00a0€",
    "PAMÄŤ, DĹŽKA, ÂŞIK, ДІ, ЕЁ",
    "São Paulo, À LA CARTE, NÃO, ÂME, Î",
    "Ще раз. Це Рік.",
    "鲨鱼？是！",
    "🦈!",
]
WORDS = [
    "Käse",
    "déjà",
    "он акула",
    "köpekbalığı",
    "पेड़",
    "鲨鱼",
    "فيل كبير",
    "ปลาฉลาม",
    "“shark”",
    "it’s",
    "5 €",
    "1 – 2",
    "žralok",
]


@pytest.mark.parametrize("text", LOST)
def test_letters_that_were_lost_are_seen(text):
    told, way_out = garbled(text) or ("", "")
    assert "letters, which are lost" in told
    assert way_out == (AGAIN if "\ufffd" in text else f"{AGAIN}, or put a space where a question ends")


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize("word", WORDS)
def test_utf8_taken_for_another_encoding_is_read_again(word, encoding):
    # what an encoding leaves open, programs take from Latin-1
    held = "".join(_as(byte, encoding) for byte in word.encode())
    told, way_out = garbled(f"A {held} b.") or ("", "")
    meant = next(part for part in told.split("'") if part and part in word and part not in held)
    assert not meant.isascii()
    assert way_out == AGAIN


def _as(byte, encoding):
    try:
        return bytes([byte]).decode(encoding)
    except UnicodeDecodeError:
        return chr(byte)


@pytest.mark.parametrize(
    ("word", "encoding"), [("акула моря", "cp1251"), ("žralok tančí", "cp1250"), ("Käse", "mac_roman")]
)
def test_so_it_is_in_the_encodings_of_other_machines(word, encoding):
    told, _ = garbled("\u2014 ".encode().decode(encoding) + word.encode().decode(encoding)) or ("", "")
    assert f"in UTF-8 taken for {encoding}" in told


@pytest.mark.parametrize(("text", "held", "meant"), WRITTEN_OUT)
def test_characters_that_a_program_wrote_out_are_named_and_not_refused(text, held, meant):
    written, stands = next(written_out(text))
    assert (repr(written), repr(stands)) == (held, meant)
    assert garbled(text) is None


@pytest.mark.parametrize("text", [*SOUND, *WORDS])
def test_sound_texts_are_left_alone(text):
    assert garbled(text) is None
    assert list(written_out(text)) == []


def test_the_items_of_our_own_are_sound():
    assert not any(garbled(text) for text in read_builtin("builtin")["text"])


def test_a_table_of_such_texts_is_refused_by_row(refuses):
    rows = pd.DataFrame({"item": 1, "condition": ["a", "b"], "text": ["??? ????.", "?? ????."], "target": "????"})
    with refuses("2 problems: item '1', condition 'a': the text holds '??? ????.'", "save the table again"):
        validate(rows)


@pytest.mark.parametrize("text", ["? " * 10_000 + "a", "a?" * 10_000, "/a?b " * 10_000])
def test_a_long_text_takes_time_by_its_length(text):
    began = process_time()
    garbled(text)
    assert process_time() - began < 1


def test_beside_the_target_it_is_told_and_in_the_target_refused(refuses):
    beside = pd.DataFrame(
        {"item": 1, "condition": ["a", "b"], "text": ["KÃ¤se, a shark.", "A shark."], "target": "shark"}
    )
    assert list(validate(beside)["target"]) == ["shark", "shark"]
    with refuses("the text holds 'Ã¤', which is 'ä' in UTF-8 taken for cp1252"):
        validate(beside.assign(target=["KÃ¤se,", "shark"]))
    with refuses("the text holds 'Ã¤'"):  # and not only that the target is not there
        validate(beside.assign(target=["Käse", "shark"]))
