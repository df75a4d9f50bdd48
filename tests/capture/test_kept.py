"""What a tokenizer drops of a text, or reads as something else: told by its place and its name, in every script."""

import string
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from depthscope.capture.census import census
from depthscope.capture.kept import Keeping, Kept
from depthscope.capture.pieces import BYTES
from depthscope.capture.tokens import tokenize
from depthscope.capture.vocabulary import Vocabulary
from depthscope.stimuli.read import read_stimuli
from tests.capture.tokenizers import fast, forgetful, letters, sentencepiece_bpe, unigram, wordlevel, wordpiece

ASCII = string.ascii_letters + string.digits + "Ġ▁"
ALL_BYTES = "".join(BYTES)
BARE = normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()])


def replaced(pattern: str, by: str) -> Any:
    return normalizers.Replace(Regex(pattern), by)


def table(*rows: tuple[str, str]) -> pd.DataFrame:
    return read_stimuli(
        [{"item": str(i), "condition": "c", "text": text, "target": word} for i, (text, word) in enumerate(rows)],
        paired=False,
    )


def kept(tokenizer: Tokenizer, text: str) -> Kept:
    whole = fast(tokenizer)
    found = whole(text, return_offsets_mapping=True)
    keeping = Keeping(whole, Vocabulary(whole, ([], [])).unknown)
    return keeping.of(text, found["input_ids"], found["offset_mapping"], (0, len(text)))


def split(pattern: str, behavior: Any) -> Tokenizer:
    tokenizer = letters(ALL_BYTES, bytelevel=True)
    assert tokenizer.pre_tokenizer is not None
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(pattern, behavior), tokenizer.pre_tokenizer]
    )
    return tokenizer


LOSSES = [
    # half a character: é is C3 A9, è C3 A8, and A9 is not known
    (letters(ASCII + "Ã¨", bytelevel=True), "un thé", "thé", "'é' (U+00E9)"),
    (letters(ASCII + "Ã", bytelevel=True), "un père", "père", "'è' (U+00E8)"),
    (letters(ASCII + "é¯", bytelevel=True), "鯨 und a鯨", "a鯨", "'鯨' (U+9BE8)"),
    (letters(ASCII + "Ã", bytelevel=True, normalizer=normalizers.NFC()), "un the\u0301", "the\u0301", "'é' (U+00E9)"),
    # a vowel sign, at the end and inside
    (letters("▁कमल"), "कल की", "की", "'ी' (U+0940)"),
    (letters("▁कमल"), "कल कील", "कील", "'ी' (U+0940)"),
    (letters("▁คนำ"), "คำ คนั", "คนั", "'ั' (U+0E31)"),
    # the mark of a long vowel, an iteration mark, a voicing mark
    (letters("▁サメビル"), "サメ と ビール", "ビール", "'ー' (U+30FC)"),
    (letters("▁人"), "人 と 人々", "人々", "'々' (U+3005)"),
    (letters("▁ハナ", normalizer=normalizers.NFD()), "ハ バナナ", "バナナ", "U+3099"),
    # the sign that is missing stands elsewhere as well
    (letters("▁कलमु", normalizer=replaced("ु$", "")), "कुल कमु", "कमु", "'ु' (U+0941)"),
    (wordpiece(), "कुल कुल", "कुल", "'ु' (U+0941)"),
    # what the splitting into pieces takes out
    (split("-", "removed"), "a co-op", "co-op", "'-' (U+002D)"),
    (split("x", "removed"), "a box", "box", "'x' (U+0078)"),
    # an accent that the vocabulary lacks
    (letters(ASCII), "so sha\u0301rk", "sha\u0301rk", "U+0301"),
    # what is lost is named, not what comes after it
    (letters("▁abc"), "abc axbyc", "axbyc", "'x' (U+0078)"),
    (letters(ALL_BYTES, bytelevel=True, normalizer=replaced("[aeiou]", "")), "The shark", "shark", "'a' (U+0061)"),
    (letters(ALL_BYTES, bytelevel=True, normalizer=BARE), "ดี คำ", "คำ", "U+0E4D"),
    (letters(ALL_BYTES, bytelevel=True, normalizer=replaced(r"\+", "")), "Try C++", "C++", "'+' (U+002B)"),
]


@pytest.mark.parametrize(("tokenizer", "text", "word", "sign"), LOSSES)
def test_a_target_of_which_something_is_lost_is_refused_and_what_is_lost_is_named(
    tokenizer: Tokenizer, text: str, word: str, sign: str, refuses: Any
) -> None:
    with refuses("item '0'", "the tokenizer drops", sign, "is read as another word", "choose another target"):
        tokenize(
            fast(tokenizer),
            read_stimuli(
                [{"item": "0", "condition": "c", "text": text, "target": word, "occurrence": text.split().count(word)}],
                paired=False,
            ),
        )


FORMS = [None, *(getattr(normalizers, name)() for name in ("NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase"))]
TEXTS = [
    "Straße İstanbul ﬁn ½ …",
    "바다 \u1112\u1161\u11ab বো কুল",
    "คำ น้ำ バナナ ハ\u3099",
    "كَتَبَ ـكـ שָׁלוֹם",
    "❤️ 👨‍👩‍👧 می‌خواهم",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("normalizer", FORMS)
def test_forms_of_the_same_characters_are_no_losses(normalizer: Any, text: str) -> None:
    assert kept(letters(ALL_BYTES, bytelevel=True, normalizer=normalizer), text) == Kept()


@pytest.mark.parametrize(
    ("tokenizer", "text"),
    [
        (letters(ALL_BYTES, normalizer=normalizers.ByteLevel()), "Straße 鯨"),
        (letters(ALL_BYTES, bytelevel=True, normalizer=BARE), "Schön Étudié"),
        (letters(ALL_BYTES, bytelevel=True, normalizer=normalizers.Replace("...", "…")), "so ..."),
        (sentencepiece_bpe(), "The Zebra 鯨"),
        (unigram(), "The Zebra 鯨 की"),
        (wordlevel(), "The Zebra 鯨 की"),
        (wordpiece(), "The shárk 鯨\u200b 你好"),
    ],
)
def test_accents_and_what_is_unknown_are_no_losses(tokenizer: Tokenizer, text: str) -> None:
    assert kept(tokenizer, text) == Kept()


@given(known=st.sets(st.sampled_from("abcéè鯨ी")), text=st.text("abcéè鯨की ", min_size=1, max_size=12))
def test_what_a_vocabulary_lacks_is_lost_and_nothing_else(known: set[str], text: str) -> None:
    lost = kept(letters("▁" + "".join(sorted(known))), text).lost
    assert [(one.place, one.character) for one in lost] == [
        (k, sign) for k, sign in enumerate(text) if sign not in known and sign != " "
    ]


@settings(max_examples=20)
@given(
    known=st.sets(st.sampled_from(sorted(BYTES)), min_size=200), text=st.text("abcéè鯨की😀 ", min_size=1, max_size=12)
)
def test_a_character_is_lost_of_which_one_byte_is(known: set[str], text: str) -> None:
    lost = kept(letters("".join(sorted(known)), bytelevel=True), text).lost
    have = {BYTES[sign] for sign in known}
    assert [one.place for one in lost] == [
        k for k, sign in enumerate(text) if sign != " " and not {*sign.encode()} <= have
    ]


def test_characters_lost_beside_the_target_are_told_by_text_and_do_not_stop_a_run() -> None:
    rows = table(("The Zebra and a shark", "shark"), ("A shark", "shark"))
    lines = census(fast(forgetful()), rows, "last", None)
    (told,) = [line for line in lines if "drops characters" in line]
    assert told.endswith(
        "drops characters beside the target: 'Z' (U+005A), 'b' (U+0062), 'd' (U+0064) in item 0, 'A' (U+0041) in item 1"
    )


def test_what_is_lost_before_the_target_in_one_piece_moves_it(refuses: Any) -> None:
    tokenizer = fast(Tokenizer(models.BPE({sign: i for i, sign in enumerate("abc ")}, [])))
    assert tokenizer("xab", return_offsets_mapping=True)["offset_mapping"] == [
        (0, 1),
        (1, 2),
    ]  # else this tests nothing
    with refuses("drops 'x' (U+0078)", "'ab' cannot be found among its tokens"):
        tokenize(tokenizer, table(("x ab", "ab")))
    (row,) = tokenize(tokenizer, table(("ab x", "ab")), "mean")
    assert (row.said, row.dropped) == ("ab", ("'x' (U+0078)",))


def test_a_byte_that_stands_for_what_is_not_known_makes_a_target_unknown(refuses: Any) -> None:
    tokenizer = fast(letters(ASCII + "Ã¨", bytelevel=True, unknown="<unk>"))
    assert tokenize(tokenizer, table(("un père", "père")))[0].strangers == 0
    with refuses("does not know 1 target(s)", "'thé'"):
        tokenize(tokenizer, table(("un thé", "thé")))


def test_bytes_that_are_known_stand_for_no_stranger() -> None:
    known = ASCII + "".join(sign for sign, byte in BYTES.items() if byte in "😃".encode())  # not 0x80, not 0x81
    row = tokenize(fast(letters(known, bytelevel=True)), table(("so 😃", "😃")), "mean")[0]
    assert (row.n_subtokens, row.strangers, row.said.count("<0x")) == (4, 0, 4)


def test_what_was_added_to_a_vocabulary_is_no_loss() -> None:
    tokenizer = letters("▁abc")
    tokenizer.add_tokens(["xyz"])
    assert kept(tokenizer, "a xyz b") == Kept()
    assert [str(one) for one in kept(tokenizer, "a xyz x b").lost] == ["'x' (U+0078)"]


DIGITS = letters(ALL_BYTES, bytelevel=True, normalizer=replaced("[0-9]", "0"))


@pytest.mark.parametrize(
    ("tokenizer", "one", "other"),
    [
        (DIGITS, "1984", "2023"),
        (letters(ALL_BYTES, bytelevel=True, normalizer=BARE), "schön", "schon"),
        (wordpiece(), "shárk", "shark"),
        (letters(ALL_BYTES, bytelevel=True, normalizer=replaced("[gk]", "k")), "gern", "kern"),
    ],
)
def test_different_targets_of_the_same_tokens_are_refused(
    tokenizer: Tokenizer, one: str, other: str, refuses: Any
) -> None:
    rows = table((f"So {one} it is", one), (f"And {other} it was", other))
    with refuses(
        "item '1'",
        "the same tokens of different targets",
        f"'{other}' and '{one}' (item '0'",
        "a model that tells them",
    ):
        tokenize(fast(tokenizer), rows)


@pytest.mark.parametrize(
    ("one", "other"), [("Shark", "shark"), ("caf\u00e9", "cafe\u0301"), ("isn't", "isn’t"), ("ｓhark", "shark")]
)
def test_case_and_forms_make_no_different_words(one: str, other: str) -> None:
    normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace("’", "'")])
    tokenizer = fast(letters(ALL_BYTES, bytelevel=True, normalizer=normalizer))
    rows = table((f"So {one} it is", one), (f"So {other} it is", other))
    lines = census(tokenizer, rows, "last", None)
    told = "targets of which upper and lower case are the same tokens: 1 (shark)"
    assert (told in lines) == (one == "Shark")
    assert "texts that differ, and of which the tokens are the same: 2 (items 0, 1)" in lines


def test_a_target_that_is_read_as_something_else_is_told() -> None:
    lines = census(fast(DIGITS), table(("In 1984 it was", "1984"), ("It was late", "late")), "last", None)
    assert "targets that the tokenizer reads as something else: '1984' as '0000' in item 0" in lines


@pytest.mark.parametrize(
    ("word", "read"),
    [("schön", "schon"), ("e\u0301te\u0301", "ete"), ("año", "ano"), ("ἔργον", "εργον"), ("чёрт", "черт")],
)
def test_a_target_that_loses_its_accents_is_told(word: str, read: str) -> None:
    told = f"targets that the tokenizer reads without their accents: {word!r} as {read!r}"
    signs = f"▁a it was late{word}{read}"
    assert told in census(fast(letters(signs, normalizer=BARE)), table((f"a {word}", word)), "last", None)
    for normalizer in (None, normalizers.NFD(), normalizers.NFC(), normalizers.Lowercase()):
        tokenizer = fast(letters(signs + "\u0301\u0308\u0303\u0313ἔё", normalizer=normalizer, unknown="?"))
        assert not tokenize(tokenizer, table(("it was late", "late")))[0].unaccented
        assert not Keeping(tokenizer, frozenset()).unaccented(word)


def test_targets_that_share_a_token_are_not_taken_for_different_words() -> None:
    row = {"condition": "c", "text": "The ghost", "end": 9}
    rows = read_stimuli([{**row, "item": "0", "start": 4}, {**row, "item": "1", "start": 5}], paired=False)
    assert [row.said for row in tokenize(fast(wordlevel()), rows)] == ["ghost", "ghost"]


def test_a_tokenizer_that_stops_at_what_it_does_not_know_is_a_sentence(refuses: Any) -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "shark": 1}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    assert len(tokenize(fast(tokenizer), table(("a shark", "shark")))) == 1
    with refuses("the tokenizer cannot read all texts", "UNK", "choose other texts"):
        tokenize(fast(tokenizer), table(("a whale", "whale")))
