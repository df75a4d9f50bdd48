"""Whole words in any script, against what readers of it take for one."""

import re
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from depthscope.stimuli.words import character_edges, standing


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


INSIDE = [
    ("वह नाराज है", "राज"),
    ("विकल मन", "कल"),
    ("कि", "क"),
    (nfd("un résumé"), nfd("sumé")),
    (nfd("un résumé"), nfd("rés")),
    (nfd("각"), nfd("가")),
    ("상어가", "상어"),
    ("وَالكتاب", "كتاب"),
    ("שָׁלוֹם", "לוֹם"),
    ('צה"ל', "צה"),
    ("ג'ירפה", "ירפה"),
    ("сім'я", "я"),
    ("col·lega", "lega"),
    ("Fuß\u00adball", "Fuß"),
    ("Fuß\u00adball", "ball"),
    ("sh\u2060ark", "ark"),
    ("می\u200cخواهم", "خواهم"),
    ("コーヒーカップ", "カップ"),
    ("foo_bar", "bar"),
    ("m²", "m"),
    ("3,500 or 3.5", "3"),
    ("don't, won’t", "don"),
    ("don't, won’t", "won"),
    ("don't", "t"),
    ("aujourd'hui", "hui"),
    ("aujourd’hui", "aujourd"),
    ("d'aujourd'hui", "hui"),
    ("aujourd´hui", "hui"),
    ("O`Brien", "Brien"),
    ("O'Brien", "Brien"),
    ("O’Brien’s", "Brien"),
    ("ma'am", "am"),
    ("ma’am", "ma"),
    ("o'clock", "clock"),
    ("rock'n'roll", "roll"),
    ("fo'c'sle", "sle"),
    ("y'all", "all"),
    ("c'mon", "mon"),
    ("quelqu’un", "un"),
    ("presqu'île", "île"),
    ("prud’homme", "homme"),
    ("ch'ti", "ti"),
    ("c'hoar", "hoar"),
    ("N'Golo", "Golo"),
    ("Qur'an", "an"),
    ("Hawai'i", "i"),
    ("g'alaba", "alaba"),
    ("İstanbul'da", "İstanbul"),
    ("C++11", "C++"),
    ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f468"),
    ("\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f467"),
    ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "\U0001f1ea\U0001f1eb"),  # flags of DE and FR, not of EF
    ("\U0001f44d\U0001f3fd", "\U0001f44d"),
]


@pytest.mark.parametrize(("text", "word"), INSIDE)
def test_a_part_of_a_word_or_of_a_character_is_none(text: str, word: str) -> None:
    assert word in text
    assert standing(text, word) == []


@pytest.mark.parametrize(
    ("text", "word", "start"),
    [
        ("वह नाराज है और राज यहाँ", "राज", 15),
        ("நான் ஒரு சுறா மீன்", "சுறா", 9),
        (nfd("résumé, sumé"), nfd("sumé"), 10),
        ("l’avion est là", "avion", 2),
        ("l'avion est là", "avion", 2),
        ("dell'arte", "arte", 5),
        ("d’homme", "homme", 2),
        ("l´avion", "avion", 2),
        ("a `shark´ swam", "shark", 3),
        ("a 5′ 3″ wall", "5", 2),
        ("dell’amico", "amico", 5),
        ("un'altra", "altra", 3),
        ("L'E\u0301TE\u0301", "E\u0301TE\u0301", 2),
        ("l’été", "été", 2),
        ("d'œuvre", "œuvre", 2),
        ("C'est", "est", 2),
        ("ç’a été", "a", 2),
        ("qu'aujourd'hui", "aujourd'hui", 3),
        ("jusqu’à", "à", 6),
        ("dell'FBI", "FBI", 5),
        ("l'11 settembre", "11", 2),
        ("d'\u00ab avion \u00bb", "avion", 4),
        ("απ’όλα", "όλα", 3),
        ("O’Brien’s", "O’Brien", 0),
        ("they’re", "they", 0),
        ("I'd've", "I", 0),
        ("y'all've", "y'all", 0),
        ("wie geht's", "geht", 4),
        ("μ’ αγαπά", "μ", 0),
        ("Anna's shark", "Anna", 0),
        ("Anna’s shark", "Anna’s", 0),
        ("they don't", "don't", 5),
        ("the sharks’ teeth", "sharks", 4),
        ("a 'shark' swam", "shark", 3),
        ("הוא 'מילה' כאן", "מילה", 5),
        ("state-of-the-art", "art", 13),
        ("state\u2011of\u2011the\u2011art", "the", 9),
        ("בית־ספר", "ספר", 4),
        ("the end.Start", "Start", 8),
        ("un avion\u202f!", "avion", 3),
        ("version 3.", "3", 8),
        ("\ufeffshark", "shark", 1),
        ("a \u200eshark\u200e.", "shark", 3),
        ("\u05d4\u05d5\u05d0 \u200fshark\u200f", "shark", 5),
        ("❤\ufe0fshark", "shark", 2),
        ("C++, not C++11", "C++", 0),
        ("他是鲨鱼。", "鲨鱼", 2),
        ("他说OK吗", "OK", 2),
        ("3只鲨鱼", "只", 1),
        ("彼はサメです", "サメ", 2),
        ("彼は鮫です", "鮫", 2),
        ("ฉันเห็นฉลามตัวใหญ่", "ฉลาม", 7),
        ("ខ្ញុំឃើញត្រី", "ត្រី", 8),
        ("ပင်လယ်ငါး", "ငါး", 6),
        ("ປາໃຫຍ່", "ໃຫຍ່", 2),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "\U0001f1eb\U0001f1f7", 2),
        ("so \U0001f468\u200d\U0001f469 left", "\U0001f468\u200d\U0001f469", 3),
    ],
)
def test_a_whole_word_is_found_in_any_script(text: str, word: str, start: int) -> None:
    assert standing(text, word) == [(start, start + len(word))]


@pytest.mark.parametrize(
    ("text", "word", "spans"),
    [
        ("eine STRASSE", "straße", [(5, 12)]),
        ("eine Straße", "STRASSE", [(5, 11)]),
        ("Eski İstanbul güzel", "istanbul", [(5, 13)]),
        ("ΟΔΟΣ", "οδός", []),
        ("ΟΔΟΣ", "οδος", [(0, 4)]),
        ("Straßen", "strasse", []),
        ("Die Maße stimmen", "Masse", []),
        ("Er tat Busse", "Buße", []),
        ("GROSSE Maße", "große Maße", [(0, 11)]),
        ("DIE MAẞE", "Maße", [(4, 8)]),
        ("τῇ θεᾳ", "θεαι", []),
        ("ΤΗΙ ΘΕΑΙ", "θεᾳ", [(4, 8)]),
        ("A \ufb01sh", "fish", [(2, 5)]),
        ("Bir kıl var", "kil", []),
    ],
)
def test_case_is_folded_in_full_and_offsets_are_those_of_the_text(text: str, word: str, spans: object) -> None:
    assert standing(text, word) == spans


def test_places_that_overlap_are_all_told() -> None:
    assert standing("ha ha ha", "ha ha") == [(0, 5), (3, 8)]


@given(
    text=st.text("ab9_ -?(é", max_size=14),
    word=st.text("ab9_ -?(é", min_size=1, max_size=3).filter(lambda w: w == w.strip()),
)
def test_in_plain_text_a_word_is_what_no_letter_digit_or_underscore_adjoins(text: str, word: str) -> None:
    pattern = rf"(?=((?<!\w){re.escape(word)}(?!\w)))"
    expected = [found.span(1) for found in re.finditer(pattern, text)]
    assert standing(text, word) == expected


@given(st.text(max_size=12))
def test_characters_join_again_to_the_text(text: str) -> None:
    edges = sorted(character_edges(text))
    assert "".join(text[a:b] for a, b in pairwise(edges)) == text
